//! Protobuf's wire format, read field by field without an intermediate message.
//!
//! Inference requests are decoded by hand so that tensors keep the memory they were received in
//! and nothing is built twice. Everything else uses the generated messages.

use bytes::{Buf, BufMut};
use trilith_core::{Error, Result};

use super::pieces::Pieces;

/// The value of one field, as far as its wire type tells.
#[derive(Debug)]
pub(super) enum Value {
    /// An integer, a boolean or an enumeration.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// A string, bytes, a message or a packed list.
    Content(Pieces),
    /// Four bytes.
    Fixed32,
}

/// Reads the fields of a message in order.
pub(super) struct Fields(Pieces);

impl Fields {
    /// The fields of the message that lies in `content`.
    pub(super) fn of(content: Pieces) -> Self {
        Self(content)
    }

    /// The next field's number and value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value)>> {
        if !self.0.has_remaining() {
            return Ok(None);
        }
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut self.0)?),
            1 => Value::Fixed64(self.0.try_get_u64_le().map_err(|_| cut_short())?),
            2 => {
                let length = usize::try_from(varint(&mut self.0)?).map_err(|_| cut_short())?;
                Value::Content(self.0.split_to(length).ok_or_else(cut_short)?)
            }
            5 => {
                self.0.try_get_u32_le().map_err(|_| cut_short())?;
                Value::Fixed32
            }
            kind => return Err(malformed(format!("field {} has wire type {kind}", key >> 3))),
        };
        Ok(Some((key >> 3, value)))
    }
}

impl Value {
    /// The value of a string field.
    pub(super) fn text(self, field: &str) -> Result<String> {
        let content = self.content(field)?;
        let utf8 = |bytes: &[u8]| std::str::from_utf8(bytes).map(ToOwned::to_owned);
        let text = if content.chunk().len() == content.remaining() {
            utf8(content.chunk())
        } else {
            utf8(&content.into_bytes())
        };
        text.map_err(|_| malformed(format!("the text of field '{field}' is not UTF-8")))
    }

    /// The bytes of a field that holds a message or bytes.
    pub(super) fn content(self, field: &str) -> Result<Pieces> {
        match self {
            Self::Content(content) => Ok(content),
            other => Err(malformed(format!("field '{field}' holds {other:?} in place of bytes"))),
        }
    }

    /// The value of an integer field.
    pub(super) fn integer(self, field: &str) -> Result<u64> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(malformed(format!("field '{field}' does not hold an integer"))),
        }
    }
}

/// Reads an integer of variable length.
pub(super) fn varint(source: &mut Pieces) -> Result<u64> {
    let mut value = 0;
    // Ten groups of seven bits hold any 64-bit integer.
    for shift in (0..70).step_by(7) {
        let byte = source.try_get_u8().map_err(|_| cut_short())?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(malformed("an integer has more than ten bytes"))
}

/// Writes an integer of variable length.
pub(super) fn put_varint(target: &mut impl BufMut, mut value: u64) {
    while value >= 0x80 {
        target.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    target.put_u8(value as u8);
}

/// Bytes that [`put_varint`] writes.
pub(super) fn varint_length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Writes key and length of a field; its content must follow.
pub(super) fn put_head(target: &mut impl BufMut, field: u64, length: usize) {
    put_varint(target, field << 3 | 2);
    put_varint(target, length as u64);
}

/// Writes a field of bytes or text, leaving out an empty one as protobuf does.
pub(super) fn put_content(target: &mut impl BufMut, field: u64, content: &[u8]) {
    if !content.is_empty() {
        put_head(target, field, content.len());
        target.put_slice(content);
    }
}

fn cut_short() -> Error {
    malformed("it ends in the middle of a field")
}

fn malformed(what: impl AsRef<str>) -> Error {
    Error::invalid(format!("the message is not valid protobuf: {}", what.as_ref()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Any integer comes back from its encoding, whose length is known beforehand.
        #[test]
        fn integers_come_back(value: u64) {
            let mut encoded = Vec::new();
            put_varint(&mut encoded, value);
            prop_assert_eq!(encoded.len(), varint_length(value));
            prop_assert_eq!(varint(&mut Pieces::from(Bytes::from(encoded))).unwrap(), value);
        }

        /// Whatever bytes come, reading ends with fields or an error, never otherwise.
        #[test]
        fn any_bytes_are_read_or_refused(content: Vec<u8>) {
            let mut fields = Fields::of(Pieces::from(Bytes::from(content)));
            while let Ok(Some(_)) = fields.next() {}
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for content in
            [&[0x0a, 0x05, b'a'][..], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            let error = Fields::of(Bytes::copy_from_slice(content).into()).next().unwrap_err();
            assert!(error.message.contains("middle of a field"), "{error}");
        }
    }
}
