//! The settings of the log, as clients see and change them. Who writes the log is asked over the slow road.

use parking_lot::Mutex;
use trilith_core::{Code, Error, Fault, Result, spelling};

use crate::control::{Control, Kind, Value};

/// How the log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Where to; empty for standard error. It cannot be changed while the server runs.
    pub file: String,
    /// Whether what happens is logged.
    pub info: bool,
    /// Whether warnings are.
    pub warning: bool,
    /// Whether errors are.
    pub error: bool,
    /// How much of what happens inside is logged; 0 for nothing.
    pub verbose_level: u32,
    /// How lines look: one of [`FORMATS`].
    pub format: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            file: String::new(),
            info: true,
            warning: true,
            error: true,
            verbose_level: 0,
            format: "default".into(),
        }
    }
}

/// How lines may look. The last one is ours.
pub const FORMATS: [&str; 3] = ["default", "ISO8601", "json"];

/// The settings' names in the protocol.
pub const NAMES: [&str; 6] =
    ["log_file", "log_info", "log_warning", "log_error", "log_verbose_level", "log_format"];

/// Levels above this are not told apart by any client.
const MOST_VERBOSE: u64 = i32::MAX as u64;

impl LogSettings {
    /// Sets what can be true or false.
    pub fn set_flag(&mut self, name: &str, value: bool) {
        match name {
            "log_info" => self.info = value,
            "log_warning" => self.warning = value,
            _ => self.error = value,
        }
    }

    /// Sets how much is logged.
    pub fn set_verbose_level(&mut self, level: u64) -> Result<()> {
        if level > MOST_VERBOSE {
            return Err(Error::invalid(format!(
                "'log_verbose_level' must be from 0 to {MOST_VERBOSE}, got {level}"
            )));
        }
        self.verbose_level = level as u32;
        Ok(())
    }

    /// Sets how lines look. What is unknown fails with `Unavailable` for HTTP, which answers 503 to it.
    pub fn set_format(&mut self, format: String) -> Result<()> {
        if !FORMATS.contains(&format.as_str()) {
            let message = format!("invalid argument for log_format, got: {format}");
            return Err(Error::invalid(message).with_hint("there are default, ISO8601 and json"));
        }
        self.format = format;
        Ok(())
    }
}

/// The error for a setting that cannot be changed, or that nobody knows.
pub fn refuse(name: &str) -> Error {
    if name == "log_file" {
        let message = "log file location can not be updated through network protocol";
        return Error::new(Code::Unimplemented, Fault::Client, message)
            .with_hint("start the server with --log-file");
    }
    let error = Error::invalid(format!("unknown log setting '{name}'"));
    error.with_hint(match spelling::nearest(name, NAMES) {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None => format!("there are {}", NAMES.join(", ")),
    })
}

/// The settings of the log, and the order in which they change.
#[derive(Debug, Default)]
pub struct Logging {
    current: Mutex<LogSettings>,
    /// Held while whoever writes the log is asked, so that changes do not overtake each other.
    turn: tokio::sync::Mutex<()>,
}

impl Logging {
    /// As the server was started.
    pub fn new(settings: LogSettings) -> Self {
        Self { current: Mutex::new(settings), turn: tokio::sync::Mutex::default() }
    }

    /// What holds.
    pub fn settings(&self) -> LogSettings {
        self.current.lock().clone()
    }

    /// Changes the settings, and waits until they hold.
    pub async fn change(
        &self,
        control: &Control,
        change: impl FnOnce(&mut LogSettings) -> Result<()>,
    ) -> Result<LogSettings> {
        let _turn = self.turn.lock().await;
        let mut wanted = self.settings();
        change(&mut wanted)?;
        if wanted != self.settings() {
            control.ask(Kind::Log, "", parameters(&wanted)).await?;
            self.current.lock().clone_from(&wanted);
        }
        Ok(wanted)
    }
}

fn parameters(settings: &LogSettings) -> Vec<(String, Value)> {
    vec![
        ("info".into(), Value::Bool(settings.info)),
        ("warning".into(), Value::Bool(settings.warning)),
        ("error".into(), Value::Bool(settings.error)),
        ("verbose".into(), Value::Text(settings.verbose_level.to_string())),
        ("format".into(), Value::Text(settings.format.clone())),
    ]
}
