//! Errors as gRPC tells them.

use hyper::header::HeaderValue;
use hyper::{HeaderMap, Response};
use tonic::{Code, Status};
use trilith_core::Error;

use super::body::ResponseBody;

/// Longest message in a status, as it is sent: in a header, and clients refuse headers of more than 8 KiB in all.
const MAX_MESSAGE: usize = 6 << 10;

/// The status that tells of an error.
pub(super) fn from_error(error: &Error) -> Status {
    Status::new(Code::from(error.code.grpc_code()), error.full_text())
}

/// The status with as much of its message as a header can hold.
fn shorten(status: Status) -> Status {
    let mut sent = 0;
    // Letters and digits are sent as they are, bytes of most other characters as `%XX`.
    let cut = status.message().char_indices().find(|(_, character)| {
        sent += if character.is_ascii_alphanumeric() { 1 } else { 3 * character.len_utf8() };
        sent > MAX_MESSAGE
    });
    match cut {
        Some((end, _)) => Status::new(status.code(), &status.message()[..end]),
        None => status,
    }
}

/// The trailers of a call that ends with this status.
pub(super) fn trailers(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(2);
    if status.code() == Code::Ok {
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
    } else if shorten(status.clone()).add_header(&mut trailers).is_err() {
        // Only metadata that is no valid header could fail, and none is set here.
        trailers.insert("grpc-status", HeaderValue::from_static("13"));
    }
    trailers
}

/// A call that ends with this status before any message was sent.
pub(super) fn refusal(status: Status) -> Response<ResponseBody> {
    shorten(status).into_http()
}

/// The status of a call that came or waited while the server was shutting down.
pub(super) fn shutting_down() -> Status {
    Status::unavailable("the server is shutting down and takes no more requests; send it to another server")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_any_letters_fit_a_header() {
        for letter in ["n", " ", "é", "語", "\0"] {
            let trailers = trailers(&Status::not_found(letter.repeat(100_000)));
            let sent = trailers["grpc-message"].len();
            assert!((MAX_MESSAGE / 2..=MAX_MESSAGE).contains(&sent), "{letter:?}: {sent}");
        }
        assert_eq!(shorten(Status::not_found("short")).message(), "short");
    }
}
