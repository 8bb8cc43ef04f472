//! gzip and deflate, both ways.

use bytes::Bytes;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use hyper::header::HeaderValue;
use trilith_core::{Code, Error, Fault, Payload, Result};
use trilith_engine::round;

/// The window of both formats in bits: the largest there is, as zlib uses by default.
const WINDOW_BITS: u8 = 15;
/// Room that is made at a time while the size of the result is not known.
const STEP: usize = 64 << 10;

/// How a body travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// In a gzip envelope.
    Gzip,
    /// In a zlib envelope; some clients send it bare.
    Deflate,
}

impl Encoding {
    /// The encoding that `Content-Encoding` names; `None` for a body as it is.
    pub(super) fn of_content(header: Option<&HeaderValue>) -> Result<Option<Self>> {
        let name = header.map_or(&b""[..], HeaderValue::as_bytes).trim_ascii();
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            return Ok(None);
        }
        Self::parse(name).map(Some).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            Error::new(
                Code::Unimplemented,
                Fault::Client,
                format!("Unsupported compression type '{name}': the body may be gzip, deflate or identity"),
            )
        })
    }

    /// The encoding that the client likes best of those known; `None` to send the body as it is.
    pub(super) fn accepted(header: Option<&HeaderValue>) -> Option<Self> {
        let mut best = (None, 0.0);
        for item in header?.to_str().ok()?.split(',') {
            let (name, weight) = item.split_once(';').map_or((item, Some(1.0)), |(name, weight)| {
                (name, weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok()))
            });
            let name = name.trim().as_bytes();
            let encoding = Self::parse(name);
            let is_known = encoding.is_some() || name.eq_ignore_ascii_case(b"identity");
            if let Some(weight) = weight.filter(|weight| is_known && *weight > best.1) {
                best = (encoding, weight);
            }
        }
        best.0
    }

    /// The name in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Self::Gzip, Self::Deflate]
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known.name().as_bytes()))
    }
}

/// Unpacks a body; `limit` holds for what comes out.
pub(super) fn decompress(body: &Payload, encoding: Encoding, limit: usize) -> Result<Bytes> {
    let mut state = opener(body, encoding);
    let mut unpacked = Vec::new();
    for piece in body.pieces() {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            if unpacked.len() == unpacked.capacity() {
                // One byte over the limit is enough to know that the limit is passed.
                unpacked.reserve_exact(STEP.max(unpacked.len()).min(limit + 1 - unpacked.len()));
            }
            let before = state.total_in();
            let status = state
                .decompress_vec(rest, &mut unpacked, FlushDecompress::None)
                .map_err(|cause| not_packed(encoding, &cause.to_string()))?;
            rest = &rest[(state.total_in() - before) as usize..];
            if unpacked.len() > limit {
                return Err(too_large(limit));
            }
            if status == Status::StreamEnd {
                return finish(&state, body.len(), encoding, unpacked);
            }
        }
    }
    drain(&mut state, &mut unpacked, encoding, limit)?;
    finish(&state, body.len(), encoding, unpacked)
}

/// Takes what is left inside once all input has been given.
fn drain(state: &mut Decompress, unpacked: &mut Vec<u8>, encoding: Encoding, limit: usize) -> Result<()> {
    loop {
        if unpacked.len() > limit {
            return Err(too_large(limit));
        }
        unpacked.reserve(STEP);
        let before = unpacked.len();
        let status = state
            .decompress_vec(&[], unpacked, FlushDecompress::Finish)
            .map_err(|cause| not_packed(encoding, &cause.to_string()))?;
        if status == Status::StreamEnd {
            return if unpacked.len() > limit { Err(too_large(limit)) } else { Ok(()) };
        }
        if unpacked.len() == before {
            return Err(not_packed(encoding, "it ends too early"));
        }
    }
}

fn finish(state: &Decompress, length: usize, encoding: Encoding, unpacked: Vec<u8>) -> Result<Bytes> {
    if state.total_in() == length as u64 {
        round::before_reading(unpacked.len());
        return Ok(Bytes::from(unpacked));
    }
    Err(not_packed(encoding, &format!("{} bytes follow its end", length as u64 - state.total_in())))
}

