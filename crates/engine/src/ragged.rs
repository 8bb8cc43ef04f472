//! What the server says of a batch to its model, and outputs that take the shapes of an input.
//!
//! A model whose requests differ in their extents gets them as one run of elements. Batch inputs tell it which
//! elements belong to which request; batch outputs come back as one run too and are cut along the requests again.

use bytes::Bytes;
use trilith_core::tensor::{Shape, element_count, format_shape};
use trilith_core::{DataType, Error, Result, Signature, Tensor, TensorSpec};

use crate::matching::{bring_into_order, reshape};
use crate::outputs;

/// What a batch input says of the requests of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchInputKind {
    /// Elements of each request: `[requests]`.
    ElementCount,
    /// Elements of each request and all before it: `[requests]`.
    AccumulatedElementCount,
    /// The same behind a zero: `[requests + 1]`.
    AccumulatedElementCountWithZero,
    /// Nothing but its own extent, the largest number of elements that a request has.
    MaxElementCountAsShape,
    /// Extents of each item without the batch dimension: `[items, rank]`.
    ItemShape,
    /// The same in one dimension: `[items * rank]`.
    ItemShapeFlatten,
}

/// A batch input: `batch_input` of `config.pbtxt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInputSpec {
    /// What it says.
    pub kind: BatchInputKind,
    /// Inputs of the model that get it; each the same.
    pub targets: Vec<String>,
    /// INT32 or FP32.
    pub datatype: DataType,
    /// The input that it speaks of.
    pub source: String,
}

/// A batch output: `batch_output` of `config.pbtxt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOutputSpec {
    /// Outputs of the model that come as one run of elements.
    pub targets: Vec<String>,
    /// The input whose extents take the place of each -1 in their dims.
    pub source: String,
}

/// What the server adds to batches, and what it takes apart by the shapes of inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchTensors {
    /// Inputs that the server makes.
    pub inputs: Vec<BatchInputSpec>,
    /// Outputs that come as one run.
    pub outputs: Vec<BatchOutputSpec>,
}

impl BatchInputSpec {
    /// The tensors of a batch whose requests have the source in these shapes, the batch dimension included.
    ///
    /// Fails where a number does not fit the datatype.
    pub fn generate(&self, shapes: &[&[i64]]) -> Result<Vec<Tensor>> {
        let (shape, content) = if self.kind == BatchInputKind::MaxElementCountAsShape {
            let largest = shapes.iter().map(|shape| count(shape)).max().unwrap_or(0);
            (Shape::from_slice(&[largest]), vec![0; largest as usize * size_of::<i32>()])
        } else {
            let (shape, values) = self.kind.describe(shapes);
            (shape, self.encode(&values)?)
        };
        let content = Bytes::from(content);
        Ok(self
            .targets
            .iter()
            .map(|name| Tensor::new(name.clone(), self.datatype, &shape, content.clone()))
            .collect())
    }

    fn encode(&self, values: &[i64]) -> Result<Vec<u8>> {
        let mut content = Vec::with_capacity(values.len() * size_of::<i32>());
        for value in values {
            if self.datatype == DataType::Fp32 {
                content.extend((*value as f32).to_le_bytes());
                continue;
            }
            let value = i32::try_from(*value).map_err(|_| {
                Error::invalid(format!(
                    "batch input '{}': {value} elements of input '{}' are more than INT32 holds",
                    self.targets.join("', '"),
                    self.source
                ))
            })?;
            content.extend(value.to_le_bytes());
        }
        Ok(content)
    }
}

