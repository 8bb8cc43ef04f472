//! From the socket to the nouns of inference and back.
//!
//! - [`context`]: what every endpoint knows of the server
//! - [`control`]: the slow road: commands that change which models are served
//! - [`logging`]: the settings of the log
//! - `apart`: a part of a task that has its turn only when it was woken itself
//! - `tracing`: what is noted of requests that are traced
//! - [`shutdown`]: how endpoints are told to stop accepting, and when they have finished
//! - [`restriction`], [`forward`]: what a header opens, and what it tells models
//! - [`transport`]: what comes before a protocol: sockets, TLS, the bound on connections
//! - [`schema`]: the wire contract as data
//! - [`http`]: KServe v2 over HTTP: JSON and binary tensors
//! - [`grpc`]: `inference.GRPCInferenceService`, health, reflection
//! - [`shared_memory`]: tensors that clients place in shared memory, instead of sending them
//! - [`metrics`]: Prometheus text

#[cfg(any(feature = "grpc", feature = "http", feature = "metrics"))]
mod apart;
#[cfg(any(feature = "grpc", feature = "http"))]
mod awaited;
pub mod context;
pub mod control;
#[cfg(any(feature = "http", feature = "grpc"))]
pub mod forward;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "http", feature = "metrics"))]
mod listen;
pub mod logging;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(any(feature = "http", feature = "grpc"))]
pub mod restriction;
pub mod schema;
pub mod shared_memory;
pub mod shutdown;
#[cfg_attr(not(any(feature = "http", feature = "grpc")), expect(dead_code, reason = "nobody asks"))]
mod tracing;
#[cfg(any(feature = "http", feature = "grpc", feature = "metrics"))]
pub mod transport;

pub use context::{Context, ServerInfo};
pub use control::Control;
pub use logging::{LogSettings, Logging};
pub use shared_memory::SharedMemory;
pub use shutdown::Shutdown;
#[cfg(any(feature = "http", feature = "grpc", feature = "metrics"))]
pub use transport::{Connections, Duty, Listener, Share, Shares};
