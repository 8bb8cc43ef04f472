//! `inference.GRPCInferenceService`, health and reflection.
//!
//! In the order of a call's path:
//! - [`server`] — connections, that have an [`age`], are read [`ahead`], begin with a [`preface`]; [`authority`] mends one header;
//!   [`watched`] by the rules of [`pings`], where there are any
//! - [`service`] — which call is answered by what
//! - [`api`] — which part of the protocol a call belongs to
//! - [`call`], [`frame`], [`compression`], [`pieces`] — a call's headers and messages
//! - [`infer`], [`stream`] with [`exchange`] — inference, once and streamed
//! - [`draft`] with [`fields`], [`convert_request`], [`contents`] — from the wire to the engine's request
//! - [`convert_response`], [`body`], [`status`] — and back
//! - [`describe`], [`statistics`], [`health`], [`reflection`],
//!   [`shared_memory`] — everything else
//! - [`control`] — loading and unloading models
//! - [`settings`] — of traces and of the log
//! - [`protocol`] — the generated messages
//!
//! The framing stands on hyper alone: a tensor keeps the memory it was received in up to the batch, and leaves
//! from where the model put it. tonic brings the status type and the reflection service.

mod age;
mod ahead;
mod api;
mod authority;
mod body;
mod call;
mod compression;
mod contents;
mod control;
mod convert_request;
mod convert_response;
mod describe;
mod draft;
mod exchange;
mod fields;
mod frame;
mod health;
mod infer;
mod passing;
mod pieces;
mod pings;
mod preface;
pub mod protocol;
mod reflection;
mod server;
mod service;
mod settings;
mod shared_memory;
mod statistics;
mod status;
mod stream;
mod watched;

use std::time::Duration;

pub use compression::CompressionLevel;
pub use pings::PingOptions;
pub use protocol::FILE_DESCRIPTOR_SET;
pub use server::serve;

use crate::forward::HeaderPattern;
use crate::restriction::Restrictions;
use crate::transport::Connections;

/// Bounds and options of the gRPC endpoint, by Triton's flags.
#[derive(Clone, Debug)]
pub struct GrpcOptions {
    /// Largest message that is accepted, bytes (Triton: 2 GiB - 1).
    pub max_message_size: usize,
    /// Keep-alive ping interval (`--grpc-keepalive-time`).
    pub keepalive_time: Duration,
    /// Time to answer a ping (`--grpc-keepalive-timeout`).
    pub keepalive_timeout: Duration,
    /// Which pings are sent and taken.
    pub pings: PingOptions,
    /// Time in which a connection must show that it speaks HTTP/2 (`--client-timeout-secs`).
    pub handshake_timeout: Duration,
    /// Connections served at once; further ones wait in the listener's backlog.
    pub connections: Connections,
    /// How long a connection may live, less or more a tenth (`--grpc-max-connection-age`).
    pub max_connection_age: Option<Duration>,
    /// How long its calls may go on after that (`--grpc-max-connection-age-grace`).
    pub max_connection_age_grace: Option<Duration>,
    /// Parts of the protocol that take a secret (`--grpc-restricted-protocol`).
    pub restrictions: Restrictions,
    /// Headers that become parameters of inference requests (`--grpc-header-forward-pattern`).
    pub forward: Option<HeaderPattern>,
    /// How hard responses are compressed for clients that accept it (`--grpc-infer-response-compression-level`).
    pub response_compression: CompressionLevel,
}

impl Default for GrpcOptions {
    fn default() -> Self {
        Self {
            max_message_size: i32::MAX as usize,
            keepalive_time: Duration::from_secs(7200),
            keepalive_timeout: Duration::from_secs(20),
            pings: PingOptions::default(),
            // As long as the HTTP endpoint gives a header.
            handshake_timeout: Duration::from_secs(30),
            connections: Connections::at_most(16_384),
            max_connection_age: None,
            max_connection_age_grace: None,
            restrictions: Restrictions::default(),
            forward: None,
            response_compression: CompressionLevel::None,
        }
    }
}
