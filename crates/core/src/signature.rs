//! What a model takes and gives.

use std::sync::Arc;

use crate::datatype::DataType;
use crate::tensor::Shape;

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Type of the elements.
    pub datatype: DataType,
    /// Extents without the batch dimension; -1 where any extent will do.
    pub dims: Shape,
    /// Extents as the backend sees them, where they differ from `dims`.
    pub reshape: Option<Shape>,
    /// Whether a request may leave it out.
    pub optional: bool,
    /// Whether requests of different extents may share a batch.
    pub ragged: bool,
    /// Names of classes by index, for outputs that have them.
    pub labels: Arc<[String]>,
}

/// What a model takes and gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// Largest batch; 0 where the model has no batch dimension.
    pub max_batch_size: u32,
    /// Inputs in the order of the configuration.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the order of the configuration.
    pub outputs: Vec<TensorSpec>,
}

impl Signature {
    /// Whether tensors carry a batch dimension in front.
    pub fn is_batched(&self) -> bool {
        self.max_batch_size > 0
    }

    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&TensorSpec> {
        self.inputs.iter().find(|spec| spec.name == name)
    }

    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&TensorSpec> {
        self.outputs.iter().find(|spec| spec.name == name)
    }
}
