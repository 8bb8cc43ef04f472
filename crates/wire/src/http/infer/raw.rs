//! A body that is one tensor and nothing else (`Inference-Header-Content-Length: 0`).

use trilith_core::tensor::{Shape, element_count};
use trilith_core::{DataType, Error, Payload, Request, Result, Signature, Tensor, TensorSpec};

use super::decode::Decoded;
use super::encode::Deliveries;
use crate::shared_memory::References;

/// Makes a request of the body: the model's only input, its one free extent worked out from the number of bytes.
///
/// All outputs go out in binary.
pub fn decode_raw(signature: &Signature, version: Option<i64>, body: Payload) -> Result<Decoded> {
    let model = &signature.model;
    let [spec] = signature.inputs.as_slice() else {
        return Err(Error::invalid(format!(
            "a raw request for model '{model}' needs a model with 1 input, it has {}",
            signature.inputs.len()
        ))
        .with_hint("send a JSON header and say its length in Inference-Header-Content-Length"));
    };
    let place = format!("raw input '{}' for model '{model}'", spec.name);
    let mut shape = Shape::new();
    if signature.is_batched() {
        shape.push(1);
    }
    let batch_rank = shape.len();
    shape.extend_from_slice(&spec.dims);
    let payload = if spec.datatype == DataType::Bytes {
        one_string(spec, &body, &place)?
    } else {
        fill_free_extent(&mut shape[batch_rank..], spec, body.len(), &place)?;
        body
    };
    let tensor = Tensor { shape, ..Tensor::new(spec.name.as_str(), spec.datatype, &[], payload) };
    let request = Request { model: model.clone(), version, inputs: vec![tensor], ..Request::default() };
    let deliveries = Deliveries::All { is_binary: true };
    Ok(Decoded { request, deliveries, references: References::default() })
}

fn one_string(spec: &TensorSpec, body: &Payload, place: &str) -> Result<Payload> {
    if element_count(&spec.dims) != Some(1) {
        return Err(Error::invalid(format!("{place}: a BYTES input must have shape [1] to be sent raw")));
    }
    let length = u32::try_from(body.len())
        .map_err(|_| Error::invalid(format!("{place}: a string of a BYTES tensor is longer than 4 GiB")))?;
    let mut payload = Payload::from(length.to_le_bytes().to_vec());
    body.pieces().iter().for_each(|piece| payload.push(piece.clone()));
    Ok(payload)
}

fn fill_free_extent(dims: &mut [i64], spec: &TensorSpec, length: usize, place: &str) -> Result<()> {
    if dims.iter().filter(|extent| **extent < 0).count() > 1 {
        return Err(Error::invalid(format!(
            "{place}: its shape has more than one free extent, so it cannot be sent raw"
        )));
    }
    let fixed: Shape = dims.iter().copied().filter(|extent| *extent >= 0).collect();
    let stride =
        element_count(&fixed).zip(spec.datatype.size()).and_then(|(count, size)| count.checked_mul(size));
    if let Some(free) = dims.iter_mut().find(|extent| **extent < 0) {
        // Bytes that are left over show when the sizes are compared against the shape.
        *free = stride.and_then(|stride| length.checked_div(stride)).unwrap_or(0) as i64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn signature(datatype: DataType, dims: &[i64], max_batch_size: u32) -> Signature {
        let spec = TensorSpec {
            name: "A".into(),
            datatype,
            dims: Shape::from_slice(dims),
            reshape: None,
            optional: false,
            ragged: false,
            labels: Arc::new([]),
        };
        Signature { model: "m".into(), version: 1, max_batch_size, inputs: vec![spec], outputs: vec![] }
    }

    #[test]
    fn the_free_extent_follows_from_the_bytes() {
        let decoded = decode_raw(&signature(DataType::Fp32, &[2, -1], 8), None, vec![0; 24].into()).unwrap();
        assert_eq!(decoded.request.inputs[0].shape.as_slice(), [1, 2, 3]);
        let decoded = decode_raw(&signature(DataType::Fp32, &[-1], 0), None, Payload::new()).unwrap();
        assert_eq!(decoded.request.inputs[0].shape.as_slice(), [0]);
        assert_eq!(decoded.deliveries, Deliveries::All { is_binary: true });
        assert!(decode_raw(&signature(DataType::Fp32, &[-1, -1], 0), None, Payload::new()).is_err());
    }

    #[test]
    fn a_string_gets_its_length_in_front() {
        let decoded = decode_raw(&signature(DataType::Bytes, &[1], 8), None, b"abc".to_vec().into()).unwrap();
        assert_eq!(decoded.request.inputs[0].payload.to_bytes(), &b"\x03\0\0\0abc"[..]);
        assert!(decode_raw(&signature(DataType::Bytes, &[-1], 8), None, Payload::new()).is_err());
    }

    #[test]
    fn a_model_of_several_inputs_is_named() {
        let mut signature = signature(DataType::Fp32, &[1], 0);
        signature.inputs.push(signature.inputs[0].clone());
        assert!(decode_raw(&signature, None, Payload::new()).unwrap_err().message.contains("it has 2"));
    }
}
