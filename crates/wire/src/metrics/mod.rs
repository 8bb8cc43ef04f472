//! Prometheus text.
//!
//! - [`endpoint`]: answers `GET /metrics`
//! - [`render`]: what is counted, as text
//! - [`custom`]: what models count for themselves
//! - [`text`]: the text format
//! - [`host`]: CPU and memory of the machine

mod custom;
mod endpoint;
mod host;
mod render;
mod text;

use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::listen::{self, Limits};
use crate::shutdown::Shutdown;
use crate::transport::{Connections, Listener};

/// What the metrics endpoint shows.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// CPU and memory of the machine (`--allow-cpu-metrics`).
    pub cpu: bool,
    /// Time in which a request's header must be complete, and an answer be read.
    pub client_timeout: Duration,
    /// Connections served at once; further ones wait in the listener's backlog.
    pub connections: Connections,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        // Collectors are on the same network and ask for little.
        Self { cpu: false, client_timeout: Duration::from_secs(10), connections: Connections::at_most(256) }
    }
}

/// Serves `GET /metrics` until told to stop.
pub async fn serve(
    listener: impl Into<Listener>,
    context: Arc<Context>,
    options: MetricsOptions,
    shutdown: Shutdown,
) {
    let limits = Limits {
        patience: options.client_timeout,
        max_header_size: 16 << 10,
        connections: options.connections.clone(),
    };
    let endpoint = Arc::new(endpoint::Endpoint::new(context, &options));
    listen::serve(listener.into(), endpoint, limits, shutdown).await;
}
