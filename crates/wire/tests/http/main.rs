//! The HTTP endpoints: their codec, their routes, their connections, and the metrics beside them.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

mod client;
mod codec;
mod connections;
#[cfg(feature = "metrics")]
mod metrics;
mod server;
mod support;
