//! Values that ride along with requests, tensors and responses.

use std::fmt;

use crate::error::{Error, Result};

/// Most parameters of one request, tensor or output that a client may give. Models know a handful; looking each name
/// up among all others, as a list does, must not keep the server busy.
pub const MAX_PARAMETERS: usize = 4096;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// true or false
    Bool(bool),
    /// a signed integer
    Int(i64),
    /// an unsigned integer
    Uint(u64),
    /// a floating-point number
    Double(f64),
    /// a text
    String(String),
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Uint(value) => value.fmt(formatter),
            Self::Double(value) => value.fmt(formatter),
            Self::String(value) => value.fmt(formatter),
        }
    }
}

/// Named values in the order in which they were given; few, so a list is faster than a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(Vec<(String, Parameter)>);

impl Parameters {
    /// No values.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a value, replacing one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, value: Parameter) {
        let name = name.into();
        match self.0.iter_mut().find(|entry| entry.0 == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets a value that a client gave; refused where there are too many.
    pub fn accept(&mut self, name: impl Into<String>, value: Parameter) -> Result<()> {
        self.insert(name, value);
        if self.0.len() <= MAX_PARAMETERS {
            return Ok(());
        }
        Err(Error::invalid(format!("there are more than {MAX_PARAMETERS} parameters")))
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|entry| entry.0 == name).map(|entry| &entry.1)
    }

    /// Takes the value of that name out.
    pub fn remove(&mut self, name: &str) -> Option<Parameter> {
        let position = self.0.iter().position(|entry| entry.0 == name)?;
        Some(self.0.remove(position).1)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Parameter)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Parameter)> for Parameters {
    fn from_iter<T: IntoIterator<Item = (String, Parameter)>>(entries: T) -> Self {
        let mut parameters = Self::new();
        entries.into_iter().for_each(|(name, value)| parameters.insert(name, value));
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gives_only_so_many() {
        let mut parameters = Parameters::new();
        for number in 0..MAX_PARAMETERS {
            parameters.accept(number.to_string(), Parameter::Bool(true)).unwrap();
        }
        assert!(parameters.accept("0", Parameter::Bool(false)).is_ok());
        assert!(parameters.accept("one more", Parameter::Bool(true)).is_err());
    }
}
