"""Traces of requests: native code behind the Cargo feature ``tracing``; see ``brick.toml``."""
