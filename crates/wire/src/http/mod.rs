//! KServe v2 over HTTP.
//!
//! - [`route`]: which path means what
//! - [`endpoint`]: from a request to its answer
//! - [`body`]: collects the body of a request within its bounds
//! - [`compress`]: gzip and deflate, both ways
//! - [`infer`]: JSON and binary tensors to and from the nouns of inference
//! - [`generate`], [`generation`]: the generate extension
//! - [`inference`]: one inference, from its body to its answer
//! - [`control`]: loading and unloading models
//! - [`describe`]: metadata, statistics and the repository index as JSON
//! - [`shared_memory`]: the regions that clients have registered
//! - [`reply`]: answers and their headers
//! - [`json`]: writes JSON

mod body;
mod compress;
mod control;
mod describe;
mod endpoint;
mod generate;
mod generation;
pub mod infer;
mod inference;
mod json;
mod reply;
mod route;
mod settings;
mod shared_memory;

use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::forward::HeaderPattern;
use crate::listen::{self, Limits};
use crate::restriction::Restrictions;
use crate::shutdown::Shutdown;
use crate::transport::{Connections, Listener};

/// Twice the descriptors that this takes are asked for at start, so that this bound is met first.
const MAX_CONNECTIONS: usize = 16_384;

/// Bounds and options of the HTTP endpoint.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Largest body, compressed or not (`--http-max-input-size`).
    pub max_input_size: usize,
    /// Time in which a request's header must be complete.
    pub header_timeout: Duration,
    /// Time that a body may take from one piece to the next.
    pub body_timeout: Duration,
    /// Largest header.
    pub max_header_size: usize,
    /// Connections served at once; further ones wait in the listener's backlog.
    pub connections: Connections,
    /// Parts of the protocol that take a secret (`--http-restricted-api`).
    pub restrictions: Restrictions,
    /// Headers that become parameters of inference requests (`--http-header-forward-pattern`).
    pub forward: Option<HeaderPattern>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            // Triton's default for --http-max-input-size.
            max_input_size: 64 << 20,
            // Slow clients are given as long as browsers give slow servers to begin.
            header_timeout: Duration::from_secs(30),
            // As long as a header: a client that sends nothing for this long has most likely gone.
            body_timeout: Duration::from_secs(30),
            max_header_size: 64 << 10,
            connections: Connections::at_most(MAX_CONNECTIONS),
            restrictions: Restrictions::default(),
            forward: None,
        }
    }
}

/// Serves until told to stop and every connection has ended.
pub async fn serve(
    listener: impl Into<Listener>,
    context: Arc<Context>,
    options: HttpOptions,
    shutdown: Shutdown,
) {
    let limits = Limits {
        patience: options.header_timeout,
        max_header_size: options.max_header_size,
        connections: options.connections.clone(),
    };
    let endpoint = Arc::new(endpoint::Endpoint::new(context, options));
    listen::serve(listener.into(), endpoint, limits, shutdown).await;
}
