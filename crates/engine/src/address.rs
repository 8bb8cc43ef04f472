//! Which model is meant, where a name alone may stand for several.

use std::fmt::{self, Display, Formatter};

/// A model by its name and the namespace that it lies in; empty where there are none.
///
/// As a text it is the name alone, or `NAMESPACE/NAME`: with the path of a repository as its namespace, the path of the
/// model's folder. A name holds no slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// Its namespace; may be empty.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl<'a> From<&'a str> for Address<'a> {
    fn from(text: &'a str) -> Self {
        let (namespace, name) = text.rsplit_once('/').unwrap_or(("", text));
        Self { namespace, name }
    }
}

impl Display for Address<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if !self.namespace.is_empty() {
            write!(formatter, "{}/", self.namespace)?;
        }
        formatter.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_from_its_text() {
        for text in ["m", "/models/m", "//m", "s3://bucket/models/m"] {
            assert_eq!(Address::from(text).to_string(), text);
        }
        assert_eq!(Address::from("/models/m"), Address { namespace: "/models", name: "m" });
    }
}
