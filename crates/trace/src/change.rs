//! What the protocol says of settings, as values.

use trilith_core::trace::Change;
use trilith_core::{Code, Error, Fault, Result, spelling};

use crate::values::{Levels, Own};

/// Settings that can be changed while the server runs.
const NAMES: [&str; 4] = ["trace_level", "trace_rate", "trace_count", "log_frequency"];

/// What becomes of one setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice<T> {
    /// It stays.
    #[default]
    Keep,
    /// It falls back.
    Clear,
    /// It is this from now on.
    Set(T),
}

impl<T: Copy> Choice<T> {
    fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// What becomes of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    levels: Choice<Levels>,
    rate: Choice<u32>,
    count: Choice<Option<u32>>,
    log_frequency: Choice<u32>,
}

impl Changes {
    /// Reads what a client asks for. `fixed` are the settings that are shown and cannot be changed.
    pub fn read(changes: Vec<Change>, fixed: &[(String, Vec<String>)]) -> Result<Self> {
        let mut read = Self::default();
        for (name, values) in changes {
            match name.as_str() {
                "trace_level" => {
                    read.levels = values.map_or(Ok(Choice::Clear), |names| read_levels(&names))?;
                }
                "trace_rate" => read.rate = choose(&name, values.as_deref(), read_whole)?,
                "trace_count" => read.count = choose(&name, values.as_deref(), read_count)?,
                "log_frequency" => read.log_frequency = choose(&name, values.as_deref(), read_whole)?,
                "trace_file" => return Err(fixed_file()),
                _ => check_fixed(&name, values.as_deref(), fixed)?,
            }
        }
        Ok(read)
    }

    /// What is set of one's own after it.
    pub fn apply(&self, before: &Own) -> Own {
        Own {
            levels: self.levels.apply(before.levels),
            rate: self.rate.apply(before.rate),
            count: self.count.apply(before.count),
            log_frequency: self.log_frequency.apply(before.log_frequency),
        }
    }
}

fn fixed_file() -> Error {
    let message = "trace file location can not be updated through network protocol";
    Error::new(Code::Unimplemented, Fault::Client, message)
        .with_hint("start the server with --trace-config=triton,file=FILE")
}

/// A setting that is shown may be sent back as it is.
fn check_fixed(name: &str, values: Option<&[String]>, fixed: &[(String, Vec<String>)]) -> Result<()> {
    let Some((_, shown)) = fixed.iter().find(|(known, _)| known == name) else {
        let error = Error::invalid(format!("unknown trace setting '{name}'"));
        return Err(error.with_hint(match spelling::nearest(name, NAMES) {
            Some(nearest) => format!("did you mean '{nearest}'?"),
            None => format!("there are {}", NAMES.join(", ")),
        }));
    };
    if values.is_none_or(|values| values == shown) {
        return Ok(());
    }
    let message = format!("trace setting '{name}' can not be updated through network protocol");
    Err(Error::new(Code::Unimplemented, Fault::Client, message)
        .with_hint(format!("it is {}, as --trace-config says", shown.join(","))))
}

fn read_levels(names: &[String]) -> Result<Choice<Levels>> {
    let mut levels = Levels::default();
    for name in names {
        match name.as_str() {
            "OFF" if names.len() > 1 => {
                return Err(Error::invalid("Expect only one trace level 'OFF' is specified"));
            }
            "OFF" => {}
            "TIMESTAMPS" => levels.timestamps = true,
            "TENSORS" => levels.tensors = true,
            other => {
                let error = Error::invalid(format!("unknown trace level '{other}'"));
                return Err(error.with_hint("there are OFF, TIMESTAMPS and TENSORS"));
            }
        }
    }
    Ok(if names.is_empty() { Choice::Keep } else { Choice::Set(levels) })
}

fn choose<T>(name: &str, values: Option<&[String]>, read: fn(&str, &str) -> Result<T>) -> Result<Choice<T>> {
    match values {
        None => Ok(Choice::Clear),
        Some([text]) => read(name, text).map(Choice::Set),
        Some(_) => Err(Error::invalid(format!("expect only 1 value for '{name}'"))),
    }
}

