"""Shared memory for clients: native code behind the Cargo feature ``shm``; see ``brick.toml``."""
