//! gzip and deflate, both ways.

use std::io::{self, Read, Write};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tonic::Status;

use super::frame::{PREFIX_LENGTH, put_prefix};
use super::pieces::Pieces;

/// What this server understands, as `grpc-accept-encoding` says it.
pub(super) const ACCEPTED: &str = "identity,deflate,gzip";

/// How hard responses are compressed (`--grpc-infer-response-compression-level`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompressionLevel {
    /// Not at all.
    #[default]
    None,
    /// Fast.
    Low,
    /// Between.
    Medium,
    /// Small.
    High,
}

/// How messages of a call are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// gzip.
    Gzip,
    /// deflate within zlib's header and check sum.
    Deflate,
}

impl Encoding {
    /// How the client compresses what it sends.
    pub(super) fn of_request(headers: &HeaderMap) -> Result<Self, Status> {
        match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Ok(Self::Identity),
            Some(b"gzip") => Ok(Self::Gzip),
            Some(b"deflate") => Ok(Self::Deflate),
            Some(other) => {
                let message = format!(
                    "messages compressed by '{}' are not understood; use one of {ACCEPTED}",
                    String::from_utf8_lossy(other)
                );
                let mut status = Status::unimplemented(message);
                status
                    .metadata_mut()
                    .insert("grpc-accept-encoding", ACCEPTED.parse().map_err(|_| Status::internal(""))?);
                Err(status)
            }
        }
    }

    /// How responses are to be compressed, by what the client accepts.
    pub(super) fn of_response(headers: &HeaderMap, level: CompressionLevel) -> Self {
        let accepted = headers.get("grpc-accept-encoding").and_then(|value| value.to_str().ok());
        let (CompressionLevel::Low | CompressionLevel::Medium | CompressionLevel::High, Some(accepted)) =
            (level, accepted)
        else {
            return Self::Identity;
        };
        let accepts = |name| accepted.split(',').any(|entry| entry.trim() == name);
        match (accepts("gzip"), accepts("deflate")) {
            (true, _) => Self::Gzip,
            (false, true) => Self::Deflate,
            (false, false) => Self::Identity,
        }
    }

    /// Its name in `grpc-encoding`; `None` where nothing is compressed.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }

    /// Unpacks a message, which may become `limit` bytes long.
    pub(super) fn decompress(self, message: Pieces, limit: usize) -> Result<Pieces, Status> {
        let source = message.reader();
        let unpacked = match self {
            Self::Gzip => read_up_to(MultiGzDecoder::new(source), limit),
            Self::Deflate => read_up_to(ZlibDecoder::new(source), limit),
            Self::Identity => {
                return Err(Status::internal(
                    "a message is marked as compressed, the call names no compression",
                ));
            }
        };
        let unpacked = unpacked.map_err(|error| {
            let name = self.name().unwrap_or_default();
            Status::invalid_argument(format!("a message that should be {name} cannot be unpacked: {error}"))
        })?;
        if unpacked.len() > limit {
            return Err(Status::resource_exhausted(format!(
                "the message unpacks to more than the {limit} bytes that this server takes at most"
            )));
        }
        Ok(Bytes::from(unpacked).into())
    }

    /// Packs a framed message.
    pub(super) fn compress(self, mut framed: Pieces, level: CompressionLevel) -> Result<Pieces, Status> {
        if self == Self::Identity {
            return Ok(framed);
        }
        framed.advance(PREFIX_LENGTH);
        let strength = match level {
            CompressionLevel::None => Compression::none(),
            CompressionLevel::Low => Compression::fast(),
            CompressionLevel::Medium => Compression::default(),
            CompressionLevel::High => Compression::best(),
        };
        let packed = match self {
            Self::Deflate => write_all(ZlibEncoder::new(Vec::new(), strength), framed, ZlibEncoder::finish),
            _ => write_all(GzEncoder::new(Vec::new(), strength), framed, GzEncoder::finish),
        }
        .map_err(|error| Status::internal(format!("the response could not be compressed: {error}")))?;
        let mut buffer = BytesMut::with_capacity(PREFIX_LENGTH + packed.len());
        put_prefix(&mut buffer, true, packed.len());
        buffer.put_slice(&packed);
        Ok(buffer.freeze().into())
    }
}

/// Reads to the end, or one byte past the limit.
fn read_up_to(source: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut target = Vec::new();
    source.take(limit as u64 + 1).read_to_end(&mut target)?;
    Ok(target)
}

fn write_all<W: Write>(
    mut target: W,
    mut source: Pieces,
    finish: fn(W) -> io::Result<Vec<u8>>,
) -> io::Result<Vec<u8>> {
    while let Some(piece) = source.pop() {
        target.write_all(&piece)?;
    }
    finish(target)
}