fn read_number(name: &str, text: &str, (least, most): (i64, i64)) -> Result<i64> {
    let number: i128 =
        text.trim().parse().map_err(|_| Error::invalid(format!("Unable to parse '{name}', got: {text}")))?;
    i64::try_from(number).ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        Error::invalid(format!(
            "Unable to parse '{name}', value is out of range [ {least}, {most} ], got: {text}"
        ))
    })
}

fn read_whole(name: &str, text: &str) -> Result<u32> {
    read_number(name, text, (0, i64::from(u32::MAX))).map(|number| number as u32)
}

/// -1 stands for no bound.
fn read_count(name: &str, text: &str) -> Result<Option<u32>> {
    let number = read_number(name, text, (-1, i64::from(i32::MAX)))?;
    Ok(u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(changes: &[(&str, Option<&[&str]>)]) -> Result<Changes> {
        let fixed = [("trace_mode".to_owned(), vec!["triton".to_owned()])];
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let changes = changes.iter().map(|(name, values)| ((*name).to_owned(), values.map(owned))).collect();
        Changes::read(changes, &fixed)
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (changes, problem) in [
            (
                ("trace_levels", Some(&["OFF"][..])),
                "unknown trace setting 'trace_levels' (did you mean 'trace_level'?)",
            ),
            (("speed", None), "there are trace_level, trace_rate"),
            (("trace_level", Some(&["LOUD"])), "unknown trace level 'LOUD'"),
            (("trace_level", Some(&["OFF", "TENSORS"])), "Expect only one trace level 'OFF'"),
            (("trace_rate", Some(&["5x"])), "Unable to parse 'trace_rate', got: 5x"),
            (("trace_rate", Some(&["1", "2"])), "expect only 1 value for 'trace_rate'"),
            (("trace_rate", Some(&["-1"])), "out of range [ 0, 4294967295 ], got: -1"),
            (("trace_count", Some(&["-2"])), "out of range [ -1, 2147483647 ], got: -2"),
            (("log_frequency", Some(&["99999999999999999999999"])), "out of range"),
            (("trace_file", Some(&["x"])), "trace file location can not be updated"),
            (("trace_mode", Some(&["opentelemetry"])), "'trace_mode' can not be updated"),
        ] {
            let error = read(&[changes]).unwrap_err();
            let text = error.full_text();
            assert!(
                text.replace(['.', ';'], "").contains(problem) || text.contains(problem) || {
                    // Advice is joined to the message in its own way.
                    problem.split(" (").all(|part| text.contains(part.trim_end_matches(')')))
                },
                "{text}"
            );
        }
    }

    #[test]
    fn settings_that_are_shown_may_be_sent_back() {
        assert_eq!(
            read(&[("trace_mode", Some(&["triton"])), ("trace_level", Some(&[]))]),
            Ok(Changes::default())
        );
    }

    proptest! {
        /// A number within its bounds is read as itself, everything else is refused.
        #[test]
        fn numbers_are_read_or_refused(number in -(1_i64 << 33)..1_i64 << 33) {
            let text = number.to_string();
            let rate = read(&[("trace_rate", Some(&[&text]))]);
            prop_assert_eq!(rate.ok().map(|changes| changes.rate), u32::try_from(number).ok().map(Choice::Set));
            let count = read(&[("trace_count", Some(&[&text]))]).ok().map(|changes| changes.count);
            let expected = i32::try_from(number).ok().filter(|number| *number >= -1);
            prop_assert_eq!(count, expected.map(|number| Choice::Set(u32::try_from(number).ok())));
        }

        /// Clearing everything falls back entirely, whatever was set before.
        #[test]
        fn clearing_everything_leaves_nothing_of_ones_own(rate in any::<u32>(), count in any::<Option<u32>>()) {
            let before = Own { rate: Some(rate), count: Some(count), ..Own::default() };
            let all = NAMES.map(|name| (name, None));
            prop_assert!(read(&all).unwrap().apply(&before).is_empty());
        }
    }
}
