//! The settings of traces and of the log.

use std::borrow::Cow;

use hyper::{Method, Response, StatusCode};
use jiter::Peek;
use trilith_core::trace::{Change, Settings};
use trilith_core::{Error, Result};

use super::endpoint::Endpoint;
use super::infer::Reader;
use super::json::Writer;
use super::reply::Refusal;
use super::route::Topic;
use super::{body, reply};
use crate::listen::{ReplyBody, RequestBody};
use crate::logging::{LogSettings, refuse};
use crate::tracing;

impl Endpoint {
    /// Shows settings, after changing them if asked to.
    pub(super) async fn settings(
        &self,
        topic: &Topic<'_>,
        method: &Method,
        content: RequestBody,
    ) -> Result<Response<ReplyBody>, Refusal> {
        let change = match *method {
            Method::GET => None,
            Method::POST => Some(body::collect(content, self.limits).await?.to_bytes()),
            _ => return Ok(reply::neither_get_nor_post(method)),
        };
        match topic {
            Topic::Log => {
                let logging = &self.context.logging;
                let settings = match change {
                    None => logging.settings(),
                    Some(content) => {
                        let change = |settings: &mut LogSettings| read_log_settings(&content, settings);
                        logging.change(&self.context.control, change).await.map_err(as_triton)?
                    }
                };
                Ok(reply::json(write_log_settings(&settings)))
            }
            Topic::Trace(model) => {
                let changes =
                    change.map_or_else(|| Ok(Vec::new()), |content| read_trace_settings(&content))?;
                let settings = tracing::settings(&self.context, model.as_deref(), changes)?;
                Ok(reply::json(write_trace_settings(&settings)))
            }
        }
    }
}

/// Triton answers an unknown format with the status of a server that is not available.
fn as_triton(error: Error) -> Refusal {
    if error.message.starts_with("invalid argument for log_format") {
        return Refusal::new(error, StatusCode::SERVICE_UNAVAILABLE);
    }
    error.into()
}

fn read_log_settings(content: &[u8], settings: &mut LogSettings) -> Result<()> {
    read_members(content, |reader, name| {
        let what = format!("'{name}'");
        // What is null stays as it is.
        if reader.peek_null(&what)? {
            reader.skip(&what)?;
            return if crate::logging::NAMES.contains(&name) { Ok(()) } else { Err(refuse(name)) };
        }
        match name {
            "log_info" | "log_warning" | "log_error" => settings.set_flag(name, reader.boolean(&what)?),
            "log_verbose_level" => settings.set_verbose_level(reader.unsigned(&what)?)?,
            "log_format" => settings.set_format(reader.string(&what)?)?,
            _ => return Err(refuse(name)),
        }
        Ok(())
    })
}

fn read_trace_settings(content: &[u8]) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    read_members(content, |reader, name| {
        let what = format!("'{name}'");
        let values = if reader.peek_null(&what)? {
            reader.skip(&what)?;
            None
        } else {
            match name {
                "trace_level" => Some(read_strings(reader, &what)?),
                "trace_rate" | "trace_count" | "log_frequency" => Some(vec![reader.string(&what)?]),
                // Refused by name, unless it is shown and comes back as it is: then it is a text.
                _ => Some(vec![read_any(reader, &what)?]),
            }
        };
        changes.push((name.to_owned(), values));
        Ok(())
    })?;
    Ok(changes)
}

/// A text as it is, anything else as it is written.
fn read_any(reader: &mut Reader<'_>, what: &str) -> Result<String> {
    if reader.peek_string(what)? {
        return reader.string(what);
    }
    Ok(String::from_utf8_lossy(reader.skip(what)?).into_owned())
}

fn read_strings(reader: &mut Reader<'_>, what: &str) -> Result<Vec<String>> {
    let mut strings = Vec::new();
    let mut next: Option<Peek> = reader.open_array(what)?;
    while next.is_some() {
        strings.push(reader.string(what)?);
        next = reader.next_item(what)?;
    }
    Ok(strings)
}

