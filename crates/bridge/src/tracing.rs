//! Which requests are traced, as Python says at the start.

use std::sync::Arc;

use pyo3::prelude::*;
use serde::Deserialize;
use trilith_core::trace::Tracing;
use trilith_engine::Clock;
use trilith_wire::Control;

/// What is traced, and where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "this build traces nothing"))]
pub(crate) struct TraceForm {
    #[serde(rename = "mode")]
    _mode: String,
    timestamps: bool,
    tensors: bool,
    rate: u32,
    count: Option<u32>,
    log_frequency: u32,
    file: String,
}

/// Writes what is left, and says what was lost.
pub(crate) type Finish = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// Traces nothing.
#[cfg(not(feature = "tracing"))]
pub(crate) fn start(
    form: Option<TraceForm>,
    _: &Arc<dyn Clock>,
    _: &Arc<Control>,
) -> PyResult<(Tracing, Finish)> {
    if form.is_some_and(|form| form.timestamps || form.tensors) {
        let message = "this build of the server does not trace requests";
        return Err(pyo3::exceptions::PyRuntimeError::new_err(message));
    }
    Ok((Tracing::default(), Box::new(|| None)))
}

/// Starts what writes traces. Fails where they cannot be written.
#[cfg(feature = "tracing")]
pub(crate) fn start(
    form: Option<TraceForm>,
    clock: &Arc<dyn Clock>,
    control: &Arc<Control>,
) -> PyResult<(Tracing, Finish)> {
    use pyo3::exceptions::PyOSError;
    use trilith_trace::{FileOutput, Levels, Mode, NoOutput, Notice, Output, Timebase, Tracer, Values};

    let Some(form) = form else {
        return Ok((Tracing::default(), Box::new(|| None)));
    };
    let values = Values {
        levels: Levels { timestamps: form.timestamps, tensors: form.tensors },
        rate: form.rate,
        count: form.count,
        log_frequency: form.log_frequency,
    };
    let timebase = || {
        let clock = Arc::clone(clock);
        Timebase::new(move || clock.now())
    };
    let output: Arc<dyn Output> = if form.file.is_empty() {
        Arc::new(NoOutput)
    } else {
        let control = Arc::clone(control);
        let notice: Notice = Box::new(move |message| control.tell(message));
        Arc::new(FileOutput::start(form.file.as_ref(), timebase(), notice)?)
    };
    output.check().map_err(|error| PyOSError::new_err(error.full_text().into_owned()))?;
    let tracer = Tracer::new(Mode::Triton { file: form.file }, values, Arc::clone(&output), timebase());
    let is_active = tracer.is_active();
    Ok((Tracing::new(Arc::new(tracer), is_active), Box::new(move || output.close())))
}
