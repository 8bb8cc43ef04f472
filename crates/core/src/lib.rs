//! The nouns of inference. No I/O, no threads, no clock.
//!
//! - [`datatype`]: the element types a tensor may have
//! - [`payload`]: bytes in one or several pieces, shared without copying
//! - [`tensor`]: a name, a datatype, a shape and a payload
//! - [`parameter`]: the values that ride along with requests, tensors and responses
//! - [`request`], [`response`]: what is asked and what is answered
//! - [`cancellation`]: that nobody waits for an answer any more
//! - [`flow`]: how much of a request's answers is on its way
//! - [`compute`]: what executions took for one request
//! - [`signature`]: what a model takes and gives
//! - [`trace`]: what is noted of a request on its way
//! - [`error`]: what went wrong, whose fault it is, and what to do next
//! - [`bytes_tensor`]: the element encoding of BYTES tensors
//! - [`wording`]: the bytes that a request came in
//! - [`spelling`]: what was probably meant by a name that does not exist

pub mod bytes_tensor;
pub mod cancellation;
pub mod compute;
pub mod datatype;
pub mod error;
pub mod flow;
pub mod parameter;
pub mod payload;
pub mod request;
pub mod response;
pub mod signature;
pub mod spelling;
pub mod tensor;
pub mod trace;
pub mod wording;

pub use compute::{ComputeSums, ComputeTimes};
pub use datatype::DataType;
pub use error::{Code, Error, Fault, Result};
pub use flow::Flow;
pub use parameter::{Parameter, Parameters};
pub use payload::Payload;
pub use request::{CorrelationId, Delivery, Request, RequestedOutput};
pub use response::Response;
pub use signature::{Signature, TensorSpec};
pub use tensor::Tensor;
pub use wording::Wording;
