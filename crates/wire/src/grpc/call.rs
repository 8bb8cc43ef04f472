//! One call: what its headers ask for, and its messages.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use trilith_core::Parameter;

use super::GrpcOptions;
use super::body::ResponseBody;
use super::compression::{CompressionLevel, Encoding};
use super::frame::Messages;
use super::pieces::Pieces;
use super::status::{from_error, shutting_down};
use crate::forward::{self, HeaderPattern};
use crate::shutdown::Shutdown;

/// One call.
pub(super) struct Call {
    /// What the client sends.
    pub(super) messages: Messages<Incoming>,
    /// How long the client waits, where it says so.
    pub(super) timeout: Option<Duration>,
    /// Whether an error inside a stream ends the stream (`triton_grpc_error`).
    pub(super) ends_on_error: bool,
    /// Parameters that its headers make.
    pub(super) forwarded: Forwarded,
    packing: Packing,
}

/// Parameters that headers make; most calls have none.
pub(super) type Forwarded = Vec<(String, Parameter)>;

/// How the messages of a response are packed.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    encoding: Encoding,
    level: CompressionLevel,
}

impl Call {
    /// Reads the headers of a call.
    pub(super) fn open(request: Request<Incoming>, options: &GrpcOptions) -> Result<Self, Status> {
        let (head, body) = request.into_parts();
        let headers = &head.headers;
        let level = options.response_compression;
        Ok(Self {
            messages: Messages::new(body, Encoding::of_request(headers)?, options.max_message_size),
            timeout: timeout(headers),
            ends_on_error: headers.get("triton_grpc_error").is_some_and(|value| value == "true"),
            forwarded: options
                .forward
                .as_ref()
                .map_or(Ok(Vec::new()), |pattern| forwarded(pattern, headers))?,
            packing: Packing { encoding: Encoding::of_response(headers, level), level },
        })
    }

    /// The message of a call that has one. A server that stops does not wait for a message that is on its way.
    pub(super) async fn only_message(&mut self, shutdown: &Shutdown) -> Result<Pieces, Status> {
        tokio::select! {
            biased;
            message = self.read_only_message() => message,
            () = shutdown.wait() => Err(shutting_down()),
        }
    }

    async fn read_only_message(&mut self) -> Result<Pieces, Status> {
        let Some(message) = self.messages.next().await? else {
            return Err(Status::invalid_argument("the call brought no message, it takes one"));
        };
        match self.messages.next().await? {
            None => Ok(message),
            Some(_) => Err(Status::invalid_argument("the call brought several messages, it takes one")),
        }
    }

    /// How the messages of the response are packed.
    pub(super) fn packing(&self) -> Packing {
        self.packing
    }
}

impl Packing {
    /// The head of a response whose body is of that kind.
    pub(super) fn respond(self, body: ResponseBody) -> Response<ResponseBody> {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        if let Some(name) = self.encoding.name() {
            headers.insert("grpc-encoding", HeaderValue::from_static(name));
        }
        response
    }

    /// Packs one framed message.
    pub(super) fn pack(self, framed: Pieces) -> Result<Pieces, Status> {
        self.encoding.compress(framed, self.level)
    }

    /// The response of a call that is answered by one framed message.
    pub(super) fn respond_with(self, framed: Pieces) -> Result<Response<ResponseBody>, Status> {
        Ok(self.respond(ResponseBody::Message(self.pack(framed)?)))
    }
}

/// The parameters that the headers of a call make. What belongs to the framing of calls is no header of theirs.
fn forwarded(pattern: &HeaderPattern, headers: &HeaderMap) -> Result<Forwarded, Status> {
    let metadata = MetadataMap::from_headers(headers.clone());
    let mut parameters = Vec::new();
    for entry in metadata.iter() {
        let (name, value) = match entry {
            KeyAndValueRef::Ascii(name, value) => (name.as_str(), value.as_bytes().to_vec()),
            KeyAndValueRef::Binary(name, value) => {
                (name.as_str(), value.to_bytes().map(|bytes| bytes.to_vec()).unwrap_or_default())
            }
        };
        let is_framing = name.starts_with("grpc-") || name == "te" || name == "content-type";
        if !is_framing && pattern.takes(name).map_err(|error| from_error(&error))? {
            let text = forward::text(name, value).map_err(|error| from_error(&error))?;
            parameters.push((name.to_owned(), Parameter::String(text)));
        }
    }
    Ok(parameters)
}

/// Reads `grpc-timeout`: up to eight digits and a unit. A malformed one is taken as none, as other servers do.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let read = |text: &'static str| {
            timeout(&HeaderMap::from_iter([(
                hyper::header::HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("100m"), Some(Duration::from_millis(100)));
        assert_eq!(read("5u"), Some(Duration::from_micros(5)));
        for text in ["", "m", "1", "-1S", "123456789n", "1s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
