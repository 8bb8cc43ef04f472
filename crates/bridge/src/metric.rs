//! What a model counts for itself: families of metrics and their series, here or in the server that started this
//! process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use trilith_core::{Error, Result};
use trilith_engine::metrics::{Act, FamilyHandle, Labels, MetricKind, Series};
use trilith_worker::WorkerPort;

use crate::call::Road;

/// A family of metrics that this process holds; letting go of it lets go of its metrics.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct MetricFamily {
    place: FamilyPlace,
    kind: MetricKind,
    is_open: Arc<AtomicBool>,
}

enum FamilyPlace {
    Here(FamilyHandle),
    Server(Arc<WorkerPort>, u64),
}

enum SeriesPlace {
    Here(Arc<Series>),
    Server(Arc<WorkerPort>, u64),
}

fn to_python(error: Error) -> PyErr {
    PyValueError::new_err(error.full_text().into_owned())
}

impl MetricFamily {
    pub(crate) fn open(
        py: Python<'_>,
        road: &Road,
        (name, help): (&str, &str),
        kind: &str,
    ) -> PyResult<Self> {
        let kind = MetricKind::parse(kind)
            .ok_or_else(|| PyValueError::new_err(format!("there is no kind of metrics named '{kind}'")))?;
        let place = py.detach(|| match road {
            Road::Engine(premises, _) => {
                premises.engine.metrics().open(name, help, kind).map(FamilyPlace::Here)
            }
            Road::Channel(port) => {
                port.open_family(name, help, kind).map(|number| FamilyPlace::Server(Arc::clone(port), number))
            }
        });
        Ok(Self { place: place.map_err(to_python)?, kind, is_open: Arc::new(AtomicBool::new(true)) })
    }

    fn open_series(&self, labels: Labels, buckets: Option<&[f64]>) -> Result<SeriesPlace> {
        match &self.place {
            FamilyPlace::Here(handle) => handle.series(labels, buckets).map(SeriesPlace::Here),
            FamilyPlace::Server(port, family) => port
                .open_series(*family, &labels, buckets)
                .map(|number| SeriesPlace::Server(Arc::clone(port), number)),
        }
    }
}

#[pymethods]
impl MetricFamily {
    /// Opens the series with these labels.
    fn metric(&self, py: Python<'_>, labels: Labels, buckets: Option<Vec<f64>>) -> PyResult<Metric> {
        let place = py.detach(|| self.open_series(labels, buckets.as_deref())).map_err(to_python)?;
        Ok(Metric { place, kind: self.kind, is_open: Arc::clone(&self.is_open) })
    }
}

impl Drop for MetricFamily {
    fn drop(&mut self) {
        self.is_open.store(false, Ordering::Release);
        if let FamilyPlace::Server(port, family) = &self.place {
            port.close_family(*family);
        }
    }
}

/// One series.
#[pyclass(frozen, module = "trilith.native")]
pub(crate) struct Metric {
    place: SeriesPlace,
    kind: MetricKind,
    /// Whether its family is held.
    is_open: Arc<AtomicBool>,
}

impl Metric {
    fn apply(&self, py: Python<'_>, act: Act, value: f64) -> PyResult<()> {
        act.check(self.kind, value).map_err(to_python)?;
        self.check_open()?;
        match &self.place {
            SeriesPlace::Here(series) => series.apply(act, value),
            SeriesPlace::Server(port, series) => py.detach(|| port.count(*series, act, value)),
        }
        Ok(())
    }

    fn check_open(&self) -> PyResult<()> {
        if self.is_open.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(PyValueError::new_err(
            "Invalid metric operation as the corresponding 'MetricFamily' has been deleted; keep the family as \
             long as its metrics",
        ))
    }
}

#[pymethods]
impl Metric {
    fn increment(&self, py: Python<'_>, value: f64) -> PyResult<()> {
        self.apply(py, Act::Increment, value)
    }

    fn set(&self, py: Python<'_>, value: f64) -> PyResult<()> {
        self.apply(py, Act::Set, value)
    }

    fn observe(&self, py: Python<'_>, value: f64) -> PyResult<()> {
        self.apply(py, Act::Observe, value)
    }

    /// The value of a counter or a gauge.
    fn value(&self, py: Python<'_>) -> PyResult<f64> {
        self.check_open()?;
        py.detach(|| match &self.place {
            SeriesPlace::Here(series) => series.value(),
            SeriesPlace::Server(port, series) => port.read_series(*series),
        })
        .map_err(to_python)
    }
}
