//! The `data` of a tensor: JSON values, flat or nested, straight into little-endian bytes.

use jiter::{NumberInt, Peek};
use trilith_core::{DataType, Error, Result, bytes_tensor};

use super::reader::{Reader, is_out_of_range, parse};

/// How deep arrays may be nested: as deep as Triton takes them, far deeper than tensors have dimensions.
const MAX_DEPTH: usize = 100;
/// Bytes of JSON that the shortest element takes: one digit and a comma.
const SHORTEST_ELEMENT: usize = 2;

/// Reads `count` elements of that datatype.
///
/// Nesting is read as row-major order and not compared with the shape, as in Triton.
pub(in crate::http) fn read(
    reader: &mut Reader<'_>,
    datatype: DataType,
    count: usize,
    room: usize,
) -> Result<Vec<u8>> {
    // A shape can promise more than the text can hold, so the text bounds what is set aside.
    let expected = count.min(room / SHORTEST_ELEMENT + 1);
    let mut target = Vec::with_capacity(expected.saturating_mul(datatype.size().unwrap_or(8)));
    let mut walk = Walk { reader, count, datatype };
    match datatype {
        DataType::Bool => walk.run(|reader, peek| {
            let value = reader.jiter.known_bool(peek).map_err(|cause| reader.refuse(&cause, "a BOOL"))?;
            target.push(u8::from(value));
            Ok(())
        }),
        DataType::Uint8 => walk.integers::<u8>(&mut target),
        DataType::Uint16 => walk.integers::<u16>(&mut target),
        DataType::Uint32 => walk.integers::<u32>(&mut target),
        DataType::Uint64 => walk.integers::<u64>(&mut target),
        DataType::Int8 => walk.integers::<i8>(&mut target),
        DataType::Int16 => walk.integers::<i16>(&mut target),
        DataType::Int32 => walk.integers::<i32>(&mut target),
        DataType::Int64 => walk.integers::<i64>(&mut target),
        DataType::Fp16 => walk.floats::<half::f16>(&mut target),
        DataType::Bf16 => walk.floats::<half::bf16>(&mut target),
        DataType::Fp32 => walk.floats::<f32>(&mut target),
        DataType::Fp64 => walk.floats::<f64>(&mut target),
        DataType::Bytes => walk.run(|reader, _| {
            reader
                .borrowed_string("a BYTES element", |text| bytes_tensor::push(&mut target, text.as_bytes()))?
        }),
    }?;
    Ok(target)
}

struct Walk<'r, 'j> {
    reader: &'r mut Reader<'j>,
    count: usize,
    datatype: DataType,
}

impl<'j> Walk<'_, 'j> {
    /// Visits every element in order; says which one is wrong, and whether they are as many as the shape says.
    fn run(&mut self, mut element: impl FnMut(&mut Reader<'j>, Peek) -> Result<()>) -> Result<()> {
        let (mut found, mut depth) = (0, 1);
        let mut next = self.reader.open_array("'data'")?;
        loop {
            match next {
                None => {
                    depth -= 1;
                    if depth == 0 {
                        return if found == self.count { Ok(()) } else { Err(self.wrong_count(found)) };
                    }
                }
                Some(Peek::Array) if depth == MAX_DEPTH => {
                    return Err(Error::invalid(format!("'data' is nested deeper than {MAX_DEPTH} arrays")));
                }
                Some(Peek::Array) => {
                    depth += 1;
                    next = self.reader.open_array("'data'")?;
                    continue;
                }
                Some(_) if found == self.count => return Err(self.wrong_count(found + 1)),
                Some(peek) => {
                    element(self.reader, peek).map_err(|problem| in_element(found, problem))?;
                    found += 1;
                }
            }
            next = self.reader.next_item("'data'")?;
        }
    }

    fn integers<T: Integer>(&mut self, target: &mut Vec<u8>) -> Result<()> {
        let datatype = self.datatype;
        self.run(|reader, peek| {
            let value = match reader.jiter.known_int(peek) {
                Ok(NumberInt::Int(value)) => T::narrow(value),
                Err(cause) if is_out_of_range(&cause) => large(reader, peek),
                Err(cause) => return Err(reader.refuse(&cause, &format!("an {datatype}"))),
            };
            value.ok_or_else(|| does_not_fit(datatype))?.write(target);
            Ok(())
        })
    }

    fn floats<T: Float>(&mut self, target: &mut Vec<u8>) -> Result<()> {
        let datatype = self.datatype;
        self.run(|reader, peek| {
            let start = reader.jiter.current_index();
            let value = match reader.jiter.known_float(peek) {
                Ok(value) => T::round(value),
                Err(cause) => return Err(reader.refuse(&cause, &format!("an {datatype}"))),
            };
            // Infinity is taken where it is meant, not where a number ran over.
            if value.is_infinite() && !reader.jiter.slice_to_current(start).contains(&b'I') {
                return Err(does_not_fit(datatype));
            }
            value.write(target);
            Ok(())
        })
    }

    fn wrong_count(&self, found: usize) -> Error {
        let given = if found > self.count { "more".to_owned() } else { found.to_string() };
        Error::invalid(format!("its shape asks for {} elements, 'data' holds {given}", self.count))
    }
}

fn large<T: Integer>(reader: &mut Reader<'_>, peek: Peek) -> Option<T> {
    reader.jiter.known_number_bytes(peek).ok().and_then(parse)
}

fn in_element(index: usize, mut problem: Error) -> Error {
    problem.message = format!("element {index} of 'data': {}", problem.message).into();
    problem
}

fn does_not_fit(datatype: DataType) -> Error {
    Error::invalid(format!("the number is out of range for {datatype}"))
}

