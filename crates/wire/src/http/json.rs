//! Writes JSON.

/// JSON text under construction; the caller puts the brackets and commas.
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    /// An empty text with room for so many bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Text that is JSON already.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// A whole number.
    pub(super) fn integer(&mut self, value: impl itoa::Integer) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self
    }

    /// A number in the shortest form that reads back as the same value; NaN and infinities stand bare, as in Triton.
    pub(super) fn float<F: Float>(&mut self, value: F) -> &mut Self {
        let mut buffer = ryu::Buffer::new();
        let text = value.name_if_not_finite().unwrap_or_else(|| buffer.format_finite(value));
        self.raw(text)
    }

    /// A quoted text.
    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        self.0.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(position) = rest.iter().position(|byte| needs_escape(*byte)) {
            let (plain, from) = rest.split_at(position);
            self.0.extend_from_slice(plain);
            self.escape(from[0]);
            rest = &from[1..];
        }
        self.0.extend_from_slice(rest);
        self.0.push(b'"');
        self
    }

    /// `open`, the items with commas between, `close`.
    pub(super) fn list<T>(
        &mut self,
        (open, close): (&str, &str),
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.raw(open);
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.0.push(b',');
            }
            write(self, item);
        }
        self.raw(close)
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                self.0.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
                return;
            }
        };
        self.0.extend_from_slice(&[b'\\', short]);
    }
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// A floating-point number.
pub(super) trait Float: ryu::Float {
    /// How JSON clients of this protocol write a value that JSON has no number for.
    fn name_if_not_finite(self) -> Option<&'static str>;
}

macro_rules! float {
    ($type:ty) => {
        impl Float for $type {
            fn name_if_not_finite(self) -> Option<&'static str> {
                if self.is_finite() {
                    return None;
                }
                Some(match (self.is_nan(), self > 0.0) {
                    (true, _) => "NaN",
                    (false, true) => "Infinity",
                    (false, false) => "-Infinity",
                })
            }
        }
    };
}

float!(f32);
float!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_numbers_are_shortest() {
        let mut json = Writer::with_capacity(0);
        json.list(("[", "]"), ["a\"b\\", "\n\u{1}é"], |json, text| {
            json.string(text);
        });
        json.integer(-3).raw(" ").float(0.1_f32).raw(" ").float(f64::NEG_INFINITY).raw(" ").float(f32::NAN);
        assert_eq!(
            String::from_utf8(json.0).unwrap(),
            "[\"a\\\"b\\\\\",\"\\n\\u0001é\"]-3 0.1 -Infinity NaN"
        );
    }
}
