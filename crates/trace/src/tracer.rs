//! What endpoints ask: whether a request is traced, and what the settings are.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use trilith_core::trace::{Change, Parent, Settings, Trace, Tracer as Traces};
use trilith_core::{Error, Result};

use crate::change::Changes;
use crate::output::Output;
use crate::recording::{Finished, Record, Recording};
use crate::sampler::Sampler;
use crate::scopes::Scopes;
use crate::time::Timebase;
use crate::values::Values;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To files in Triton's format; without a name nothing can be traced.
    Triton {
        /// Name of the file, or what the names of files begin with.
        file: String,
    },
    /// To an OpenTelemetry collector.
    OpenTelemetry {
        /// What is shown of its own settings.
        shown: Settings,
    },
}

impl Mode {
    fn name(&self) -> &'static str {
        match self {
            Self::Triton { .. } => "triton",
            Self::OpenTelemetry { .. } => "opentelemetry",
        }
    }

    /// What is shown and cannot be changed while the server runs.
    fn fixed(&self) -> Settings {
        let mut fixed: Settings = vec![("trace_mode".into(), vec![self.name().into()])];
        if let Self::OpenTelemetry { shown } = self {
            fixed.extend(shown.iter().cloned());
        }
        fixed
    }

    fn check(&self, values: &Values) -> Result<()> {
        let reason = match self {
            _ if values.levels.is_off() => return Ok(()),
            Self::Triton { .. } if values.rate == 0 => "sample rate must be non-zero",
            Self::Triton { file } if file.is_empty() => "trace file name is not given",
            // Requests that belong to a trace are traced by OpenTelemetry at any rate.
            Self::Triton { .. } | Self::OpenTelemetry { .. } => return Ok(()),
        };
        let error = Error::invalid(format!("Attempting to set invalid trace setting: {reason}"));
        Err(match self {
            Self::Triton { file } if file.is_empty() => {
                error.with_hint("start the server with --trace-config=triton,file=FILE")
            }
            _ => error,
        })
    }
}

/// Settings that hold for a while, and what is taken under them.
pub struct Setting {
    /// Its number among all.
    pub id: u64,
    /// What holds.
    pub values: Values,
    sampler: Mutex<Sampler>,
    output: Arc<dyn Output>,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "setting {} {:?}", self.id, self.values)
    }
}

impl Setting {
    /// Holds from now on.
    pub fn new(values: Values, output: Arc<dyn Output>) -> Arc<Self> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let sampler = Mutex::new(Sampler::new(values.rate, values.count));
        Arc::new(Self { id, values, sampler, output })
    }

    /// Whether tensors are noted.
    pub(crate) fn notes_tensors(&self) -> bool {
        self.values.levels.tensors && self.output.takes_tensors()
    }

    /// Hands on what was noted.
    pub(crate) fn finish(self: &Arc<Self>, records: Vec<Record>) {
        self.output.take(Finished { setting: Arc::clone(self), records });
        if self.sampler.lock().end() {
            self.output.exhaust(self.id);
        }
    }

    fn left(&self) -> Option<u32> {
        self.sampler.lock().left()
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.output.retire(self.id, &self.values);
    }
}

struct Live {
    scopes: Scopes,
    server: Arc<Setting>,
    models: HashMap<String, Arc<Setting>>,
}

impl Live {
    fn setting(&self, model: Option<&str>) -> &Arc<Setting> {
        model.and_then(|name| self.models.get(name)).unwrap_or(&self.server)
    }
}

/// Decides which requests are traced.
pub struct Tracer {
    mode: Mode,
    output: Arc<dyn Output>,
    time: Arc<Timebase>,
    live: RwLock<Live>,
    is_active: Arc<AtomicBool>,
}

impl Tracer {
    /// A tracer that starts with these settings.
    pub fn new(mode: Mode, start: Values, output: Arc<dyn Output>, time: Timebase) -> Self {
        let server = Setting::new(start, Arc::clone(&output));
        let live = Live { scopes: Scopes::new(start), server, models: HashMap::new() };
        let tracer =
            Self { mode, output, time: Arc::new(time), live: RwLock::new(live), is_active: Arc::default() };
        tracer.look_whether_active();
        tracer
    }

    /// Says whether any request may be traced, from now on.
    pub fn is_active(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_active)
    }

    fn look_whether_active(&self) {
        let live = self.live.read();
        let mut settings = std::iter::once(&live.server).chain(live.models.values());
        let is_active = settings.any(|setting| match &self.mode {
            _ if setting.values.levels.is_off() => false,
            Mode::Triton { file } => {
                !file.is_empty() && setting.values.rate != 0 && !setting.sampler.lock().is_exhausted()
            }
            // Requests that belong to a trace are traced whatever the settings say.
            Mode::OpenTelemetry { .. } => true,
        });
        self.is_active.store(is_active, Ordering::Relaxed);
    }
}

impl Traces for Tracer {
    fn sample(&self, model: &str, parent: Parent<'_>) -> Option<Arc<dyn Trace>> {
        let setting = {
            let live = self.live.read();
            let setting = live.setting(Some(model));
            if setting.values.levels.is_off() {
                return None;
            }
            Arc::clone(setting)
        };
        let (belongs, identity) = self.output.identify(parent);
        let (is_taken, is_exhausted) = {
            let mut sampler = setting.sampler.lock();
            (sampler.take(belongs), sampler.is_exhausted())
        };
        if is_exhausted {
            self.look_whether_active();
        }
        is_taken.then(|| -> Arc<dyn Trace> {
            Arc::new(Recording::new(setting, Arc::clone(&self.time), identity))
        })
    }

    fn settings(&self, model: Option<&str>) -> Settings {
        let (values, left) = {
            let live = self.live.read();
            let setting = live.setting(model);
            (setting.values, setting.left())
        };
        let one = |name: &str, value: String| (name.to_owned(), vec![value]);
        let mut shown = vec![
            ("trace_level".to_owned(), values.levels.names()),
            one("trace_rate", values.rate.to_string()),
            one("trace_count", left.map_or_else(|| "-1".to_owned(), |left| left.to_string())),
        ];
        if let Mode::Triton { file } = &self.mode {
            shown.push(one("log_frequency", values.log_frequency.to_string()));
            shown.push(one("trace_file", file.clone()));
        }
        shown.extend(self.mode.fixed());
        shown
    }

    fn update(&self, model: Option<&str>, changes: Vec<Change>) -> Result<()> {
        let changes = Changes::read(changes, &self.mode.fixed())?;
        if changes == Changes::default() {
            return Ok(());
        }
        // What is replaced is let go of after the lock: its traces are written then.
        let replaced: Vec<Arc<Setting>> = {
            let mut live = self.live.write();
            let outcome = live.scopes.change(model, &changes, |name| live.setting(name).left());
            for (_, values) in &outcome.renewed {
                self.mode.check(values)?;
            }
            if outcome.renewed.iter().any(|(_, values)| !values.levels.is_off()) {
                self.output.check()?;
            }
            live.scopes = outcome.scopes;
            let mut replaced: Vec<_> =
                outcome.removed.and_then(|name| live.models.remove(&name)).into_iter().collect();
            for (name, values) in outcome.renewed {
                let setting = Setting::new(values, Arc::clone(&self.output));
                replaced.extend(match name {
                    Some(name) => live.models.insert(name, setting),
                    None => Some(std::mem::replace(&mut live.server, setting)),
                });
            }
            replaced
        };
        drop(replaced);
        self.look_whether_active();
        Ok(())
    }
}
