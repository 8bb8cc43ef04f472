//! What models count for themselves, as text.

use std::fmt::{self, Display, Write};

use trilith_engine::metrics::{FamilyReading, Labels, Reading};

use super::text::Label;

/// All families, by name.
pub(super) fn render(families: &[FamilyReading]) -> String {
    let mut text = String::new();
    for family in families {
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, family);
    }
    text
}

fn write_family(text: &mut String, family: &FamilyReading) -> fmt::Result {
    let name = &family.name;
    writeln!(text, "# HELP {name} {}", Help(&family.help))?;
    writeln!(text, "# TYPE {name} {}", family.kind.name())?;
    for (labels, reading) in &family.series {
        match reading {
            Reading::Value(value) => writeln!(text, "{name}{} {}", Set(labels, None), Number(*value))?,
            Reading::Buckets { bounds, count, sum } => {
                writeln!(text, "{name}_count{} {count}", Set(labels, None))?;
                writeln!(text, "{name}_sum{} {}", Set(labels, None), Number(*sum))?;
                for (bound, count) in bounds {
                    writeln!(text, "{name}_bucket{} {count}", Set(labels, Some(*bound)))?;
                }
                if !bounds.last().is_some_and(|(bound, _)| *bound == f64::INFINITY) {
                    writeln!(text, "{name}_bucket{} {count}", Set(labels, Some(f64::INFINITY)))?;
                }
            }
        }
    }
    Ok(())
}

/// Labels in braces, with the bound of a bucket where there is one.
struct Set<'a>(&'a Labels, Option<f64>);

impl Display for Set<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() && self.1.is_none() {
            return Ok(());
        }
        let mut separator = '{';
        for (name, value) in self.0 {
            write!(formatter, "{separator}{name}=\"{}\"", Label(value))?;
            separator = ',';
        }
        if let Some(bound) = self.1 {
            write!(formatter, "{separator}le=\"{}\"", Number(bound))?;
        }
        formatter.write_char('}')
    }
}

/// A number as the format has it.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Beyond this, and below its inverse, digits are counted by an exponent.
        const PLAIN_LARGEST: f64 = 1e16;
        let value = self.0;
        let size = value.abs();
        if value.is_nan() {
            formatter.write_str("NaN")
        } else if value.is_infinite() {
            formatter.write_str(if value > 0.0 { "+Inf" } else { "-Inf" })
        } else if size != 0.0 && !(1.0 / PLAIN_LARGEST..PLAIN_LARGEST).contains(&size) {
            write!(formatter, "{value:e}")
        } else {
            write!(formatter, "{value}")
        }
    }
}

/// A description with the characters escaped that the format asks for.
struct Help<'a>(&'a str);

impl Display for Help<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\\' => formatter.write_str("\\\\"),
            '\n' => formatter.write_str("\\n"),
            _ => formatter.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trilith_engine::MetricRegistry;
    use trilith_engine::metrics::{Act, MetricKind};

    fn label(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn families_stand_in_the_text_format_with_their_labels_escaped() {
        let registry = MetricRegistry::default();
        let words = registry.open("words", "all\\of\nthem", MetricKind::Counter).unwrap();
        words
            .series(vec![label("b", "x\"y\nz\\"), label("a", "1")], None)
            .unwrap()
            .apply(Act::Increment, 3.0);
        words.series(Vec::new(), None).unwrap().apply(Act::Increment, 0.5);
        let sizes = registry.open("sizes", "", MetricKind::Histogram).unwrap();
        let series = sizes.series(vec![label("z", "1")], Some(&[0.1, 2.5])).unwrap();
        for size in [0.1, 2.0, 50.0] {
            series.apply(Act::Observe, size);
        }
        registry.open("empty", "", MetricKind::Gauge).unwrap();
        let expected = "# HELP sizes \n# TYPE sizes histogram\n\
            sizes_count{z=\"1\"} 3\nsizes_sum{z=\"1\"} 52.1\n\
            sizes_bucket{z=\"1\",le=\"0.1\"} 1\nsizes_bucket{z=\"1\",le=\"2.5\"} 2\nsizes_bucket{z=\"1\",le=\"+Inf\"} 3\n\
            # HELP words all\\\\of\\nthem\n# TYPE words counter\nwords 0.5\n\
            words{a=\"1\",b=\"x\\\"y\\nz\\\\\"} 3\n";
        assert_eq!(render(&registry.snapshot()), expected);
    }

    #[test]
    fn numbers_of_every_size_can_be_read_back() {
        let shown = |value: f64| Number(value).to_string();
        assert_eq!(shown(0.0), "0");
        assert_eq!(shown(123_456_789.123), "123456789.123");
        assert_eq!(shown(1e300), "1e300");
        assert_eq!(shown(-2.5e-30), "-2.5e-30");
        assert_eq!(shown(f64::NAN), "NaN");
        assert_eq!(shown(f64::NEG_INFINITY), "-Inf");
    }
}
