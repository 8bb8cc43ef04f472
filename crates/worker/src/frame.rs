//! Where a message begins and ends: four bytes of length, little-endian, then the message.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use serde::Serialize;

/// Width of the length in front of each message.
const PREFIX: usize = 4;

/// Largest message accepted. Tensors of any size go through shared memory; what is left are names, shapes and small
/// tensors. A length beyond this means that the peer does not speak this protocol.
const LARGEST: usize = 1 << 30;

/// Encodes a message with its length in front, replacing what `target` held.
pub fn encode(message: &impl Serialize, target: &mut Vec<u8>) -> io::Result<()> {
    target.clear();
    target.extend_from_slice(&[0; PREFIX]);
    let whole = postcard::to_extend(message, std::mem::take(target)).map_err(io::Error::other)?;
    *target = whole;
    let length = u32::try_from(target.len() - PREFIX)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a message is longer than 4 GiB"))?;
    target[..PREFIX].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Takes the next whole message out of what was received; `None` if more must be received first.
pub fn take(received: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some(prefix) = received.first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = u32::from_le_bytes(*prefix) as usize;
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the peer sent something that is no message"));
    }
    if received.len() < PREFIX + length {
        received.reserve(PREFIX + length - received.len());
        return Ok(None);
    }
    received.advance(PREFIX);
    Ok(Some(received.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_arrive() {
        let mut frame = Vec::new();
        encode(&"hello", &mut frame).unwrap();
        let mut stream = frame.clone();
        stream.extend_from_slice(&frame);
        let mut received = BytesMut::new();
        let mut found = Vec::new();
        for byte in stream {
            received.extend_from_slice(&[byte]);
            while let Some(message) = take(&mut received).unwrap() {
                found.push(postcard::from_bytes::<String>(&message).unwrap());
            }
        }
        assert_eq!(found, ["hello", "hello"]);
    }

    #[test]
    fn noise_is_refused() {
        assert!(take(&mut BytesMut::from(&b"\xff\xff\xff\xff"[..])).is_err());
    }
}