fn read_members(content: &[u8], mut read: impl FnMut(&mut Reader<'_>, &str) -> Result<()>) -> Result<()> {
    let mut reader = Reader::new(content);
    let mut member: Option<Cow<'static, str>> = reader.open_object("the request")?;
    while let Some(name) = member {
        read(&mut reader, &name)?;
        member = reader.next_member()?;
    }
    reader.finish()
}

fn write_log_settings(settings: &LogSettings) -> Vec<u8> {
    let mut json = Writer::with_capacity(160);
    let flag = |value: bool| if value { "true" } else { "false" };
    json.raw("{\"log_file\":").string(&settings.file);
    json.raw(",\"log_info\":").raw(flag(settings.info));
    json.raw(",\"log_warning\":").raw(flag(settings.warning));
    json.raw(",\"log_error\":").raw(flag(settings.error));
    json.raw(",\"log_verbose_level\":").integer(settings.verbose_level);
    json.raw(",\"log_format\":").string(&settings.format).raw("}");
    json.0
}

fn write_trace_settings(settings: &Settings) -> Vec<u8> {
    let mut json = Writer::with_capacity(256);
    json.list(("{", "}"), settings, |json, (name, values)| {
        json.string(name).raw(":");
        match (name.as_str(), values.as_slice()) {
            (name, [value]) if name != "trace_level" => json.string(value),
            (_, values) => json.list(("[", "]"), values, |json, value| {
                json.string(value);
            }),
        };
    });
    json.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(content: &str) -> Result<LogSettings> {
        let mut settings = LogSettings::default();
        read_log_settings(content.as_bytes(), &mut settings).map(|()| settings)
    }

    #[test]
    fn log_settings_are_read_one_by_one_and_what_is_null_stays() {
        let settings =
            changed(r#"{"log_info":false,"log_verbose_level":3,"log_format":"ISO8601","log_file":null}"#);
        let expected =
            LogSettings { info: false, verbose_level: 3, format: "ISO8601".into(), ..LogSettings::default() };
        assert_eq!(settings, Ok(expected));
    }

    #[test]
    fn what_is_wrong_with_log_settings_is_named() {
        for (content, status, problem) in [
            (r#"{"log_file":"x"}"#, 501, "log file location"),
            (r#"{"log_fil":null}"#, 400, "did you mean 'log_file'?"),
            (r#"{"log_info":"yes"}"#, 400, "'log_info' must be true or false, got a string"),
            (r#"{"log_verbose_level":-1}"#, 400, "must not be negative"),
            (r#"{"log_verbose_level":99999999999}"#, 400, "from 0 to 2147483647"),
            (r#"{"log_format":"iso8601"}"#, 400, "got: iso8601"),
            ("", 400, "failed to parse"),
            ("[]", 400, "must be an object"),
        ] {
            let error = changed(content).unwrap_err();
            assert_eq!(error.code.http_status(), status, "{content}");
            assert!(error.full_text().contains(problem), "{}", error.full_text());
        }
    }

    #[test]
    fn trace_settings_are_read_as_names_and_values() {
        let content = br#"{"trace_level":["TIMESTAMPS","TENSORS"],"trace_rate":"5","trace_count":null}"#;
        let expected: Vec<Change> = vec![
            ("trace_level".into(), Some(vec!["TIMESTAMPS".into(), "TENSORS".into()])),
            ("trace_rate".into(), Some(vec!["5".into()])),
            ("trace_count".into(), None),
        ];
        assert_eq!(read_trace_settings(content), Ok(expected));
        for content in [r#"{"trace_level":"OFF"}"#, r#"{"trace_rate":5}"#, "[]", "", r#"{"trace_level":[1]}"#]
        {
            assert_eq!(read_trace_settings(content.as_bytes()).unwrap_err().code.http_status(), 400);
        }
    }

    #[test]
    fn trace_settings_are_shown_as_triton_shows_them() {
        let settings = vec![
            ("trace_level".to_owned(), vec!["OFF".to_owned()]),
            ("trace_rate".to_owned(), vec!["1000".to_owned()]),
        ];
        assert_eq!(write_trace_settings(&settings), br#"{"trace_level":["OFF"],"trace_rate":"1000"}"#);
    }
}
