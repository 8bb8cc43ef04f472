//! What a model answers.

use crate::parameter::Parameters;
use crate::tensor::Tensor;

/// One answer to one request; a decoupled model may give several or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// Name of the model that answered.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// The request's own id.
    pub id: String,
    /// Values that ride along.
    pub parameters: Parameters,
    /// Output tensors, in the order in which they were requested or, if none was named, of the model's signature.
    pub outputs: Vec<Tensor>,
}

impl Response {
    /// Bytes of its tensors.
    pub fn byte_size(&self) -> usize {
        self.outputs.iter().map(|output| output.payload.len()).sum()
    }
}
