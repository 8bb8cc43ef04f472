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

use tokio::net::TcpListener;

use crate::context::Context;
use crate::listen::{self, Limits};
use crate::shutdown::Shutdown;

/// What the metrics endpoint shows.
#[derive(Clone, Debug)]
pub struct MetricsOptions {
    /// CPU and memory of the machine (`--allow-cpu-metrics`).
    pub cpu: bool,
    /// Time in which a request's header must be complete, and an answer be read.
    pub client_timeout: Duration,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        // Collectors are on the same network and ask for little.
        Self { cpu: false, client_timeout: Duration::from_secs(10) }
    }
}

/// Serves `GET /metrics` until told to stop.
pub async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    options: MetricsOptions,
    shutdown: Shutdown,
) {
    let limits = Limits { patience: options.client_timeout, max_header_size: 16 << 10, max_connections: 256 };
    let endpoint = Arc::new(endpoint::Endpoint::new(context, &options));
    listen::serve(listener, endpoint, limits, shutdown).await;
}