trait Integer: std::str::FromStr {
    fn narrow(value: i64) -> Option<Self>;
    fn write(self, target: &mut Vec<u8>);
}

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Integer for $type {
            fn narrow(value: i64) -> Option<Self> {
                Self::try_from(value).ok()
            }

            fn write(self, target: &mut Vec<u8>) {
                target.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

integer!(u8 u16 u32 u64 i8 i16 i32 i64);

trait Float: Copy {
    fn round(value: f64) -> Self;
    fn is_infinite(self) -> bool;
    fn write(self, target: &mut Vec<u8>);
}

macro_rules! float {
    ($type:ty, $round:expr) => {
        impl Float for $type {
            fn round(value: f64) -> Self {
                $round(value)
            }

            fn is_infinite(self) -> bool {
                self.is_infinite()
            }

            fn write(self, target: &mut Vec<u8>) {
                target.extend_from_slice(&self.to_le_bytes());
            }
        }
    };
}

float!(half::f16, half::f16::from_f64);
float!(half::bf16, half::bf16::from_f64);
float!(f32, |value| value as f32);
float!(f64, |value| value);

#[cfg(test)]
mod tests {
    use super::*;

    fn data(datatype: DataType, count: usize, text: &str) -> Result<Vec<u8>> {
        let mut reader = Reader::new(text.as_bytes());
        let data = read(&mut reader, datatype, count, text.len())?;
        reader.finish().map(|()| data)
    }

    #[test]
    fn flat_and_nested_arrays_are_the_same_tensor() {
        let flat = data(DataType::Int16, 4, "[1, -2, 3, 4]").unwrap();
        assert_eq!(flat, [1, 0, 254, 255, 3, 0, 4, 0]);
        assert_eq!(data(DataType::Int16, 4, "[[[1],[-2]],[[],[3,4]]]").unwrap(), flat);
        assert_eq!(data(DataType::Fp32, 0, "[]").unwrap(), []);
    }

    #[test]
    fn the_ends_of_every_integer_fit_and_what_lies_beyond_does_not() {
        let ends = [
            (DataType::Uint8, "0", "255", "-1", "256"),
            (DataType::Uint16, "0", "65535", "-1", "65536"),
            (DataType::Uint32, "0", "4294967295", "-1", "4294967296"),
            (DataType::Uint64, "0", "18446744073709551615", "-1", "18446744073709551616"),
            (DataType::Int8, "-128", "127", "-129", "128"),
            (DataType::Int16, "-32768", "32767", "-32769", "32768"),
            (DataType::Int32, "-2147483648", "2147483647", "-2147483649", "2147483648"),
            (
                DataType::Int64,
                "-9223372036854775808",
                "9223372036854775807",
                "-9223372036854775809",
                "9223372036854775808",
            ),
        ];
        for (datatype, least, most, below, above) in ends {
            assert!(data(datatype, 2, &format!("[{least},{most}]")).is_ok(), "{datatype}");
            for wrong in [below, above, "1e30", "99999999999999999999999999999999"] {
                let error = data(datatype, 1, &format!("[{wrong}]")).unwrap_err();
                assert!(error.message.starts_with("element 0 of 'data'"), "{error}");
            }
        }
    }

    #[test]
    fn floats_take_infinity_where_it_is_meant() {
        let halves = data(DataType::Fp16, 4, "[1, 65504, -Infinity, 0.1]").unwrap();
        assert_eq!(halves, [0x00, 0x3c, 0xff, 0x7b, 0x00, 0xfc, 0x66, 0x2e]);
        assert_eq!(data(DataType::Bf16, 1, "[1.5]").unwrap(), [0xc0, 0x3f]);
        let nan = data(DataType::Fp64, 1, "[NaN]").unwrap();
        assert!(f64::from_le_bytes(nan.try_into().unwrap()).is_nan());
        for (datatype, text) in [
            (DataType::Fp16, "[65520]"),
            (DataType::Bf16, "[1e39]"),
            (DataType::Fp32, "[1e39]"),
            (DataType::Fp64, "[-1e400]"),
        ] {
            assert!(data(datatype, 1, text).unwrap_err().message.contains("out of range"), "{datatype}");
        }
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        for (datatype, text) in [
            (DataType::Bool, "[1]"),
            (DataType::Uint8, "[1.0]"),
            (DataType::Int32, "[true]"),
            (DataType::Fp32, "[\"1\"]"),
            (DataType::Fp32, "[null]"),
            (DataType::Fp32, "[{}]"),
            (DataType::Bytes, "[1]"),
            (DataType::Fp32, "3"),
            (DataType::Fp32, "{}"),
        ] {
            let error = data(datatype, 1, text).unwrap_err();
            assert!(error.message.contains("must be"), "{datatype} {text}: {error}");
        }
    }

    #[test]
    fn wrong_counts_and_bottomless_nesting_are_refused() {
        assert!(data(DataType::Int8, 2, "[1]").unwrap_err().message.contains("2 elements, 'data' holds 1"));
        assert!(data(DataType::Int8, 2, "[1,2,3]").unwrap_err().message.contains("holds more"));
        assert!(data(DataType::Int8, usize::MAX, "[1]").is_err());
        assert!(data(DataType::Bytes, usize::MAX, "[\"1\"]").is_err());
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(data(DataType::Int8, 1, &deep).is_ok());
        assert!(data(DataType::Int8, 1, &"[".repeat(100_000)).unwrap_err().message.contains("deeper"));
    }

    #[test]
    fn texts_keep_their_bytes() {
        let content = data(DataType::Bytes, 3, r#"["a\u00e9\u0000", "", "\"\\/"]"#).unwrap();
        let strings: Vec<_> = bytes_tensor::elements(&content).map(Option::unwrap).collect();
        assert_eq!(strings, ["aé\0".as_bytes(), b"", b"\"\\/"]);
    }
}
