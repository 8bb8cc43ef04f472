//! Checks a request against the model's signature.

use trilith_core::tensor::{element_count, format_shape};
use trilith_core::{
    DataType, Error, Request, RequestedOutput, Result, Signature, Tensor, TensorSpec, spelling,
};

use crate::matching::{bring_into_order, fits, full_shape, list_names, reshape};

/// Checks a request and brings it into the form that backends see: inputs in the order of the signature, extents
/// as `reshape` says. Gives how much of the batch dimension it takes; 1 where the model has none.
pub fn admit(signature: &Signature, request: &mut Request) -> Result<u32> {
    check_names(signature, &mut request.inputs)?;
    let batch_size = check_inputs(signature, &mut request.inputs)?;
    check_outputs(signature, &request.outputs)?;
    Ok(batch_size)
}

fn check_names(signature: &Signature, inputs: &mut [Tensor]) -> Result<()> {
    let matched = bring_into_order(inputs, &signature.inputs);
    if let Some(extra) = inputs.get(matched.count) {
        return Err(if signature.input(&extra.name).is_some() {
            Error::invalid(format!("{}: it is there more than once", place(signature, &extra.name)))
        } else {
            let message = format!("model '{}' has no input '{}'", signature.model, extra.name);
            Error::invalid(message).with_hint(suggest(&extra.name, &signature.inputs, "inputs"))
        });
    }
    let Some(spec) = matched.missing.map(|index| &signature.inputs[index]) else {
        return Ok(());
    };
    let shape = full_shape(&spec.dims, signature.is_batched());
    Err(Error::invalid(format!("{}: it is required and missing", place(signature, &spec.name)))
        .with_hint(format!("send it as {} with shape {}", spec.datatype, format_shape(&shape))))
}

fn check_inputs(signature: &Signature, inputs: &mut [Tensor]) -> Result<u32> {
    let mut specs = signature.inputs.iter();
    let mut batch_size = None;
    for input in inputs.iter_mut() {
        // Every input has its spec, and both are in the same order: `check_names` saw to it.
        let Some(spec) = specs.find(|spec| spec.name == input.name) else { break };
        check_input(signature, spec, input)?;
        if !signature.is_batched() {
            continue;
        }
        let size = check_batch_size(signature, input, input.shape[0])?;
        if let Some(first) = batch_size.filter(|first| *first != size) {
            return Err(Error::invalid(format!(
                "{}: its batch size of {size} differs from the {first} of the inputs before it",
                place(signature, &input.name)
            ))
            .with_hint("give every input the same first extent"));
        }
        batch_size = Some(size);
    }
    Ok(batch_size.unwrap_or(1))
}

fn check_batch_size(signature: &Signature, input: &Tensor, extent: i64) -> Result<u32> {
    let limit = signature.max_batch_size;
    match u32::try_from(extent) {
        Ok(size) if (1..=limit).contains(&size) => Ok(size),
        _ => Err(Error::invalid(format!(
            "{}: a batch size of {extent} was given, model '{}' takes 1 to {limit}",
            place(signature, &input.name),
            signature.model
        ))),
    }
}

fn check_input(signature: &Signature, spec: &TensorSpec, input: &mut Tensor) -> Result<()> {
    if input.datatype != spec.datatype {
        return Err(Error::invalid(format!(
            "{}: {} was expected, {} was given",
            place(signature, &spec.name),
            spec.datatype,
            input.datatype
        )));
    }
    let front = usize::from(signature.is_batched());
    let fitting = input.shape.get(front..).is_some_and(|dims| fits(dims, &spec.dims));
    if !fitting || input.shape.first().is_some_and(|extent| *extent < 0) {
        return Err(wrong_shape(signature, spec, input));
    }
    check_size(signature, input)?;
    if let Some(to) = &spec.reshape {
        let dims = reshape(&input.shape[front..], &spec.dims, to);
        input.shape.truncate(front);
        input.shape.extend(dims);
    }
    Ok(())
}

fn check_size(signature: &Signature, input: &Tensor) -> Result<()> {
    let expected = element_count(&input.shape).zip(input.datatype.size());
    if expected.and_then(|(count, size)| count.checked_mul(size)) == Some(input.payload.len()) {
        return Ok(());
    }
    // Only what goes wrong pays for saying where; BYTES tensors come this way too.
    match input.check_size("") {
        Ok(()) => Ok(()),
        Err(_) => input.check_size(&place(signature, &input.name)),
    }
}

fn wrong_shape(signature: &Signature, spec: &TensorSpec, input: &Tensor) -> Error {
    let expected = full_shape(&spec.dims, signature.is_batched());
    let error = Error::invalid(format!(
        "{}: shape {} was expected, {} was given",
        place(signature, &spec.name),
        format_shape(&expected),
        format_shape(&input.shape)
    ));
    if signature.is_batched() && input.shape.len() + 1 == expected.len() {
        return error.with_hint("the first dimension is the batch; put a 1 in front for a single inference");
    }
    error
}

fn check_outputs(signature: &Signature, outputs: &[RequestedOutput]) -> Result<()> {
    for (index, output) in outputs.iter().enumerate() {
        let Some(spec) = signature.output(&output.name) else {
            let message = format!("model '{}' has no output '{}'", signature.model, output.name);
            return Err(Error::invalid(message).with_hint(suggest(
                &output.name,
                &signature.outputs,
                "outputs",
            )));
        };
        // Known names are as few as the signature's, so the scan stays short.
        if outputs[..index].iter().any(|earlier| earlier.name == output.name) {
            return Err(Error::invalid(format!(
                "output '{}' of model '{}' was requested more than once",
                output.name, signature.model
            )));
        }
        if output.classification > 0 && spec.datatype == DataType::Bytes {
            return Err(Error::invalid(format!(
                "output '{}' of model '{}' holds strings (BYTES), which cannot be classified",
                output.name, signature.model
            ))
            .with_hint("request it without 'classification'"));
        }
    }
    Ok(())
}

fn place(signature: &Signature, input: &str) -> String {
    format!("input '{input}' of model '{}'", signature.model)
}

fn suggest(name: &str, specs: &[TensorSpec], what: &str) -> String {
    match spelling::nearest(name, specs.iter().map(|spec| spec.name.as_str())) {
        Some(nearest) => format!("did you mean '{nearest}'?"),
        None if specs.is_empty() => format!("it has no {what}"),
        None => format!("its {what} are {}", list_names(specs)),
    }
}
