"""The gRPC endpoint: native code behind the Cargo feature ``grpc``; see ``brick.toml``."""
