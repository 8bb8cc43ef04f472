//! JSON and binary tensors to and from the nouns of inference.
//!
//! - [`decode`]: a body becomes a request
//! - [`reader`]: reads JSON with errors that name the place
//! - [`json_data`]: the `data` of a tensor, from JSON values to bytes
//! - [`parameters`]: values that ride along
//! - [`raw`]: a body that is one tensor and nothing else
//! - [`encode`]: a response becomes a body

mod decode;
mod encode;
mod json_data;
mod parameters;
mod raw;
mod reader;

pub use decode::{Decoded, Target, decode};
pub use encode::{Deliveries, Encoded, encode};
pub(super) use encode::{write_data, write_parameter};
pub(super) use json_data::read as read_data;
pub(super) use parameters::read_free as read_parameter;
pub use raw::decode_raw;
pub(super) use reader::Reader;
