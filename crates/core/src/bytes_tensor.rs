//! The encoding of BYTES tensors: each element behind its length, four bytes, little-endian.

use crate::error::{Error, Result};

/// Width of the length in front of each element.
const LENGTH_WIDTH: usize = 4;

/// Checks that `content` holds exactly `count` elements and nothing else.
///
/// `place` says where, for the message: `input 'TEXT' of model 'm'`.
pub fn check(content: &[u8], count: usize, place: &str) -> Result<()> {
    let mut found = 0;
    for element in elements(content) {
        if element.is_none() {
            return Err(Error::invalid(format!(
                "{place}: the length in front of element {found} runs past the end of the {} bytes given",
                content.len()
            )));
        }
        found += 1;
        if found > count {
            break;
        }
    }
    if found == count {
        return Ok(());
    }
    let found = if found > count { format!("more than {count}") } else { found.to_string() };
    Err(Error::invalid(format!("{place}: its shape asks for {count} strings, its bytes hold {found}")))
}

/// The elements in order; `None` once, at the end, where a length runs past the content.
pub fn elements(content: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = Some(content);
    std::iter::from_fn(move || {
        let current = rest.filter(|left| !left.is_empty())?;
        let (element, left) =
            split_element(current).map_or((None, None), |(element, left)| (Some(element), Some(left)));
        rest = left;
        Some(element)
    })
}

fn split_element(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (width, rest) = content.split_first_chunk::<LENGTH_WIDTH>()?;
    rest.split_at_checked(u32::from_le_bytes(*width) as usize)
}

/// Appends one element.
///
/// Fails if it is longer than a 32-bit length can say.
pub fn push(target: &mut Vec<u8>, element: &[u8]) -> Result<()> {
    let length = u32::try_from(element.len())
        .map_err(|_| Error::invalid("a string of a BYTES tensor is longer than 4 GiB"))?;
    target.extend_from_slice(&length.to_le_bytes());
    target.extend_from_slice(element);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(strings: &[&[u8]]) -> Vec<u8> {
        let mut content = Vec::new();
        for string in strings {
            push(&mut content, string).unwrap();
        }
        content
    }

    #[test]
    fn what_was_pushed_comes_out() {
        let content = encode(&[b"one", b"", b"three"]);
        let out: Vec<_> = elements(&content).map(Option::unwrap).collect();
        assert_eq!(out, [&b"one"[..], b"", b"three"]);
        assert!(check(&content, 3, "input 'A'").is_ok());
    }

    #[test]
    fn a_wrong_count_is_named() {
        let content = encode(&[b"one", b"two"]);
        assert!(check(&content, 3, "x").unwrap_err().message.contains("3 strings, its bytes hold 2"));
        assert!(check(&content, 1, "x").unwrap_err().message.contains("more than 1"));
        assert!(check(&[], 1, "x").is_err());
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for content in [&[255, 255, 255, 255, 1][..], &[1, 0, 0][..], &[1, 0, 0, 0][..]] {
            assert!(check(content, 1, "x").unwrap_err().message.contains("past the end"));
        }
    }
}
