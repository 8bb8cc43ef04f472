//! The words of a request: the bytes that it came in.

use bytes::Bytes;

/// The bytes that a request came in. What came to one model in the same bytes, and is read in the same way, is the same
/// request: it need not be read again to know what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// How they are read; each endpoint has its own numbers.
    pub form: u64,
    /// The bytes.
    pub text: Bytes,
    /// What the endpoint has to know for the answer that it found in them.
    pub note: u64,
}
