//! Checks what a model gave, takes it apart along the batch and picks what was asked for.

use smallvec::SmallVec;
use trilith_core::tensor::{Shape, element_count, format_shape};
use trilith_core::{DataType, Error, Request, Result, Signature, Tensor, TensorSpec, bytes_tensor};

use crate::classify::classify;
use crate::matching::{bring_into_order, fits, full_shape, list_names, reshape};

/// Checks outputs against the signature and brings them into its order, with the extents that clients see.
///
/// `rows` is the batch dimension that each must have; without meaning where the model has none.
pub(crate) fn check(signature: &Signature, outputs: &mut [Tensor], rows: usize) -> Result<()> {
    let matched = bring_into_order(outputs, &signature.outputs);
    if let Some(extra) = outputs.get(matched.count) {
        return Err(Error::model(if signature.output(&extra.name).is_some() {
            format!("{} gave output '{}' more than once", place(signature), extra.name)
        } else {
            let known = list_names(&signature.outputs);
            format!("{} gave an unknown output '{}', its outputs are {known}", place(signature), extra.name)
        }));
    }
    let mut specs = signature.outputs.iter();
    for output in outputs {
        let Some(spec) = specs.find(|spec| spec.name == output.name) else { break };
        check_one(signature, spec, output, rows)?;
    }
    Ok(())
}

fn check_one(signature: &Signature, spec: &TensorSpec, output: &mut Tensor, rows: usize) -> Result<()> {
    if output.datatype != spec.datatype {
        return Err(Error::model(format!(
            "{} gave output '{}' as {}, {} was expected",
            place(signature),
            spec.name,
            output.datatype,
            spec.datatype
        )));
    }
    let front = usize::from(signature.is_batched());
    let inner = spec.reshape.as_ref().unwrap_or(&spec.dims);
    let fitting = output.shape.get(front..).is_some_and(|dims| fits(dims, inner));
    if !fitting || (front == 1 && output.shape[0] != rows as i64) {
        let mut expected = full_shape(inner, signature.is_batched());
        if front == 1 {
            expected[0] = rows as i64;
        }
        return Err(Error::model(format!(
            "{} gave output '{}' with shape {}, {} was expected",
            place(signature),
            spec.name,
            format_shape(&output.shape),
            format_shape(&expected)
        )));
    }
    check_size(signature, output)?;
    if spec.reshape.is_some() {
        let dims = reshape(&output.shape[front..], inner, &spec.dims);
        output.shape.truncate(front);
        output.shape.extend(dims);
    }
    Ok(())
}

fn check_size(signature: &Signature, output: &Tensor) -> Result<()> {
    let expected = element_count(&output.shape).zip(output.datatype.size());
    if expected.and_then(|(count, size)| count.checked_mul(size)) == Some(output.payload.len()) {
        return Ok(());
    }
    let Err(error) = output.check_size("") else { return Ok(()) };
    let problem = error.message.trim_start_matches(": ");
    Err(Error::model(format!("{} gave output '{}' wrongly: {problem}", place(signature), output.name)))
}

/// Picks what was requested, in that order, from checked outputs, and classifies where that was asked for.
/// Without a wish all of them stay. What is missing is an error unless the answer may be `partial`: the answers of a
/// decoupled model are complete together.
pub(crate) fn select(
    signature: &Signature,
    request: &Request,
    mut outputs: Vec<Tensor>,
    partial: bool,
) -> Result<Vec<Tensor>> {
    if request.outputs.is_empty() {
        return Ok(outputs);
    }
    let mut selected = Vec::with_capacity(request.outputs.len());
    for wanted in &request.outputs {
        let Some(position) = outputs.iter().position(|output| output.name == wanted.name) else {
            if partial {
                continue;
            }
            return Err(Error::model(format!(
                "{} did not give output '{}', which was requested",
                place(signature),
                wanted.name
            )));
        };
        let output = outputs.swap_remove(position);
        if wanted.classification == 0 {
            selected.push(output);
            continue;
        }
        let labels = signature.output(&wanted.name).map_or(&[][..], |spec| &spec.labels);
        selected.push(classify(&output, wanted.classification, labels, signature.is_batched())?);
    }
    Ok(selected)
}

/// Takes checked outputs over a whole batch apart, row by row, without copying: one list for each of `sizes`.
pub(crate) fn split(outputs: Vec<Tensor>, sizes: &[usize]) -> Result<Vec<Vec<Tensor>>> {
    let mut parts: Vec<Vec<Tensor>> = sizes.iter().map(|_| Vec::with_capacity(outputs.len())).collect();
    for mut output in outputs {
        let lengths = row_lengths(&output, sizes)?;
        for ((part, length), size) in parts.iter_mut().zip(lengths).zip(sizes) {
            let payload = output.payload.split_to(length).ok_or_else(|| torn(&output.name))?;
            let mut shape: Shape = output.shape.clone();
            shape[0] = *size as i64;
            part.push(Tensor {
                name: output.name.clone(),
                datatype: output.datatype,
                shape,
                payload,
                parameters: output.parameters.clone(),
            });
        }
    }
    Ok(parts)
}

/// Bytes that the rows of each part take.
fn row_lengths(output: &Tensor, sizes: &[usize]) -> Result<Vec<usize>> {
    let row = element_count(output.shape.get(1..).unwrap_or(&[])).ok_or_else(|| torn(&output.name))?;
    let counts: SmallVec<[usize; 16]> = sizes.iter().map(|size| size * row).collect();
    byte_lengths(output, &counts)
}

/// Bytes that so many elements after so many others take.
pub(crate) fn byte_lengths(output: &Tensor, counts: &[usize]) -> Result<Vec<usize>> {
    if let Some(width) = output.datatype.size() {
        return Ok(counts.iter().map(|count| count * width).collect());
    }
    debug_assert_eq!(output.datatype, DataType::Bytes);
    let content = output.payload.to_bytes();
    let mut elements = bytes_tensor::elements(&content);
    let mut length_of = |count: usize| {
        elements.by_ref().take(count).map(|element| element.map(|text| text.len() + 4)).sum::<Option<usize>>()
    };
    counts.iter().map(|count| length_of(*count).ok_or_else(|| torn(&output.name))).collect()
}

pub(crate) fn torn(output: &str) -> Error {
    Error::internal(format!("output '{output}' could not be taken apart along the batch"))
}

fn place(signature: &Signature) -> String {
    format!("model '{}' version {}", signature.model, signature.version)
}
