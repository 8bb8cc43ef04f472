//! Which path means what.

use std::borrow::Cow;

use hyper::Method;
use trilith_core::{Code, Error, Fault, Result};

use crate::restriction::Api;
use crate::{control, shared_memory};

/// What is asked of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// What it takes and gives.
    Metadata,
    /// Whether it takes requests.
    Ready,
    /// Its configuration.
    Config,
    /// Its statistics.
    Statistics,
    /// An inference.
    Infer,
    /// An inference in the form of the generate extension.
    Generate,
    /// The same, answered by a stream of events.
    GenerateStream,
}

/// What is asked of shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// What is registered.
    Status,
    /// To register a region.
    Register,
    /// To forget regions.
    Unregister,
}

/// What settings are about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Topic<'a> {
    /// The log.
    Log,
    /// Traces: of one model, or of the server.
    Trace(Option<Cow<'a, str>>),
}

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/v2`
    Server,
    /// `/v2/health/live`
    Live,
    /// `/v2/health/ready`
    Ready,
    /// `/v2/models/stats`
    AllStatistics,
    /// `/v2/repository/index`
    Index,
    /// `/v2/{system|cuda}sharedmemory[/region/{name}]/{action}`
    SharedMemory {
        /// Which kind of memory.
        kind: shared_memory::Kind,
        /// Name of the region, where the path names one.
        region: Option<Cow<'a, str>>,
        /// What is asked of it.
        action: Action,
    },
    /// `/v2/repository/models/{model}/load` or `/unload`
    Control {
        /// Name of the model.
        model: Cow<'a, str>,
        /// Load or unload.
        kind: control::Kind,
    },
    /// `/v2/logging` or `/v2[/models/{name}]/trace/setting`, which are asked by two methods
    Settings(Topic<'a>),
    /// `/v2/models/{name}[/versions/{version}][/{question}]`
    Model {
        /// Name of the model.
        name: Cow<'a, str>,
        /// Its version, where the path names one.
        version: Option<i64>,
        /// What is asked of it.
        question: Question,
    },
}

impl Route<'_> {
    /// The part of the protocol that it belongs to.
    pub(super) fn api(&self) -> Api {
        match self {
            Self::Live | Self::Ready => Api::Health,
            Self::Server => Api::Metadata,
            Self::AllStatistics => Api::Statistics,
            Self::Index | Self::Control { .. } => Api::ModelRepository,
            Self::SharedMemory { .. } => Api::SharedMemory,
            Self::Settings(Topic::Trace(_)) => Api::Trace,
            Self::Settings(Topic::Log) => Api::Logging,
            Self::Model { question, .. } => match question {
                Question::Metadata => Api::Metadata,
                Question::Ready => Api::Health,
                Question::Config => Api::ModelConfig,
                Question::Statistics => Api::Statistics,
                Question::Infer | Question::Generate | Question::GenerateStream => Api::Inference,
            },
        }
    }

    /// The one method by which it is asked.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Index
            | Self::Control { .. }
            | Self::Model {
                question: Question::Infer | Question::Generate | Question::GenerateStream, ..
            }
            | Self::SharedMemory { action: Action::Register | Action::Unregister, .. } => Method::POST,
            _ => Method::GET,
        }
    }
}

/// The route of a path.
pub(super) fn find(path: &str) -> Result<Route<'_>> {
    let rest = path.strip_prefix("/v2").ok_or_else(|| unknown(path))?;
    // The longest path of this protocol has five segments behind `/v2`.
    let mut segments = [""; 6];
    let mut count = 0;
    for segment in rest.split('/') {
        *segments.get_mut(count).ok_or_else(|| unknown(path))? = segment;
        count += 1;
    }
    match &segments[..count] {
        [""] => Ok(Route::Server),
        ["", "health", "live"] => Ok(Route::Live),
        ["", "health", "ready"] => Ok(Route::Ready),
        ["", "models", "stats"] => Ok(Route::AllStatistics),
        // Triton lets a repository be named here and answers for all of them.
        ["", "repository", "index"] | ["", "repository", _, "index"] => Ok(Route::Index),
        ["", "logging"] => Ok(Route::Settings(Topic::Log)),
        ["", "trace", "setting"] => Ok(Route::Settings(Topic::Trace(None))),
        ["", "models", name, "trace", "setting"] if !name.is_empty() => {
            let name = decode(name).ok_or_else(|| unknown(path))?;
            Ok(Route::Settings(Topic::Trace(Some(name))))
        }
        ["", "repository", "models", name, action] => control(path, name, action),
        ["", "repository", _, "models", name, action] => {
            control(path, name, action)?;
            let message = "'repository_name' specification is not supported";
            Err(Error::new(Code::Unimplemented, Fault::Client, message)
                .with_hint("leave it out; all repositories are searched"))
        }
        ["", "models", name, "versions", version] => model(path, name, Some(version), ""),
        ["", "models", name, "versions", version, question] if !question.is_empty() => {
            model(path, name, Some(version), question)
        }
        ["", "models", name] => model(path, name, None, ""),
        ["", "models", name, question] if !question.is_empty() => model(path, name, None, question),
        ["", kind @ ("systemsharedmemory" | "cudasharedmemory"), place @ .., action] => {
            shared_memory(path, kind, place, action)
        }
        _ => Err(unknown(path)),
    }
}

fn shared_memory<'a>(path: &'a str, kind: &str, place: &[&'a str], action: &str) -> Result<Route<'a>> {
    let kind =
        if kind == "cudasharedmemory" { shared_memory::Kind::Cuda } else { shared_memory::Kind::System };
    let region = match place {
        [] => None,
        ["region", name] => Some(decode(name).filter(|name| !name.is_empty()).ok_or_else(|| unknown(path))?),
        _ => return Err(unknown(path)),
    };
    let action = match action {
        "status" => Action::Status,
        "register" => Action::Register,
        "unregister" => Action::Unregister,
        _ => return Err(unknown(path)),
    };
    Ok(Route::SharedMemory { kind, region, action })
}

fn model<'a>(path: &str, name: &'a str, version: Option<&str>, question: &str) -> Result<Route<'a>> {
    let question = match question {
        "" => Question::Metadata,
        "ready" => Question::Ready,
        "config" => Question::Config,
        "stats" => Question::Statistics,
        "infer" => Question::Infer,
        "generate" => Question::Generate,
        "generate_stream" => Question::GenerateStream,
        _ => return Err(unknown(path)),
    };
    let name = decode(name).filter(|name| !name.is_empty()).ok_or_else(|| unknown(path))?;
    let version = version.map(|version| number(version, &name)).transpose()?;
    Ok(Route::Model { name, version, question })
}

fn control<'a>(path: &str, name: &'a str, action: &str) -> Result<Route<'a>> {
    let kind = match action {
        "load" => control::Kind::Load,
        "unload" => control::Kind::Unload,
        _ => return Err(unknown(path)),
    };
    let model = decode(name).filter(|name| !name.is_empty()).ok_or_else(|| unknown(path))?;
    Ok(Route::Control { model, kind })
}

fn number(version: &str, model: &str) -> Result<i64> {
    if version.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = version.parse()
    {
        return Ok(number);
    }
    Err(Error::not_found(format!("model '{model}' has no version '{version}'"))
        .with_hint("versions are whole numbers, such as /v2/models/NAME/versions/1"))
}

/// Resolves `%XX`; `None` if what comes out is no text.
fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' { hex(bytes.next()?)? << 4 | hex(bytes.next()?)? } else { byte });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn unknown(path: &str) -> Error {
    Error::not_found(format!("Not Found: no such path '{path}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model_route(name: &str, version: Option<i64>, question: Question) -> Route<'_> {
        Route::Model { name: Cow::Borrowed(name), version, question }
    }

    fn memory_route(kind: shared_memory::Kind, region: Option<&str>, action: Action) -> Route<'_> {
        Route::SharedMemory { kind, region: region.map(Cow::Borrowed), action }
    }

    #[test]
    fn every_path_of_the_protocol_is_known() {
        let routes = [
            ("/v2", Route::Server),
            ("/v2/logging", Route::Settings(Topic::Log)),
            ("/v2/trace/setting", Route::Settings(Topic::Trace(None))),
            ("/v2/models/a%2Fb/trace/setting", Route::Settings(Topic::Trace(Some("a/b".into())))),
            ("/v2/health/live", Route::Live),
            ("/v2/health/ready", Route::Ready),
            ("/v2/models/stats", Route::AllStatistics),
            ("/v2/repository/index", Route::Index),
            ("/v2/repository/some/index", Route::Index),
            ("/v2/repository/models/m/load", Route::Control { model: "m".into(), kind: control::Kind::Load }),
            (
                "/v2/repository/models/m/unload",
                Route::Control { model: "m".into(), kind: control::Kind::Unload },
            ),
            ("/v2/models/m", model_route("m", None, Question::Metadata)),
            ("/v2/models/m/ready", model_route("m", None, Question::Ready)),
            ("/v2/models/m/config", model_route("m", None, Question::Config)),
            ("/v2/models/m/stats", model_route("m", None, Question::Statistics)),
            ("/v2/models/m/infer", model_route("m", None, Question::Infer)),
            ("/v2/models/m/generate", model_route("m", None, Question::Generate)),
            ("/v2/models/m/generate_stream", model_route("m", None, Question::GenerateStream)),
            ("/v2/models/m/versions/3", model_route("m", Some(3), Question::Metadata)),
            ("/v2/models/m/versions/3/infer", model_route("m", Some(3), Question::Infer)),
            ("/v2/models/a%20%C3%A9/infer", model_route("a é", None, Question::Infer)),
            (
                "/v2/systemsharedmemory/status",
                memory_route(shared_memory::Kind::System, None, Action::Status),
            ),
            (
                "/v2/cudasharedmemory/unregister",
                memory_route(shared_memory::Kind::Cuda, None, Action::Unregister),
            ),
            (
                "/v2/systemsharedmemory/region/a%2Fb/register",
                memory_route(shared_memory::Kind::System, Some("a/b"), Action::Register),
            ),
            ("/v2/models/a%2Fb", model_route("a/b", None, Question::Metadata)),
        ];
        for (path, route) in routes {
            assert_eq!(find(path), Ok(route), "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in [
            "/",
            "/v1",
            "/v2/",
            "/v22",
            "/v2/models",
            "/v2/models/",
            "/v2/models//infer",
            "/v2/models/m/",
            "/v2/models/m/bogus",
            "/v2/models/m/versions",
            "/v2/models/m/versions/",
            "/v2/models/m/versions/x",
            "/v2/models/m/versions/-1/infer",
            "/v2/models/m/versions/99999999999999999999/infer",
            "/v2/models/%zz/infer",
            "/v2/models/%f/infer",
            "/v2/models/%ff/infer",
            "/v2/health",
            "/v2/systemsharedmemory",
            "/v2/systemsharedmemory/bogus",
            "/v2/systemsharedmemory/region/status",
            "/v2/systemsharedmemory/region//status",
            "/v2/systemsharedmemory/other/r/status",
            "/v2/cudasharedmemory/region/r",
            "/v2/trace",
            "/v2/models//trace/setting",
            "/v2/models/m/trace",
            "/v2/models/m/versions/1/trace/setting",
            "/v2/repository/models/m/reload",
            "/v2/repository/models//load",
            "/v2/repository/models/m",
            "/v2/models/m/versions/1/infer/more",
            "/v2/models/m/versions/1/",
        ] {
            assert_eq!(find(path).unwrap_err().code.http_status(), 404, "{path}");
        }
    }

    #[test]
    fn repositories_cannot_be_named() {
        let error = find("/v2/repository/mine/models/m/load").unwrap_err();
        assert_eq!(error.code.http_status(), 501);
    }
}
