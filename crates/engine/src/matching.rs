//! Brings tensors into the order of the signature and compares shapes with it.

use trilith_core::tensor::Shape;
use trilith_core::{Tensor, TensorSpec};

/// What came of bringing tensors into order.
pub(crate) struct Matched {
    /// Tensors in front that have their place in the signature; the rest are unknown or there twice.
    pub count: usize,
    /// The first spec that is not optional and has no tensor.
    pub missing: Option<usize>,
}

/// Brings tensors into the order of the specs; those without a place of their own go to the end.
pub(crate) fn bring_into_order(tensors: &mut [Tensor], specs: &[TensorSpec]) -> Matched {
    let mut count = 0;
    let mut missing = None;
    for (index, spec) in specs.iter().enumerate() {
        match tensors[count..].iter().position(|tensor| tensor.name == spec.name) {
            Some(offset) => {
                tensors.swap(count, count + offset);
                count += 1;
            }
            None if missing.is_none() && !spec.optional => missing = Some(index),
            None => {}
        }
    }
    Matched { count, missing }
}

/// Whether extents fit what a configuration says, where -1 stands for any.
pub(crate) fn fits(dims: &[i64], expected: &[i64]) -> bool {
    dims.len() == expected.len()
        && dims
            .iter()
            .zip(expected)
            .all(|(extent, wanted)| *extent >= 0 && (*wanted == -1 || extent == wanted))
}

/// Extents that fit `from`, written as `to` says; each -1 of `to` takes the extent of the next -1 of `from`.
pub(crate) fn reshape(dims: &[i64], from: &[i64], to: &[i64]) -> Shape {
    let mut variable = dims.iter().zip(from).filter(|(_, wanted)| **wanted == -1).map(|(extent, _)| *extent);
    to.iter().map(|wanted| if *wanted == -1 { variable.next().unwrap_or(1) } else { *wanted }).collect()
}

/// The expected shape as a message shows it, the batch dimension in front where there is one.
pub(crate) fn full_shape(dims: &[i64], batched: bool) -> Shape {
    batched.then_some(-1).into_iter().chain(dims.iter().copied()).collect()
}

/// Names in quotes, for a message.
pub(crate) fn list_names(specs: &[TensorSpec]) -> String {
    let names: Vec<_> = specs.iter().map(|spec| format!("'{}'", spec.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_extents_travel_through_a_reshape() {
        assert_eq!(reshape(&[5, 1, 7], &[-1, 1, -1], &[-1, -1]).as_slice(), [5, 7]);
        assert_eq!(reshape(&[1], &[1], &[]).as_slice(), [0_i64; 0]);
    }

    #[test]
    fn a_wildcard_takes_any_extent_but_a_negative_one() {
        assert!(fits(&[0, 4], &[-1, 4]));
        assert!(!fits(&[-1, 4], &[-1, 4]));
        assert!(!fits(&[4], &[-1, 4]));
    }
}
