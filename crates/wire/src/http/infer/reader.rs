//! Reads JSON with errors that name the place.

use std::borrow::Cow;

use jiter::{Jiter, JiterError, JiterErrorType, JsonErrorType, JsonType, NumberInt, Peek};
use trilith_core::{Error, Result};

/// A cursor over JSON text.
pub(crate) struct Reader<'j> {
    pub(super) jiter: Jiter<'j>,
    text: &'j [u8],
}

impl<'j> Reader<'j> {
    /// At the start of a text. `NaN` and infinities may stand bare, as in Triton.
    pub(crate) fn new(text: &'j [u8]) -> Self {
        Self { jiter: Jiter::new(text).with_allow_inf_nan(), text }
    }

    /// Opens an object; its first member's name, or `None` if it is empty.
    pub(crate) fn open_object(&mut self, what: &str) -> Result<Option<Cow<'static, str>>> {
        match self.jiter.next_object() {
            Ok(name) => Ok(name.map(known)),
            Err(cause) => Err(self.refuse(&cause, what)),
        }
    }

    /// The next member's name; `None` at the end of the object.
    pub(crate) fn next_member(&mut self) -> Result<Option<Cow<'static, str>>> {
        match self.jiter.next_key() {
            Ok(name) => Ok(name.map(known)),
            Err(cause) => Err(self.refuse(&cause, "an object")),
        }
    }

    /// Opens an array; whether it has a first item.
    pub(crate) fn open_array(&mut self, what: &str) -> Result<Option<Peek>> {
        self.jiter.next_array().map_err(|cause| self.refuse(&cause, what))
    }

    /// Whether another item follows.
    pub(crate) fn next_item(&mut self, what: &str) -> Result<Option<Peek>> {
        self.jiter.array_step().map_err(|cause| self.refuse(&cause, what))
    }

    /// A text.
    pub(crate) fn string(&mut self, what: &str) -> Result<String> {
        match self.jiter.next_str() {
            Ok(text) => Ok(text.to_owned()),
            Err(cause) => Err(self.refuse(&cause, what)),
        }
    }

    /// A text that is only looked at.
    pub(crate) fn borrowed_string<T>(&mut self, what: &str, look: impl FnOnce(&str) -> T) -> Result<T> {
        match self.jiter.next_str() {
            Ok(text) => Ok(look(text)),
            Err(cause) => Err(self.refuse(&cause, what)),
        }
    }

    /// true or false.
    pub(crate) fn boolean(&mut self, what: &str) -> Result<bool> {
        self.jiter.next_bool().map_err(|cause| self.refuse(&cause, what))
    }

    /// A whole number that is not negative.
    pub(crate) fn unsigned(&mut self, what: &str) -> Result<u64> {
        let peek = self.peek(what)?;
        match self.jiter.known_int(peek) {
            Ok(NumberInt::Int(value)) => u64::try_from(value)
                .map_err(|_| Error::invalid(format!("{what} must not be negative, got {value}"))),
            // Upwards of i64 the text itself has to be read.
            Err(cause) if is_out_of_range(&cause) => self.large_unsigned(peek, what),
            Err(cause) => Err(self.refuse(&cause, what)),
        }
    }

    fn large_unsigned(&mut self, peek: Peek, what: &str) -> Result<u64> {
        match self.jiter.known_number_bytes(peek) {
            Ok(digits) => parse(digits).ok_or_else(|| {
                let digits = String::from_utf8_lossy(digits);
                Error::invalid(format!("{what} must be a whole number below 2^64, got {digits}"))
            }),
            Err(cause) => Err(self.refuse(&cause, what)),
        }
    }

    /// Whether null comes next.
    pub(crate) fn peek_null(&mut self, what: &str) -> Result<bool> {
        Ok(self.peek(what)? == Peek::Null)
    }

    /// Whether a text comes next.
    pub(crate) fn peek_string(&mut self, what: &str) -> Result<bool> {
        Ok(self.peek(what)? == Peek::String)
    }

    /// What comes next.
    pub(super) fn peek(&mut self, what: &str) -> Result<Peek> {
        self.jiter.peek().map_err(|cause| self.refuse(&cause, what))
    }

    /// Passes over a value; its text.
    pub(crate) fn skip(&mut self, what: &str) -> Result<&'j [u8]> {
        self.peek(what)?;
        let start = self.jiter.current_index();
        self.jiter.next_skip().map_err(|cause| self.refuse(&cause, what))?;
        Ok(self.jiter.slice_to_current(start))
    }

    /// Bytes not read yet.
    pub(super) fn left(&self) -> usize {
        self.text.len() - self.jiter.current_index()
    }

    /// Checks that nothing follows.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.jiter.finish().map_err(|cause| self.refuse(&cause, "the end of the request's JSON"))
    }

    /// The error for a value that cannot be read as `what`.
    pub(super) fn refuse(&self, cause: &JiterError, what: &str) -> Error {
        match &cause.error_type {
            JiterErrorType::WrongType { expected, actual } => {
                Error::invalid(format!("{what} must be {}, got {}", name(expected), name(actual)))
            }
            JiterErrorType::JsonError(problem) => Error::invalid(format!(
                "failed to parse the request JSON at {} (in {what}): {problem}",
                jiter::LinePosition::find(self.text, cause.index)
            )),
        }
    }
}

/// Whether a number is whole but too large for an i64.
pub(super) fn is_out_of_range(cause: &JiterError) -> bool {
    cause.error_type == JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange)
}

/// A number out of its digits.
pub(super) fn parse<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Gives member names that the protocol defines without an allocation.
macro_rules! without_allocation {
    ($name:expr; $($known:literal)*) => {
        match $name {
            $($known => Cow::Borrowed($known),)*
            other => Cow::Owned(other.to_owned()),
        }
    };
}

fn known(name: &str) -> Cow<'static, str> {
    without_allocation!(name;
        "name" "shape" "datatype" "data" "parameters" "binary_data_size" "binary_data" "inputs" "outputs" "id"
        "binary_data_output" "classification" "sequence_id" "sequence_start" "sequence_end" "priority" "timeout"
        "shared_memory_region" "shared_memory_offset" "shared_memory_byte_size"
    )
}

fn name(kind: &JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Bool => "true or false",
        JsonType::Int => "a whole number",
        JsonType::Float => "a number",
        JsonType::String => "a string",
        JsonType::Array => "an array",
        JsonType::Object => "an object",
    }
}
