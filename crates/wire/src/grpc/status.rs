//! Errors as gRPC tells them.

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Response};
use tonic::{Code, Status};
use trilith_core::Error;

use super::body::ResponseBody;

/// Longest message in a status. It travels in a header, and clients refuse headers of more than 8 KiB in all.
const MAX_MESSAGE: usize = 4096;

/// The status that tells of an error.
pub(super) fn from_error(error: &Error) -> Status {
    let text = error.full_text();
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Status::new(Code::from(error.code.grpc_code()), &text[..end])
}

/// The trailers of a call that ends with this status.
pub(super) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    if status.code() == Code::Ok {
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
    } else if status.add_header(&mut trailers).is_err() {
        // Only metadata that is no valid header could fail, and none is set here.
        trailers.insert("grpc-status", HeaderValue::from_static("13"));
    }
    trailers
}

/// A call that ends with this status before any message was sent.
pub(super) fn refusal(status: Status) -> Response<ResponseBody> {
    status.into_http()
}

/// The status of a call that came or waited while the server was shutting down.
pub(super) fn shutting_down() -> Status {
    Status::unavailable("the server is shutting down and takes no more requests; send it to another server")
}
