"""TLS for the endpoints: native code behind the Cargo feature ``tls``; see ``brick.toml``."""
