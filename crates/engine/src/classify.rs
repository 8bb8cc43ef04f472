//! The classification extension: the largest values of an output with their places and labels, in place of all.

use std::cmp::Ordering;
use std::fmt::Write;

use trilith_core::tensor::{Shape, element_count};
use trilith_core::{DataType, Error, Result, Tensor, bytes_tensor};

/// Replaces values by the `count` largest of each row, as strings `value:index` or `value:index:label`.
///
/// Values are written as C's `printf` writes them (`%d`, `%f`), which clients of the extension parse.
pub(crate) fn classify(output: &Tensor, count: u32, labels: &[String], batched: bool) -> Result<Tensor> {
    let Some(width) = output.datatype.size() else {
        return Err(Error::invalid(format!(
            "output '{}' holds strings (BYTES), which cannot be classified",
            output.name
        )));
    };
    let rows = output.shape.first().copied().filter(|_| batched);
    let inner = &output.shape[usize::from(rows.is_some())..];
    let length = element_count(inner).unwrap_or(0);
    let kept = length.min(count as usize);
    let content = output.payload.to_bytes();
    let mut classes = Vec::new();
    let mut text = String::new();
    if kept > 0 {
        for row in content.chunks_exact(length * width) {
            for (value, index) in largest(row, output.datatype, width, kept) {
                text.clear();
                value.write(&mut text);
                // Writing to a string cannot fail.
                let _ = write!(text, ":{index}");
                if let Some(label) = labels.get(index).filter(|label| !label.is_empty()) {
                    let _ = write!(text, ":{label}");
                }
                bytes_tensor::push(&mut classes, text.as_bytes())?;
            }
        }
    }
    let shape: Shape = rows.into_iter().chain([kept as i64]).collect();
    let mut tensor = Tensor::new(output.name.clone(), DataType::Bytes, &shape, classes);
    tensor.parameters = output.parameters.clone();
    Ok(tensor)
}

/// The `kept` largest values with their places, largest first, ties by place.
fn largest(row: &[u8], datatype: DataType, width: usize, kept: usize) -> Vec<(Value, usize)> {
    let mut values: Vec<_> =
        row.chunks_exact(width).map(|element| Value::read(element, datatype)).zip(0..).collect();
    let order =
        |left: &(Value, usize), right: &(Value, usize)| right.0.compare(left.0).then(left.1.cmp(&right.1));
    if kept < values.len() {
        values.select_nth_unstable_by(kept - 1, order);
        values.truncate(kept);
    }
    values.sort_unstable_by(order);
    values
}

#[derive(Clone, Copy)]
enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Value {
    fn read(element: &[u8], datatype: DataType) -> Self {
        let mut wide = [0; 8];
        wide[..element.len()].copy_from_slice(element);
        let bits = u64::from_le_bytes(wide);
        match datatype {
            DataType::Int8 => Self::Signed(i64::from(bits as i8)),
            DataType::Int16 => Self::Signed(i64::from(bits as i16)),
            DataType::Int32 => Self::Signed(i64::from(bits as i32)),
            DataType::Int64 => Self::Signed(bits as i64),
            DataType::Fp16 => Self::Float(half::f16::from_bits(bits as u16).to_f64()),
            DataType::Bf16 => Self::Float(half::bf16::from_bits(bits as u16).to_f64()),
            DataType::Fp32 => Self::Float(f64::from(f32::from_bits(bits as u32))),
            DataType::Fp64 => Self::Float(f64::from_bits(bits)),
            _ => Self::Unsigned(bits),
        }
    }

    /// Numbers by size; what is not a number comes before all of them.
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Unsigned(left), Self::Unsigned(right)) => left.cmp(&right),
            (Self::Signed(left), Self::Signed(right)) => left.cmp(&right),
            (Self::Float(left), Self::Float(right)) => {
                left.partial_cmp(&right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
            }
            // One output has one datatype.
            _ => Ordering::Equal,
        }
    }

    fn write(self, text: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Unsigned(value) => write!(text, "{value}"),
            Self::Signed(value) => write!(text, "{value}"),
            Self::Float(value) if value.is_nan() => {
                write!(text, "{}", if value.is_sign_negative() { "-nan" } else { "nan" })
            }
            Self::Float(value) => write!(text, "{value:.6}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(tensor: &Tensor) -> Vec<String> {
        let content = tensor.payload.to_bytes();
        bytes_tensor::elements(&content)
            .map(|element| String::from_utf8(element.unwrap().to_vec()).unwrap())
            .collect()
    }

    fn floats(shape: &[i64], values: &[f32]) -> Tensor {
        let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::new("OUT", DataType::Fp32, shape, content)
    }

    #[test]
    fn each_row_gives_its_largest_values_with_labels() {
        let labels = ["cat".to_owned(), String::new(), "dog".to_owned()];
        let output = floats(&[2, 3], &[0.1, 0.5, 0.4, 7.0, -1.0, 8.0]);
        let classes = classify(&output, 2, &labels, true).unwrap();
        assert_eq!((classes.datatype, classes.shape.as_slice()), (DataType::Bytes, &[2, 2][..]));
        assert_eq!(strings(&classes), ["0.500000:1", "0.400000:2:dog", "8.000000:2:dog", "7.000000:0:cat"]);
    }

    #[test]
    fn without_a_batch_dimension_all_values_are_one_row() {
        let classes = classify(&floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), 9, &[], false).unwrap();
        assert_eq!(classes.shape.as_slice(), [4]);
        assert_eq!(strings(&classes)[0], "4.000000:3");
    }

    #[test]
    fn what_is_not_a_number_comes_last_and_infinities_are_written_as_c_does() {
        let output = floats(&[4], &[f32::NAN, f32::NEG_INFINITY, 1.0, f32::INFINITY]);
        let classes = strings(&classify(&output, 4, &[], false).unwrap());
        assert_eq!(classes, ["inf:3", "1.000000:2", "-inf:1", "nan:0"]);
    }

    #[test]
    fn integers_of_every_width_are_read_with_their_sign() {
        let output = Tensor::new("OUT", DataType::Int16, &[2], vec![0xff, 0xff, 2, 0]);
        assert_eq!(strings(&classify(&output, 2, &[], false).unwrap()), ["2:1", "-1:0"]);
        let output = Tensor::new("OUT", DataType::Uint64, &[1], vec![0xff; 8]);
        assert_eq!(strings(&classify(&output, 1, &[], false).unwrap()), [format!("{}:0", u64::MAX)]);
    }

    #[test]
    fn strings_are_refused() {
        let output = Tensor::new("OUT", DataType::Bytes, &[1], vec![0; 4]);
        assert!(classify(&output, 1, &[], false).unwrap_err().message.contains("cannot be classified"));
    }
}
