//! Mends the name of the server that C-core's clients send over a Unix domain socket.
//!
//! They send the path of the socket, its slashes as `%2F`. RFC 3986 allows that in a name and HTTP libraries do not:
//! h2 would refuse every call. Nobody here reads the name, so its `%` may as well be `_`. These clients spell the field
//! out, once per connection and in its first HEADERS frame; what follows refers back to it and passes untouched.

const MARK: &[u8; 11] = b"\n:authority";
const HEADERS: u8 = 1;
/// Three bytes of length, type, flags, four bytes of stream.
const FRAME_HEAD: usize = 9;

/// Looks at what a client sends behind its preface, in pieces of any size, until it has seen the name.
#[derive(Debug)]
pub(super) enum Mender {
    /// In the head of a frame: what came of it.
    Head { length: usize, kind: u8, seen: usize },
    /// In a frame that is none of headers: what is left of it.
    Other { left: usize },
    /// In the headers: what is left of them, and how much of the mark stood last.
    Headers { left: usize, matched: usize },
    /// In the name: what is left of it; its length is not known at first.
    Name { left: Option<usize> },
    /// There is nothing more to look at.
    Done,
}

impl Mender {
    /// Nothing was seen yet.
    pub(super) fn new() -> Self {
        Self::Head { length: 0, kind: 0, seen: 0 }
    }

    /// Looks at the next piece and mends what it holds of the name.
    pub(super) fn mend(&mut self, piece: &mut [u8]) {
        for byte in piece {
            if matches!(self, Self::Done) {
                return;
            }
            *self = self.look(byte);
        }
    }

    fn look(&self, byte: &mut u8) -> Self {
        match *self {
            Self::Head { length, kind, seen } => read_head(length, kind, seen, *byte),
            Self::Other { left } if left > 1 => Self::Other { left: left - 1 },
            Self::Headers { left, matched } if left > 1 => {
                let matched = match *byte {
                    next if next == MARK[matched] => matched + 1,
                    next => usize::from(next == MARK[0]),
                };
                if matched < MARK.len() {
                    Self::Headers { left: left - 1, matched }
                } else {
                    Self::Name { left: None }
                }
            }
            // Lengths from 127 on, and compressed text, are written otherwise; paths of sockets are shorter.
            Self::Name { left: None } if (1..127).contains(byte) => {
                Self::Name { left: Some(usize::from(*byte)) }
            }
            Self::Name { left: Some(left) } => {
                if *byte == b'%' {
                    *byte = b'_';
                }
                if left > 1 { Self::Name { left: Some(left - 1) } } else { Self::Done }
            }
            Self::Other { .. } => Self::new(),
            Self::Headers { .. } | Self::Name { .. } | Self::Done => Self::Done,
        }
    }
}

fn read_head(length: usize, kind: u8, seen: usize, byte: u8) -> Mender {
    let (length, kind) = match seen {
        0..3 => (length << 8 | usize::from(byte), kind),
        3 => (length, byte),
        _ => (length, kind),
    };
    match (seen + 1 < FRAME_HEAD, length, kind) {
        (true, ..) => Mender::Head { length, kind, seen: seen + 1 },
        (_, 0, _) => Mender::new(),
        (_, left, HEADERS) => Mender::Headers { left, matched: 0 },
        (_, left, _) => Mender::Other { left },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len() as u32;
        let mut bytes = length.to_be_bytes()[1..].to_vec();
        bytes.extend([kind, 0, 0, 0, 0, 1]);
        bytes.extend(content);
        bytes
    }

    fn mended(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut mender = Mender::new();
        let mut bytes = bytes.to_vec();
        bytes.chunks_mut(size).for_each(|piece| mender.mend(piece));
        bytes
    }

    #[test]
    fn the_name_in_the_first_headers_is_mended_and_nothing_else() {
        let headers =
            |name: &str| frame(HEADERS, format!("@\n:path\n@\n:authority\x0c{name}@\x02te%2F").as_bytes());
        let around = |name: &str| {
            [frame(4, b""), frame(8, b"\n:authority\x03%2F"), headers(name), headers("run%2Fa.sock")].concat()
        };
        for size in [1, 2, 7, 1000] {
            assert_eq!(mended(&around("run%2Fa.sock"), size), around("run_2Fa.sock"), "{size}");
        }
    }

    proptest! {
        /// Whatever comes, however it is cut: no panic, the same result, and nothing but `%` is changed.
        #[test]
        fn cuts_make_no_difference(bytes: Vec<u8>, size in 1_usize..20) {
            let bytes = [frame(HEADERS, &bytes), bytes].concat();
            let whole = mended(&bytes, bytes.len());
            prop_assert_eq!(&mended(&bytes, size), &whole);
            prop_assert!(bytes.iter().zip(&whole).all(|(old, new)| old == new || (*old == b'%' && *new == b'_')));
        }
    }
}