/// The format by its first bytes: like zlib, whichever of the two the header names.
fn opener(body: &Payload, encoding: Encoding) -> Decompress {
    let mut bytes = body.pieces().iter().flatten().copied();
    let start = [bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)];
    let is_zlib = start[0] & 0x0f == 8 && u16::from_be_bytes(start) % 31 == 0;
    match encoding {
        _ if start == [0x1f, 0x8b] => Decompress::new_gzip(WINDOW_BITS),
        Encoding::Deflate => Decompress::new(is_zlib),
        Encoding::Gzip if is_zlib => Decompress::new(true),
        Encoding::Gzip => Decompress::new_gzip(WINDOW_BITS),
    }
}

fn not_packed(encoding: Encoding, cause: &str) -> Error {
    Error::invalid(format!("the request body cannot be read as {}: {cause}", encoding.name()))
}

fn too_large(limit: usize) -> Error {
    Error::invalid(format!(
        "the decompressed request body exceeds the maximum allowed input size of {limit} bytes"
    ))
    .with_hint("Use --http-max-input-size to increase the limit.")
}

/// Packs pieces into one body.
pub(super) fn compress<'a>(pieces: impl Iterator<Item = &'a Bytes>, encoding: Encoding) -> Result<Vec<u8>> {
    let mut state = match encoding {
        Encoding::Gzip => Compress::new_gzip(Compression::default(), WINDOW_BITS),
        Encoding::Deflate => Compress::new(Compression::default(), true),
    };
    let failed = |cause| Error::internal(format!("the response could not be compressed: {cause}"));
    let mut packed = Vec::new();
    for piece in pieces {
        let mut rest = &piece[..];
        while !rest.is_empty() {
            packed.reserve((rest.len() / 2).max(STEP / 16));
            let before = state.total_in();
            state.compress_vec(rest, &mut packed, FlushCompress::None).map_err(failed)?;
            rest = &rest[(state.total_in() - before) as usize..];
        }
    }
    loop {
        packed.reserve(STEP / 16);
        if state.compress_vec(&[], &mut packed, FlushCompress::Finish).map_err(failed)? == Status::StreamEnd {
            return Ok(packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODINGS: [Encoding; 2] = [Encoding::Gzip, Encoding::Deflate];

    fn packed(content: &[u8], encoding: Encoding) -> Vec<u8> {
        compress([Bytes::copy_from_slice(content)].iter(), encoding).unwrap()
    }

    #[test]
    fn what_was_packed_comes_out_however_it_is_cut() {
        let content: Vec<u8> = (0..200_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for encoding in ENCODINGS {
            let whole = packed(&content, encoding);
            let mut pieces = Payload::new();
            whole.chunks(1000).for_each(|piece| pieces.push(Bytes::copy_from_slice(piece)));
            assert_eq!(decompress(&pieces, encoding, content.len()).unwrap(), content);
            assert!(decompress(&pieces, encoding, content.len() - 1).is_err());
        }
    }

    #[test]
    fn deflate_is_read_bare_too() {
        let mut state = Compress::new(Compression::default(), false);
        let mut bare = Vec::with_capacity(100);
        state.compress_vec(b"some text", &mut bare, FlushCompress::Finish).unwrap();
        assert_eq!(decompress(&bare.into(), Encoding::Deflate, 100).unwrap(), &b"some text"[..]);
    }

    #[test]
    fn bodies_that_are_not_packed_are_refused() {
        for encoding in ENCODINGS {
            let whole = packed(b"content that is long enough to be cut", encoding);
            let cut = whole[..whole.len() - 5].to_vec();
            let longer = [whole, b"more".to_vec()].concat();
            for body in [b"{}".to_vec(), Vec::new(), vec![0xff; 100], cut, longer] {
                let error = decompress(&body.into(), encoding, 1000).unwrap_err();
                assert_eq!(error.code, Code::InvalidArgument, "{error}");
            }
        }
    }

    #[test]
    fn the_best_liked_encoding_is_chosen() {
        let accepted = |text| Encoding::accepted(Some(&HeaderValue::from_static(text)));
        assert_eq!(accepted("gzip, deflate"), Some(Encoding::Gzip));
        assert_eq!(accepted("gzip;q=0.5, deflate;q=0.8, br"), Some(Encoding::Deflate));
        assert_eq!(accepted("identity, gzip;q=0.5"), None);
        assert_eq!(accepted("gzip;q=0"), None);
        assert_eq!(accepted("gzip;q=x,br"), None);
        assert_eq!(Encoding::accepted(None), None);
    }
}
