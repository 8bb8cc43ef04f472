//! Headers that become parameters of a request, so that models see them.

use hyper::header::HeaderMap;
use regex::bytes::{Regex, RegexBuilder};
use trilith_core::{Error, Parameter, Request, Result};

/// Parameters that mean something to the server; a header of that name would be taken for one.
const RESERVED: [&str; 7] =
    ["sequence_id", "sequence_start", "sequence_end", "priority", "timeout", "headers", "binary_data_output"];

/// Which headers become parameters: those in whose name the pattern is found, in upper or lower case.
#[derive(Clone, Debug)]
pub struct HeaderPattern(Regex);

impl HeaderPattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn read(pattern: &str) -> std::result::Result<Self, String> {
        // Names of headers are ASCII.
        let regex = RegexBuilder::new(pattern).case_insensitive(true).unicode(false).build();
        regex.map(Self).map_err(|error| error.to_string())
    }

    /// Whether a header of that name becomes a parameter; an error where it would mean something to the server.
    pub(crate) fn takes(&self, name: &str) -> Result<bool> {
        if !self.0.is_match(name.as_bytes()) {
            return Ok(false);
        }
        if RESERVED.contains(&name) || name.starts_with("triton_") {
            let message = format!("Header '{name}' is reserved for Triton usage and cannot be forwarded.");
            return Err(Error::invalid(message).with_hint("send it by another name, or as a parameter"));
        }
        Ok(true)
    }

    /// Gives a request the parameters that its headers make.
    pub(crate) fn forward(&self, headers: &HeaderMap, request: &mut Request) -> Result<()> {
        for (name, value) in headers {
            if self.takes(name.as_str())? {
                let text = text(name.as_str(), value.as_bytes().to_vec())?;
                request.parameters.insert(name.as_str(), Parameter::String(text));
            }
        }
        Ok(())
    }
}

/// The value of a header as text, which parameters are.
pub(crate) fn text(name: &str, value: Vec<u8>) -> Result<String> {
    String::from_utf8(value).map_err(|_| {
        Error::invalid(format!(
            "Header '{name}' cannot be forwarded: its value is not UTF-8, and parameters are text"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn forwarded(
        pattern: &str,
        headers: &[(&'static str, &'static [u8])],
    ) -> Result<Vec<(String, Parameter)>> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap()));
        let mut request = Request::default();
        request.parameters.insert("x-both", Parameter::Int(1));
        HeaderPattern::read(pattern).unwrap().forward(&headers.collect(), &mut request)?;
        Ok(request.parameters.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
    }

    #[test]
    fn a_header_is_taken_where_the_pattern_is_found_in_its_name() {
        let headers: &[(_, &[u8])] = &[("my-x-tenant", b"one"), ("other", b"two"), ("x-both", b"\xc3\xa9")];
        let text = |text: &str| Parameter::String(text.to_owned());
        assert_eq!(
            forwarded("X-T|both", headers).unwrap(),
            [("x-both".to_owned(), text("é")), ("my-x-tenant".to_owned(), text("one"))]
        );
        assert_eq!(forwarded(r"^x-\w+$", headers).unwrap(), [("x-both".to_owned(), text("é"))]);
    }

    #[test]
    fn what_means_something_to_the_server_or_is_no_text_is_refused() {
        for name in ["priority", "timeout", "triton_x"] {
            let error = forwarded(".*", &[(name, b"1")]).unwrap_err();
            assert!(
                error.message.contains("is reserved for Triton usage and cannot be forwarded."),
                "{error}"
            );
        }
        assert!(forwarded("z", &[("priority", b"1")]).is_ok());
        assert!(forwarded("x", &[("x", b"\xff")]).unwrap_err().message.contains("not UTF-8"));
    }

    #[test]
    fn a_pattern_that_is_none_is_explained() {
        let problem = HeaderPattern::read("x-(").unwrap_err();
        assert!(problem.contains("unclosed group"), "{problem}");
    }
}
