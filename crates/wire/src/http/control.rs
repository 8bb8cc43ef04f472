//! Loading and unloading models.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::Response;
use trilith_core::{Error, Result};

use super::endpoint::Endpoint;
use super::infer::Reader;
use super::reply::Refusal;
use super::{body, reply};
use crate::control::{Kind, Value};
use crate::listen::{ReplyBody, RequestBody};

impl Endpoint {
    /// Has a model loaded or unloaded, and answers when it is.
    pub(super) async fn control(
        &self,
        kind: Kind,
        model: &str,
        content: RequestBody,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let content = body::collect(content, self.limits).await?.to_bytes();
        let parameters = read(kind, &content)?;
        self.context.control.ask(kind, model, parameters).await?;
        Ok(reply::empty())
    }
}

/// Reads what a command says beyond its path: `{"parameters": {...}}`, or nothing.
fn read(kind: Kind, content: &[u8]) -> Result<Vec<(String, Value)>> {
    let mut parameters = Vec::new();
    if content.is_empty() {
        return Ok(parameters);
    }
    let mut reader = Reader::new(content);
    let mut member = reader.open_object("the request")?;
    while let Some(name) = member {
        if name == "parameters" {
            parameters = read_parameters(kind, &mut reader)?;
        } else {
            reader.skip("the request")?;
        }
        member = reader.next_member()?;
    }
    reader.finish()?;
    Ok(parameters)
}

fn read_parameters(kind: Kind, reader: &mut Reader<'_>) -> Result<Vec<(String, Value)>> {
    let mut parameters = Vec::new();
    let mut member = reader.open_object("'parameters'")?;
    while let Some(name) = member {
        if let Some(value) = read_value(kind, &name, reader)? {
            parameters.push((name.into_owned(), value));
        }
        member = reader.next_member()?;
    }
    Ok(parameters)
}

/// The value of one parameter; `None` for one that means nothing here.
fn read_value(kind: Kind, name: &str, reader: &mut Reader<'_>) -> Result<Option<Value>> {
    let what = format!("parameter '{name}'");
    match (kind, name) {
        (Kind::Load, "config") => Ok(Some(Value::Text(reader.string(&what)?))),
        (Kind::Load, _) if name.starts_with("file:") => {
            let content = reader.borrowed_string(&what, |text| BASE64_STANDARD.decode(text))?;
            let content =
                content.map_err(|problem| Error::invalid(format!("{what} is not base64: {problem}")))?;
            Ok(Some(Value::Bytes(content.into())))
        }
        (Kind::Load, _) => Err(Error::invalid(format!("unrecognized load parameter '{name}'"))
            .with_hint("there are 'config' and 'file:VERSION/NAME'")),
        (Kind::Unload, "unload_dependents") => Ok(Some(Value::Bool(reader.boolean(&what)?))),
        // Triton passes over what an unload says beyond that.
        _ => reader.skip(&what).map(|_| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, value: &str) -> (String, Value) {
        (name.into(), Value::Text(value.into()))
    }

    #[test]
    fn a_load_brings_a_configuration_and_files() {
        let content = br#"{"parameters":{"config":"{}","file:1/model.onnx":"AAEC"},"more":[1]}"#;
        let file = ("file:1/model.onnx".into(), Value::Bytes(vec![0, 1, 2].into()));
        assert_eq!(read(Kind::Load, content), Ok(vec![text("config", "{}"), file]));
        assert_eq!(read(Kind::Load, b""), Ok(Vec::new()));
        assert_eq!(read(Kind::Load, b"{}"), Ok(Vec::new()));
    }

    #[test]
    fn an_unload_may_take_dependents_along() {
        let content = br#"{"parameters":{"unload_dependents":true,"other":{}}}"#;
        assert_eq!(read(Kind::Unload, content), Ok(vec![("unload_dependents".into(), Value::Bool(true))]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (kind, content, problem) in [
            (
                Kind::Load,
                r#"{"parameters":{"config":{}}}"#,
                "parameter 'config' must be a string, got an object",
            ),
            (Kind::Load, r#"{"parameters":{"fil":"x"}}"#, "unrecognized load parameter 'fil'"),
            (Kind::Load, r#"{"parameters":{"file:1/m":"?"}}"#, "parameter 'file:1/m' is not base64"),
            (Kind::Load, "[]", "the request must be an object, got an array"),
            (
                Kind::Unload,
                r#"{"parameters":{"unload_dependents":"x"}}"#,
                "parameter 'unload_dependents' must be true or false, got a string",
            ),
        ] {
            let error = read(kind, content.as_bytes()).unwrap_err();
            assert_eq!(error.code.http_status(), 400);
            assert!(error.message.contains(problem), "{content}: {}", error.message);
        }
    }
}
