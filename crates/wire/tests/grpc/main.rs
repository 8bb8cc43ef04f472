//! The gRPC endpoint, driven over a socket by tonic's client and by raw bytes.
#![cfg(feature = "grpc")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers as well")]

mod broken;
mod control;
mod describe;
mod headers;
mod infer;
mod lifetime;
mod stream;
mod support;
