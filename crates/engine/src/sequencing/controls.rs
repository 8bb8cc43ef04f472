//! Tensors that tell a model about the sequence of a request.

use std::sync::Arc;

use bytes::Bytes;
use trilith_core::request::flags;
use trilith_core::tensor::Shape;
use trilith_core::{CorrelationId, DataType, Payload, Tensor, TensorSpec, bytes_tensor};

/// What a control input tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// Whether the request opens its sequence.
    Start,
    /// Whether it closes its sequence.
    End,
    /// Whether the row holds a request at all.
    Ready,
    /// The correlation id.
    CorrelationId,
}

/// An input of the model that clients do not send.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlSpec {
    /// Its name.
    pub name: String,
    /// Its datatype.
    pub datatype: DataType,
    /// What it tells.
    pub kind: ControlKind,
    /// The bytes for no and for yes; without meaning for the correlation id.
    pub values: [Bytes; 2],
}

impl ControlSpec {
    pub(crate) fn tensor_spec(&self) -> TensorSpec {
        TensorSpec {
            name: self.name.clone(),
            datatype: self.datatype,
            dims: Shape::from_slice(&[1]),
            reshape: None,
            optional: false,
            ragged: false,
            labels: Arc::new([]),
        }
    }

    /// The tensor for a request with those flags; without an id for a row that holds none.
    pub(crate) fn tensor(&self, batched: bool, request_flags: u32, id: Option<&CorrelationId>) -> Tensor {
        let value = |yes: bool| self.values[usize::from(yes)].clone().into();
        let payload: Payload = match self.kind {
            ControlKind::Start => value(request_flags & flags::SEQUENCE_START != 0),
            ControlKind::End => value(request_flags & flags::SEQUENCE_END != 0),
            ControlKind::Ready => value(id.is_some()),
            ControlKind::CorrelationId => self.encode(id),
        };
        Tensor::new(self.name.clone(), self.datatype, if batched { &[1, 1] } else { &[1] }, payload)
    }

    /// The id in the input's datatype; what 32 bits cannot hold is cut off, as Triton does.
    fn encode(&self, id: Option<&CorrelationId>) -> Payload {
        match (self.datatype.size(), id) {
            (Some(width), Some(CorrelationId::Number(number))) => {
                let bytes = number.to_le_bytes();
                Bytes::copy_from_slice(&bytes[..width.min(bytes.len())]).into()
            }
            (Some(width), _) => vec![0; width].into(),
            (None, Some(CorrelationId::Text(text))) => {
                let mut content = Vec::with_capacity(text.len() + 4);
                // Longer than 4 GiB no text of a request is.
                let _ = bytes_tensor::push(&mut content, text.as_bytes());
                content.into()
            }
            (None, _) => vec![0; 4].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: ControlKind, datatype: DataType) -> ControlSpec {
        let values = [Bytes::from_static(b"no"), Bytes::from_static(b"yes")];
        ControlSpec { name: "C".to_owned(), datatype, kind, values }
    }

    fn told(control: &ControlSpec, request_flags: u32, id: Option<&CorrelationId>) -> Bytes {
        control.tensor(true, request_flags, id).payload.to_bytes()
    }

    #[test]
    fn flags_and_readiness_are_told_in_the_configured_values() {
        let id = CorrelationId::Number(7);
        for (kind, request_flags) in
            [(ControlKind::Start, 1), (ControlKind::End, 2), (ControlKind::Start, 3), (ControlKind::Ready, 0)]
        {
            assert_eq!(told(&control(kind, DataType::Int32), request_flags, Some(&id)), "yes");
        }
        assert_eq!(told(&control(ControlKind::Start, DataType::Int32), 2, Some(&id)), "no");
        assert_eq!(told(&control(ControlKind::Ready, DataType::Int32), 0, None), "no");
    }

    #[test]
    fn the_id_is_told_in_the_configured_datatype() {
        let id = CorrelationId::Number((1 << 32) + 5);
        let numbers = |datatype| control(ControlKind::CorrelationId, datatype);
        assert_eq!(told(&numbers(DataType::Uint64), 0, Some(&id)), &b"\x05\0\0\0\x01\0\0\0"[..]);
        assert_eq!(told(&numbers(DataType::Int32), 0, Some(&id)), &b"\x05\0\0\0"[..]);
        assert_eq!(told(&numbers(DataType::Int32), 0, None), &b"\0\0\0\0"[..]);
        let text = CorrelationId::Text("ab".to_owned());
        assert_eq!(told(&numbers(DataType::Bytes), 0, Some(&text)), &b"\x02\0\0\0ab"[..]);
        assert_eq!(told(&numbers(DataType::Bytes), 0, None), &b"\0\0\0\0"[..]);
    }
}
