//! The settings of traces.

/// What is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// When the request was where.
    pub timestamps: bool,
    /// Its tensors.
    pub tensors: bool,
}

impl Levels {
    /// Whether nothing is.
    pub fn is_off(self) -> bool {
        self == Self::default()
    }

    /// By the names of the protocol.
    pub fn names(self) -> Vec<String> {
        let named = [(self.is_off(), "OFF"), (self.timestamps, "TIMESTAMPS"), (self.tensors, "TENSORS")];
        named.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| name.to_owned()).collect()
    }
}

/// What holds for the requests of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// What is noted.
    pub levels: Levels,
    /// One of so many requests is traced; 0 for none but those that belong to a trace already.
    pub rate: u32,
    /// How many traces are left to be made; `None` for no bound.
    pub count: Option<u32>,
    /// Traces in one file; 0 for all in one.
    pub log_frequency: u32,
}

impl Default for Values {
    /// As Triton starts.
    fn default() -> Self {
        Self { levels: Levels::default(), rate: 1000, count: None, log_frequency: 0 }
    }
}

/// What was set of one's own; what is `None` falls back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// See [`Values::levels`].
    pub levels: Option<Levels>,
    /// See [`Values::rate`].
    pub rate: Option<u32>,
    /// See [`Values::count`].
    pub count: Option<Option<u32>>,
    /// See [`Values::log_frequency`].
    pub log_frequency: Option<u32>,
}

impl Own {
    /// Filled up with what it falls back to.
    pub fn over(&self, fallback: &Values) -> Values {
        Values {
            levels: self.levels.unwrap_or(fallback.levels),
            rate: self.rate.unwrap_or(fallback.rate),
            count: self.count.unwrap_or(fallback.count),
            log_frequency: self.log_frequency.unwrap_or(fallback.log_frequency),
        }
    }

    /// Whether everything falls back.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether nothing falls back.
    pub fn is_whole(&self) -> bool {
        self.levels.is_some() && self.rate.is_some() && self.count.is_some() && self.log_frequency.is_some()
    }
}
