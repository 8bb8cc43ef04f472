//! Bytes as they arrive: in pieces, read across their borders, handed on without copying.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use trilith_core::Payload;

/// Pieces that make up one run of bytes. One piece alone, the usual case, takes no allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    first: Bytes,
    rest: VecDeque<Bytes>,
    length: usize,
}

impl Pieces {
    /// Appends a piece.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.length += piece.len();
        if self.first.is_empty() {
            self.first = piece;
        } else {
            self.rest.push_back(piece);
        }
    }

    /// Takes the first piece.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        if self.first.is_empty() {
            return None;
        }
        self.length -= self.first.len();
        let next = self.rest.pop_front().unwrap_or_default();
        Some(std::mem::replace(&mut self.first, next))
    }

    /// Takes the first `length` bytes; `None`, and nothing taken, if there are fewer.
    pub(super) fn split_to(&mut self, length: usize) -> Option<Self> {
        if length > self.length {
            return None;
        }
        let mut taken = Self::default();
        while taken.length < length {
            let missing = length - taken.length;
            if self.first.len() > missing {
                taken.push(self.first.split_to(missing));
                self.length -= missing;
            } else {
                taken.push(self.pop()?);
            }
        }
        Some(taken)
    }

    /// All bytes, where they lie in one piece.
    pub(super) fn whole(&self) -> Option<&Bytes> {
        self.rest.is_empty().then_some(&self.first)
    }

    /// All bytes in one piece: shared where there is one, copied where there are several.
    pub(super) fn into_bytes(mut self) -> Bytes {
        self.copy_to_bytes(self.length)
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.length
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.length, "advanced past the end of a buffer");
        if count < self.first.len() {
            self.first.advance(count);
            self.length -= count;
        } else {
            drop(self.split_to(count));
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        assert!(length <= self.length, "read past the end of a buffer");
        if length <= self.first.len() {
            let taken = self.first.split_to(length);
            self.length -= length;
            if self.first.is_empty() {
                self.first = self.rest.pop_front().unwrap_or_default();
            }
            return taken;
        }
        let mut whole = vec![0; length];
        self.copy_to_slice(&mut whole);
        Bytes::from(whole)
    }
}

impl From<Bytes> for Pieces {
    fn from(piece: Bytes) -> Self {
        Self { length: piece.len(), first: piece, rest: VecDeque::new() }
    }
}

impl From<Pieces> for Payload {
    fn from(mut pieces: Pieces) -> Self {
        let mut payload = Self::new();
        while let Some(piece) = pieces.pop() {
            payload.push(piece);
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&'static [u8]]) -> Pieces {
        let mut pieces = Pieces::default();
        for part in parts {
            pieces.push(Bytes::from_static(part));
        }
        pieces
    }

    #[test]
    fn splitting_anywhere_and_joining_gives_back_the_whole() {
        let whole = pieces(&[b"ab", b"", b"cde", b"f"]);
        for at in 0..=6 {
            let mut rest = whole.clone();
            let front = rest.split_to(at).unwrap();
            assert_eq!((front.remaining(), rest.remaining()), (at, 6 - at));
            assert_eq!([front.into_bytes(), rest.into_bytes()].concat(), b"abcdef");
        }
        assert!(whole.clone().split_to(7).is_none());
    }

    #[test]
    fn numbers_are_read_across_the_borders_of_pieces() {
        let mut buffer = pieces(&[b"\x01", b"\x02\x03", b"\x04\x05"]);
        assert_eq!(buffer.get_u32(), 0x0102_0304);
        assert_eq!(buffer.get_u8(), 5);
        assert!(!buffer.has_remaining());
    }

    #[test]
    fn a_payload_keeps_the_pieces() {
        let payload = Payload::from(pieces(&[b"ab", b"cde"]));
        assert_eq!(payload.pieces().len(), 2);
        assert_eq!(payload.to_bytes(), &b"abcde"[..]);
    }
}
