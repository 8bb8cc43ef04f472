//! The gRPC endpoint, driven over a socket by tonic's client and by raw bytes.
#![cfg(feature = "grpc")]

mod broken;
mod describe;
mod headers;
mod infer;
mod lifetime;
mod stream;
mod support;
