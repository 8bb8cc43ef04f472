//! The text format: families with their help and type, then their samples.

use std::fmt::{Display, Write};

use trilith_engine::statistics::ModelStatistics;

/// Metrics under construction.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Opens a family.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// A sample of one model; `more` are labels beside the model's name and version.
    pub(super) fn sample(
        &mut self,
        name: &str,
        model: &ModelStatistics,
        more: Option<(&str, &str)>,
        value: impl Display,
    ) {
        let _ = write!(self.0, "{name}{{");
        for (tag, value) in model.metric_tags.iter() {
            let _ = write!(self.0, "_{tag}=\"{}\",", Label(value));
        }
        let _ = write!(self.0, "model=\"{}\"", Label(&model.name));
        self.label((!model.namespace.is_empty()).then_some(("namespace", &*model.namespace)));
        // As Triton writes them: a series' own labels by the alphabet, those of its quantiles and buckets behind.
        let (early, late) = match more {
            Some(("reason", _)) => (more, None),
            _ => (None, more),
        };
        self.label(early);
        let _ = write!(self.0, ",version=\"{}\"", model.version);
        self.label(late);
        let _ = writeln!(self.0, "}} {value}");
    }

    /// A sample of the whole server.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn label(&mut self, label: Option<(&str, &str)>) {
        if let Some((name, value)) = label {
            let _ = write!(self.0, ",{name}=\"{}\"", Label(value));
        }
    }
}

/// A label's value with the characters escaped that the format asks for.
pub(super) struct Label<'a>(pub(super) &'a str);

impl Display for Label<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\\' => formatter.write_str("\\\\"),
            '"' => formatter.write_str("\\\""),
            '\n' => formatter.write_str("\\n"),
            _ => formatter.write_char(character),
        })
    }
}
