//! What every endpoint knows of the server.

use std::sync::Arc;

use trilith_core::trace::Tracing;
use trilith_engine::Engine;

use crate::control::Control;
use crate::logging::Logging;
use crate::shared_memory::SharedMemory;

/// The server's own metadata.
#[derive(Clone, Debug, Default)]
pub struct ServerInfo {
    /// Its name: `triton` unless `--server-id` says otherwise, since clients compare it.
    pub name: String,
    /// Version of the protocol family it answers as.
    pub version: String,
    /// Protocol extensions it carries.
    pub extensions: Vec<String>,
}

/// What every endpoint knows of the server. Cheap to clone behind its `Arc`.
pub struct Context {
    /// The models.
    pub engine: Arc<Engine>,
    /// The server's own metadata.
    pub server: ServerInfo,
    /// The regions that clients have registered.
    pub shared_memory: SharedMemory,
    /// Who changes which models are served.
    pub control: Arc<Control>,
    /// Which requests are traced.
    pub tracing: Tracing,
    /// How the log is written.
    pub logging: Logging,
}
