"""The metrics endpoint: native code behind the Cargo feature ``metrics``; see ``brick.toml``."""
