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
    mode: ModeForm,
    timestamps: bool,
    tensors: bool,
    rate: u32,
    count: Option<u32>,
    log_frequency: u32,
    file: String,
    collector: CollectorForm,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ModeForm {
    Triton,
    OpenTelemetry,
}

/// An OpenTelemetry collector, and how it is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "this build traces nothing"))]
struct CollectorForm {
    url: String,
    /// What is said in every request.
    headers: Vec<(String, String)>,
    /// Certificates that are trusted instead of the system's.
    certificate: Option<std::path::PathBuf>,
    resource: Vec<(String, String)>,
    most_waiting: u32,
    delay_ms: u32,
    most_sent: u32,
    /// As the settings are shown to clients.
    shown: Vec<(String, String)>,
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
    use trilith_trace::{Levels, Tracer, Values};

    let Some(form) = form else {
        return Ok((Tracing::default(), Box::new(|| None)));
    };
    let values = Values {
        levels: Levels { timestamps: form.timestamps, tensors: form.tensors },
        rate: form.rate,
        count: form.count,
        log_frequency: form.log_frequency,
    };
    let (mode, output) = start_output(form, clock, control)?;
    let tracer = Tracer::new(mode, values, Arc::clone(&output), timebase(clock));
    let is_active = tracer.is_active();
    Ok((Tracing::new(Arc::new(tracer), is_active), Box::new(move || output.close())))
}

#[cfg(feature = "tracing")]
fn timebase(clock: &Arc<dyn Clock>) -> trilith_trace::Timebase {
    let clock = Arc::clone(clock);
    trilith_trace::Timebase::new(move || clock.now())
}

/// Starts the thread that writes or sends.
#[cfg(feature = "tracing")]
fn start_output(
    form: TraceForm,
    clock: &Arc<dyn Clock>,
    control: &Arc<Control>,
) -> PyResult<(trilith_trace::Mode, Arc<dyn trilith_trace::Output>)> {
    use pyo3::exceptions::{PyOSError, PyValueError};
    use trilith_trace::{
        Address, CollectorOptions, CollectorOutput, Exporter, FileOutput, Mode, NoOutput, Notice, Output,
    };

    let control = Arc::clone(control);
    let notice: Notice = Box::new(move |message| control.tell(message));
    if let ModeForm::OpenTelemetry = form.mode {
        let told = form.collector;
        let exporter = Address::read(&told.url)
            .and_then(|address| Exporter::new(address, &told.headers, told.certificate.as_deref()))
            .map_err(|error| PyValueError::new_err(error.full_text().into_owned()))?;
        let options = CollectorOptions {
            exporter,
            resource: told.resource,
            most_waiting: told.most_waiting as usize,
            delay: std::time::Duration::from_millis(u64::from(told.delay_ms)),
            most_sent: told.most_sent as usize,
        };
        let output = CollectorOutput::start(options, timebase(clock), notice)?;
        let shown = told.shown.into_iter().map(|(name, value)| (name, vec![value])).collect();
        return Ok((Mode::OpenTelemetry { shown }, Arc::new(output)));
    }
    let file = form.file;
    if file.is_empty() {
        return Ok((Mode::Triton { file }, Arc::new(NoOutput)));
    }
    let output = FileOutput::start(file.as_ref(), timebase(clock), notice)?;
    output.check().map_err(|error| PyOSError::new_err(error.full_text().into_owned()))?;
    Ok((Mode::Triton { file }, Arc::new(output)))
}
