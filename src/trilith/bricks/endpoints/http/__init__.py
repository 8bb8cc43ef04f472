"""The HTTP endpoint: native code behind the Cargo feature ``http``; see ``brick.toml``."""
