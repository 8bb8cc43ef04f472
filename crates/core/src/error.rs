//! One error for the whole server.
//!
//! ```text
//! Error
//! ├── code    what kind of failure; HTTP status and gRPC code follow from it by one table
//! ├── fault   whose it is: the client's, the model's, the server's
//! ├── message what happened, where, what was expected and what was given
//! └── hint    what to do next, when there is something to do
//! ```

use std::borrow::Cow;

/// The result of anything that can fail with the server's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// What was sent cannot be accepted, whatever the state of the server.
    InvalidArgument,
    /// No such model, version, tensor or path.
    NotFound,
    /// Not now: not ready, shutting down, or a bound is reached.
    Unavailable,
    /// The time allowed has passed.
    DeadlineExceeded,
    /// The caller went away or asked to stop.
    Cancelled,
    /// A size or a number is over its limit.
    ResourceExhausted,
    /// Known to the protocol, not to this server or model.
    Unimplemented,
    /// It exists already.
    AlreadyExists,
    /// The caller may not do this.
    PermissionDenied,
    /// A failure inside a model or the server.
    Internal,
    /// A failure of no known kind, as a model may report it.
    Unknown,
}

impl Code {
    /// Every code with its HTTP status and its gRPC code: the only table of both.
    const TABLE: [(Self, u16, i32, &'static str); 11] = [
        (Self::InvalidArgument, 400, 3, "INVALID_ARG"),
        (Self::NotFound, 404, 5, "NOT_FOUND"),
        (Self::Unavailable, 503, 14, "UNAVAILABLE"),
        (Self::DeadlineExceeded, 504, 4, "DEADLINE_EXCEEDED"),
        (Self::Cancelled, 400, 1, "CANCELLED"),
        (Self::ResourceExhausted, 413, 8, "RESOURCE_EXHAUSTED"),
        (Self::Unimplemented, 501, 12, "UNSUPPORTED"),
        (Self::AlreadyExists, 400, 6, "ALREADY_EXISTS"),
        (Self::PermissionDenied, 403, 7, "PERMISSION_DENIED"),
        (Self::Internal, 500, 13, "INTERNAL"),
        (Self::Unknown, 400, 2, "UNKNOWN"),
    ];

    fn row(self) -> (u16, i32, &'static str) {
        Self::TABLE
            .into_iter()
            .find(|row| row.0 == self)
            .map_or((500, 13, "INTERNAL"), |row| (row.1, row.2, row.3))
    }

    /// The HTTP status.
    pub fn http_status(self) -> u16 {
        self.row().0
    }

    /// The gRPC status code's number.
    pub fn grpc_code(self) -> i32 {
        self.row().1
    }

    /// The name by which models and logs know it.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The code of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::TABLE.into_iter().find(|row| row.3 == name).map(|row| row.0)
    }
}

/// Whose fault a failure is: it decides who is told to act, and how loudly it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The one who sent the request.
    Client,
    /// The model or its backend.
    Model,
    /// This server.
    Server,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// Whose fault.
    pub fault: Fault,
    /// What happened, where, what was expected and what was given.
    pub message: Cow<'static, str>,
    /// What to do next.
    pub hint: Option<Cow<'static, str>>,
}

impl Error {
    /// A failure of that kind.
    pub fn new(code: Code, fault: Fault, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, fault, message: message.into(), hint: None }
    }

    /// The client sent something that cannot be accepted.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidArgument, Fault::Client, message)
    }

    /// The client named something that does not exist.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::NotFound, Fault::Client, message)
    }

    /// The server cannot take it now.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, Fault::Server, message)
    }

    /// The model failed.
    pub fn model(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, Fault::Model, message)
    }

    /// The server failed.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Internal, Fault::Server, message)
    }

    /// The caller went away.
    pub fn cancelled(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Cancelled, Fault::Client, message)
    }

    /// The same error with advice on what to do next.
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Message and hint as one text, as clients see it.
    pub fn full_text(&self) -> Cow<'_, str> {
        match &self.hint {
            None => Cow::Borrowed(&self.message),
            Some(hint) => Cow::Owned(format!("{}; {hint}", self.message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row() {
        for row in Code::TABLE {
            assert_eq!(Code::parse(row.3), Some(row.0));
            assert_eq!(Code::TABLE.iter().filter(|other| other.0 == row.0).count(), 1);
        }
    }

    #[test]
    fn the_hint_follows_the_message() {
        let error = Error::invalid("input 'A' is missing").with_hint("send it");
        assert_eq!(error.full_text(), "input 'A' is missing; send it");
    }
}
