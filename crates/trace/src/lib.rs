//! Which requests are traced, what is noted of them, and where that is written.
//!
//! ```text
//!  endpoint -> Tracer::sample -> Recording -- events --> (last one lets go) -> Output -> a thread that writes
//! ```
//!
//! - [`values`], [`change`]: the settings and their texts; [`scopes`]: whose they are, and what falls back to what
//! - [`sampler`]: which requests are taken
//! - [`tracer`]: what endpoints ask
//! - [`recording`]: what is noted of one request and those made for its sake
//! - [`time`]: the engine's clock and the system's
//! - [`output`]: where finished traces go; [`queue`]: on their way there, bounded
//! - [`file`], [`json`]: Triton's trace files
//! - [`collector`]: to an OpenTelemetry collector, with [`identity`], [`spans`] and [`otlp`]; [`export`]: how it is spoken to,
//!   at its [`address`], encrypted where that says so

pub mod address;
pub mod change;
pub mod collector;
#[cfg(feature = "tls")]
mod encryption;
pub mod export;
pub mod file;
pub mod identity;
pub mod json;
pub mod otlp;
pub mod output;
pub mod queue;
pub mod recording;
pub mod sampler;
pub mod scopes;
pub mod spans;
pub mod time;
pub mod tracer;
pub mod values;

pub use address::Address;
pub use collector::{CollectorOptions, CollectorOutput};
pub use export::Exporter;
pub use file::FileOutput;
pub use output::{NoOutput, Notice, Output};
pub use time::Timebase;
pub use tracer::{Mode, Tracer};
pub use values::{Levels, Values};
