//! The one border between Rust and Python: the extension module `trilith.native`.
//!
//! It is crossed once per batch. Its typed door is `src/trilith/native/_native.pyi`.
//!
//! - [`door`], [`encryption`]: where an endpoint listens, and with what certificate
//! - [`server`]: the engine, the threads that own sockets, the endpoints
//! - [`model`]: one version of a model inside the engine
//! - [`control`]: what clients ask of the models' lives
//! - [`instance`]: where a Python thread of this process takes its batches
//! - [`worker`]: both ends of the channel to a worker process
//! - [`batch`], [`request`]: what Python is handed to execute
//! - [`sender`]: answers to one request, piece by piece
//! - [`call`], [`notify`]: requests that a model makes of others
//! - [`change`]: models that a model wants loaded or unloaded
//! - [`metric`]: what a model counts for itself
//! - [`array`], [`memory`]: NumPy arrays over tensors and back
//! - [`spec`], [`sequence_spec`], [`ensemble_spec`]: what Python says of a model and of the server, as JSON
//! - [`cache`]: caches for answers, native or in Python; `cache_entry`: an answer as bytes
//! - [`expiry`]: answers requests that waited too long
//! - [`trace`], [`tracing`]: requests that are traced
//! - [`threads`]: the threads that own sockets
//! - [`parker`], [`sync`]: how a blocking thread waits for the engine

mod array;
mod batch;
mod batch_spec;
mod cache;
mod cache_entry;
mod call;
mod change;
mod control;
mod door;
mod encryption;
mod ensemble_spec;
mod expiry;
mod instance;
mod memory;
mod metric;
mod model;
mod notify;
mod occupation;
mod parker;
mod readiness;
mod request;
mod sender;
mod sequence_spec;
mod server;
mod spec;
mod sync;
mod threads;
mod trace;
mod tracing;
mod worker;

use pyo3::prelude::*;

/// Allocates what the extension allocates. Requests are received on one thread and freed on another, which the
/// system's allocator pays for with locks: measured, some 8% of the CPU of a small request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The extension module.
#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult, pyfunction};

    #[pymodule_export]
    use crate::batch::Batch;
    #[pymodule_export]
    use crate::batch_spec::make_batch_input;
    #[pymodule_export]
    use crate::call::{Call, CallAnswer, Caller};
    #[pymodule_export]
    use crate::control::Command;
    #[pymodule_export]
    use crate::encryption::inspect_tls;
    #[pymodule_export]
    use crate::instance::InstancePort;
    #[pymodule_export]
    use crate::metric::{Metric, MetricFamily};
    #[pymodule_export]
    use crate::model::Model;
    #[pymodule_export]
    use crate::request::InferenceRequest;
    #[pymodule_export]
    use crate::sender::ResponseSender;
    #[pymodule_export]
    use crate::server::Server;
    #[pymodule_export]
    use crate::trace::Trace;
    #[pymodule_export]
    use crate::worker::{WorkerLink, WorkerPort};

    /// Cargo features that this extension was built with.
    const FEATURES: &[(&str, bool)] = &[
        ("http", cfg!(feature = "http")),
        ("grpc", cfg!(feature = "grpc")),
        ("metrics", cfg!(feature = "metrics")),
        ("shm", cfg!(feature = "shm")),
        ("tls", cfg!(feature = "tls")),
        ("tracing", cfg!(feature = "tracing")),
    ];

    /// Everything in `proto/`, as a serialized `google.protobuf.FileDescriptorSet`.
    #[pyfunction]
    fn file_descriptor_set() -> &'static [u8] {
        trilith_wire::schema::FILE_DESCRIPTOR_SET
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names: Vec<&str> = FEATURES.iter().filter(|row| row.1).map(|row| row.0).collect();
        module.add("FEATURES", pyo3::types::PyTuple::new(module.py(), names)?)
    }
}
