//! Bytes in one or several pieces, as they came off a socket or out of a model, shared without copying.

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

/// The content of a tensor: pieces that make up one run of bytes when read in order.
///
/// A body that arrives in several network reads keeps its pieces until a batch gathers them,
/// so that each byte is copied at most once between the socket and the model.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    pieces: SmallVec<[Bytes; 1]>,
    length: usize,
}

impl Payload {
    /// An empty payload.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.length += piece.len();
            self.pieces.push(piece);
        }
    }

    /// Bytes in all pieces together.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The pieces in order; none is empty.
    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    /// Whether all bytes lie in one piece (an empty payload does).
    pub fn is_contiguous(&self) -> bool {
        self.pieces.len() <= 1
    }

    /// The bytes as one slice, if they lie in one piece.
    pub fn as_slice(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(&[]),
            [piece] => Some(piece),
            _ => None,
        }
    }

    /// All bytes in one piece: shared where there is one, copied where there are several.
    pub fn to_bytes(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [piece] => piece.clone(),
            _ => {
                let mut whole = Vec::with_capacity(self.length);
                self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                Bytes::from(whole)
            }
        }
    }

    /// Takes the first `length` bytes off the front, sharing memory.
    ///
    /// `None`, and nothing taken, if there are fewer.
    pub fn split_to(&mut self, length: usize) -> Option<Self> {
        if length > self.length {
            return None;
        }
        let mut taken = Self::new();
        let mut used = 0;
        for piece in &mut self.pieces {
            let missing = length - taken.length;
            if missing == 0 {
                break;
            }
            if piece.len() <= missing {
                taken.push(std::mem::take(piece));
                used += 1;
            } else {
                taken.push(piece.split_to(missing));
            }
        }
        self.pieces.drain(..used);
        self.length -= length;
        Some(taken)
    }

    /// Bytes `start..end`, sharing memory.
    ///
    /// `None` if the range runs backwards or past the end.
    pub fn slice(&self, start: usize, end: usize) -> Option<Self> {
        if start > end || end > self.length {
            return None;
        }
        let mut rest = self.clone();
        rest.split_to(start)?;
        rest.split_to(end - start)
    }

    /// Copies all bytes to the front of `target`, which must be at least as long.
    pub fn copy_to(&self, target: &mut [u8]) {
        let mut position = 0;
        for piece in &self.pieces {
            target[position..position + piece.len()].copy_from_slice(piece);
            position += piece.len();
        }
    }

    /// Takes every remaining piece out of a buffer, without copying where the buffer allows it.
    pub fn from_buf(mut buffer: impl Buf) -> Self {
        let mut payload = Self::new();
        while buffer.has_remaining() {
            let length = buffer.chunk().len();
            payload.push(buffer.copy_to_bytes(length));
        }
        payload
    }
}

impl From<Bytes> for Payload {
    fn from(piece: Bytes) -> Self {
        let mut payload = Self::new();
        payload.push(piece);
        payload
    }
}

impl From<Vec<u8>> for Payload {
    fn from(content: Vec<u8>) -> Self {
        Bytes::from(content).into()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.to_bytes() == other.to_bytes()
    }
}

impl Eq for Payload {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&'static [u8]]) -> Payload {
        let mut payload = Payload::new();
        for part in parts {
            payload.push(Bytes::from_static(part));
        }
        payload
    }

    #[test]
    fn splitting_anywhere_and_joining_gives_back_the_whole() {
        let whole = pieces(&[b"ab", b"", b"cde", b"f"]);
        for at in 0..=whole.len() {
            let mut rest = whole.clone();
            let front = rest.split_to(at).unwrap();
            assert_eq!((front.len(), rest.len()), (at, 6 - at));
            assert_eq!([front.to_bytes(), rest.to_bytes()].concat(), b"abcdef");
        }
        assert!(whole.clone().split_to(7).is_none());
    }

    #[test]
    fn slices_are_bounded() {
        let whole = pieces(&[b"ab", b"cde", b"f"]);
        assert_eq!(whole.slice(1, 4).unwrap().to_bytes(), &b"bcd"[..]);
        assert!(whole.slice(4, 7).is_none());
        assert!(whole.slice(4, 3).is_none());
    }
}
