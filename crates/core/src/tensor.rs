//! A tensor: a name, a datatype, a shape and its bytes.

use smallvec::SmallVec;

use crate::bytes_tensor;
use crate::datatype::DataType;
use crate::error::{Error, Result};
use crate::parameter::Parameters;
use crate::payload::Payload;

/// Extent of each dimension, outermost first; never negative in a tensor that exists.
pub type Shape = SmallVec<[i64; 4]>;

/// A named tensor in row-major order, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The name by which the model knows it.
    pub name: String,
    /// Type of the elements.
    pub datatype: DataType,
    /// Extents, the batch dimension included where the model has one.
    pub shape: Shape,
    /// The elements.
    pub payload: Payload,
    /// Values that ride along with this tensor.
    pub parameters: Parameters,
}

impl Tensor {
    /// A tensor without parameters.
    pub fn new(
        name: impl Into<String>,
        datatype: DataType,
        shape: &[i64],
        payload: impl Into<Payload>,
    ) -> Self {
        Self {
            name: name.into(),
            datatype,
            shape: Shape::from_slice(shape),
            payload: payload.into(),
            parameters: Parameters::new(),
        }
    }

    /// Checks that the bytes are as many as datatype and shape say.
    ///
    /// `place` says where, for the message: `input 'A' of model 'm'`.
    pub fn check_size(&self, place: &str) -> Result<()> {
        let count = element_count(&self.shape).ok_or_else(|| bad_shape(place, &self.shape))?;
        let Some(size) = self.datatype.size() else {
            return bytes_tensor::check(&self.payload.to_bytes(), count, place);
        };
        let expected = count.checked_mul(size).ok_or_else(|| bad_shape(place, &self.shape))?;
        if expected == self.payload.len() {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{place}: {} with shape {} takes {expected} bytes, {} were given",
            self.datatype,
            format_shape(&self.shape),
            self.payload.len()
        )))
    }
}

/// More elements than this cannot be addressed where each takes eight bytes, as the widest do.
const MAX_ELEMENTS: i64 = i64::MAX / 8;

/// Number of elements; `None` if an extent is negative or there are more than can be addressed.
///
/// Extents beside a zero have to fit as well: the tensor is empty, but no array of such a shape can be made.
pub fn element_count(shape: &[i64]) -> Option<usize> {
    let mut is_empty = false;
    let mut product = 1_i64;
    for extent in shape {
        if *extent < 0 {
            return None;
        }
        is_empty |= *extent == 0;
        product = product.checked_mul((*extent).max(1)).filter(|product| *product <= MAX_ELEMENTS)?;
    }
    if is_empty { Some(0) } else { usize::try_from(product).ok() }
}

/// A shape as clients write it: `[1,16]`.
pub fn format_shape(shape: &[i64]) -> String {
    let extents: Vec<_> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", extents.join(","))
}

fn bad_shape(place: &str, shape: &[i64]) -> Error {
    Error::invalid(format!(
        "{place}: shape {} has a negative extent or more elements than can be addressed",
        format_shape(shape)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_overflow() {
        assert_eq!(element_count(&[]), Some(1));
        assert_eq!(element_count(&[2, 3]), Some(6));
        assert_eq!(element_count(&[1 << 59, 0]), Some(0));
        assert_eq!(element_count(&[0, i64::MAX]), None);
        assert_eq!(element_count(&[1 << 30, 0, 1 << 31]), None);
        assert_eq!(element_count(&[1 << 62, 4]), None);
        assert_eq!(element_count(&[-1]), None);
    }

    #[test]
    fn a_size_that_does_not_match_names_both_numbers() {
        let tensor = Tensor::new("A", DataType::Fp32, &[1, 2], vec![0; 7]);
        let error = tensor.check_size("input 'A' of model 'm'").unwrap_err();
        assert_eq!(
            error.message,
            "input 'A' of model 'm': FP32 with shape [1,2] takes 8 bytes, 7 were given"
        );
        let huge = Tensor::new("A", DataType::Fp64, &[1 << 61], vec![]);
        assert!(huge.check_size("x").is_err());
    }
}