impl BatchInputKind {
    /// Shape and values; nothing for the kind that has none.
    fn describe(self, shapes: &[&[i64]]) -> (Shape, Vec<i64>) {
        let counts = shapes.iter().map(|shape| count(shape));
        let sums = counts.clone().scan(0_i64, |sum, count| {
            *sum = sum.saturating_add(count);
            Some(*sum)
        });
        let values: Vec<i64> = match self {
            Self::ElementCount => counts.collect(),
            Self::AccumulatedElementCount => sums.collect(),
            Self::AccumulatedElementCountWithZero => std::iter::once(0).chain(sums).collect(),
            Self::MaxElementCountAsShape => Vec::new(),
            Self::ItemShape | Self::ItemShapeFlatten => {
                let items = shapes.iter().filter_map(|shape| shape.split_first());
                items.flat_map(|(items, item)| item.repeat(*items as usize)).collect()
            }
        };
        let mut shape = Shape::from_slice(&[values.len() as i64]);
        if self == Self::ItemShape {
            let rank = shapes.first().map_or(0, |shape| shape.len().saturating_sub(1));
            let items = shapes.iter().filter_map(|shape| shape.first()).sum();
            shape = Shape::from_slice(&[items, rank as i64]);
        }
        (shape, values)
    }
}

impl BatchTensors {
    /// The batch output that a name belongs to.
    fn output(&self, name: &str) -> Option<&BatchOutputSpec> {
        self.outputs.iter().find(|spec| spec.targets.iter().any(|target| target == name))
    }

    /// Takes those outputs out that come as one run of elements.
    pub(crate) fn take_runs(&self, outputs: &mut Vec<Tensor>) -> Vec<Tensor> {
        if self.outputs.is_empty() {
            return Vec::new();
        }
        outputs.extract_if(.., |output| self.output(&output.name).is_some()).collect()
    }

    /// Adds to what fell to each request its part of a run. `source_shapes` gives the shapes that an input has in each.
    pub(crate) fn scatter<'a>(
        &self,
        signature: &Signature,
        run: Tensor,
        source_shapes: impl FnOnce(&str) -> Vec<&'a [i64]>,
        shares: &mut [Vec<Tensor>],
    ) -> Result<()> {
        let title =
            format!("model '{}' version {} gave output '{}'", signature.model, signature.version, run.name);
        let (Some(rule), Some(spec)) = (self.output(&run.name), signature.output(&run.name)) else {
            return Err(Error::model(format!("{title}, which its configuration does not have")));
        };
        if run.datatype != spec.datatype {
            return Err(Error::model(format!("{title} as {}, {} was expected", run.datatype, spec.datatype)));
        }
        run.check_size("").map_err(|error| {
            Error::model(format!("{title} wrongly: {}", error.message.trim_start_matches(": ")))
        })?;
        let given = element_count(&run.shape).unwrap_or(0);
        let parts: Vec<Part> = source_shapes(&rule.source)
            .into_iter()
            .map(|source| Part::new(spec, signature.is_batched(), source))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                Error::model(format!("{title}, whose dims do not follow from input '{}'", rule.source))
            })?;
        let expected: usize = parts.iter().map(|part| part.elements).sum();
        if given != expected {
            return Err(Error::model(format!(
                "{title} with {given} elements (shape {}), {expected} were expected: as many as the shapes of input \
                 '{}' in the batch ask for",
                format_shape(&run.shape),
                rule.source
            )));
        }
        let counts: Vec<usize> = parts.iter().map(|part| part.elements).collect();
        let lengths = outputs::byte_lengths(&run, &counts)?;
        let mut rest = run.payload;
        for ((share, part), length) in shares.iter_mut().zip(parts).zip(lengths) {
            let payload = rest.split_to(length).ok_or_else(|| outputs::torn(&run.name))?;
            share.push(Tensor::new(run.name.clone(), run.datatype, &part.shape, payload));
            bring_into_order(share, &signature.outputs);
        }
        Ok(())
    }
}

/// What falls to one request of a run.
struct Part {
    /// As clients see it.
    shape: Shape,
    elements: usize,
}

impl Part {
    /// Each -1 of the output takes the extent that the source has in its place.
    fn new(spec: &TensorSpec, batched: bool, source: &[i64]) -> Option<Self> {
        let inner = spec.reshape.as_ref().unwrap_or(&spec.dims);
        let front = usize::from(batched);
        let mut shape = source.get(..front).map(Shape::from_slice)?;
        for (index, extent) in inner.iter().enumerate() {
            shape.push(if *extent == -1 { *source.get(front + index)? } else { *extent });
        }
        let elements = element_count(&shape)?;
        if spec.reshape.is_some() {
            let dims = reshape(&shape[front..], inner, &spec.dims);
            shape.truncate(front);
            shape.extend(dims);
        }
        Some(Self { shape, elements })
    }
}

fn count(shape: &[i64]) -> i64 {
    element_count(shape).map_or(0, |count| count as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn describe(kind: BatchInputKind, shapes: &[&[i64]]) -> (Vec<i64>, Vec<i64>) {
        let (shape, values) = kind.describe(shapes);
        (shape.to_vec(), values)
    }

    #[test]
    fn counts_are_of_requests_with_their_batch_dimension() {
        let shapes: [&[i64]; 3] = [&[2, 3], &[1, 4], &[1, 0]];
        assert_eq!(describe(BatchInputKind::ElementCount, &shapes), (vec![3], vec![6, 4, 0]));
        assert_eq!(describe(BatchInputKind::AccumulatedElementCount, &shapes), (vec![3], vec![6, 10, 10]));
        let with_zero = BatchInputKind::AccumulatedElementCountWithZero;
        assert_eq!(describe(with_zero, &shapes), (vec![4], vec![0, 6, 10, 10]));
    }

    #[test]
    fn item_shapes_are_told_once_for_each_item_of_a_request() {
        let shapes: [&[i64]; 2] = [&[2, 3, 1], &[1, 2, 2]];
        let values = vec![3, 1, 3, 1, 2, 2];
        assert_eq!(describe(BatchInputKind::ItemShape, &shapes), (vec![3, 2], values.clone()));
        assert_eq!(describe(BatchInputKind::ItemShapeFlatten, &shapes), (vec![6], values));
    }

    #[test]
    fn the_largest_count_is_an_extent_and_every_target_gets_it() {
        let spec = BatchInputSpec {
            kind: BatchInputKind::MaxElementCountAsShape,
            targets: vec!["A".to_owned(), "B".to_owned()],
            datatype: DataType::Fp32,
            source: "IN".to_owned(),
        };
        let tensors = spec.generate(&[&[1, 3], &[2, 4]]).expect("two tensors");
        let names: Vec<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        assert!(tensors.iter().all(|tensor| tensor.shape.as_slice() == [8] && tensor.payload.len() == 32));
    }

    #[test]
    fn a_count_that_int32_cannot_hold_is_refused_rather_than_changed() {
        let mut spec = BatchInputSpec {
            kind: BatchInputKind::ElementCount,
            targets: vec!["COUNT".to_owned()],
            datatype: DataType::Int32,
            source: "IN".to_owned(),
        };
        let error = spec.generate(&[&[1, 1 << 31]]).expect_err("too many");
        assert!(error.message.contains("'COUNT': 2147483648 elements of input 'IN'"), "{error}");
        spec.datatype = DataType::Fp32;
        assert!(spec.generate(&[&[1, 1 << 31]]).is_ok());
    }

    proptest! {
        /// The accumulated counts are the ends of what each request brought, and the last one is all there is.
        #[test]
        fn accumulated_counts_are_sums(extents in prop::collection::vec((1_i64..4, 0_i64..9), 1..12)) {
            let shapes: Vec<[i64; 2]> = extents.iter().map(|(rows, length)| [*rows, *length]).collect();
            let views: Vec<&[i64]> = shapes.iter().map(<[i64; 2]>::as_slice).collect();
            let (_, counts) = BatchInputKind::ElementCount.describe(&views);
            let (_, ends) = BatchInputKind::AccumulatedElementCount.describe(&views);
            let (_, bounds) = BatchInputKind::AccumulatedElementCountWithZero.describe(&views);
            prop_assert_eq!(&bounds[1..], &ends[..]);
            let steps: Vec<i64> = bounds.windows(2).map(|pair| pair[1] - pair[0]).collect();
            prop_assert_eq!(steps, counts);
        }
    }
}
