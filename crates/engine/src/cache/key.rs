//! What makes two requests the same question: all that the model can see of them, but for the client's own id.

use std::hash::{BuildHasher, Hasher, RandomState};

use smallvec::SmallVec;
use trilith_core::{CorrelationId, Parameter, Parameters, Request, RequestedOutput, Tensor};

/// Bytes of a key.
const LENGTH: usize = 32;

/// Requests up to this size are hashed in one go, from the stack.
const SMALL: usize = 1024;

/// The key of a request: a cryptographic hash, so that nobody can make two requests that share one, and nothing of the
/// request itself has to be kept to compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// A key of those bytes.
    pub fn new(content: [u8; LENGTH]) -> Self {
        Self(content)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

/// Tells one load of a model from every other, in this process and elsewhere: what a model answered before it was
/// loaded anew is no answer any more. It stands for the name and the version as well.
#[derive(Clone, Debug)]
pub(crate) struct Seed([u8; 16]);

impl Seed {
    /// One that never was before.
    pub(crate) fn new() -> Self {
        let mut content = [0; 16];
        for half in content.chunks_mut(8) {
            // Each state is random by itself; there is no other source of chance in the standard library.
            half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self(content)
    }
}

/// The key of an admitted request: its inputs are in the order of the signature. `loads` are the loads of other models
/// on which the answer depends.
pub(crate) fn of(seed: &Seed, loads: &[u64], request: &Request) -> Key {
    let mut digest = Digest::default();
    digest.write(&seed.0);
    digest.number(loads.len() as u64);
    for load in loads {
        digest.number(*load);
    }
    digest.number(request.inputs.len() as u64);
    request.inputs.iter().for_each(|input| digest.tensor(input));
    digest.number(request.outputs.len() as u64);
    request.outputs.iter().for_each(|output| digest.output(output));
    digest.parameters(&request.parameters);
    match &request.correlation_id {
        CorrelationId::Number(number) => digest.tagged(0, &number.to_le_bytes()),
        CorrelationId::Text(text) => digest.tagged(1, text.as_bytes()),
    }
    digest.number(u64::from(request.flags));
    digest.finish()
}

/// Hashes parts one after the other, each preceded by its length where that is not fixed.
#[derive(Default)]
struct Digest {
    small: SmallVec<[u8; SMALL]>,
    /// Once it has become too much for the stack.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Digest {
    fn byte(&mut self, byte: u8) {
        if self.hasher.is_none() && self.small.len() < SMALL {
            self.small.push(byte);
        } else {
            self.write(&[byte]);
        }
    }

    fn write(&mut self, part: &[u8]) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(part);
        } else if self.small.len() + part.len() <= SMALL {
            self.small.extend_from_slice(part);
        } else {
            let mut hasher = Box::new(blake3::Hasher::new());
            hasher.update(&self.small);
            hasher.update(part);
            self.hasher = Some(hasher);
        }
    }

    /// Seven bits a byte, all but the last marked: no number is the beginning of another, and most take one byte.
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.write(text.as_bytes());
    }

    fn tagged(&mut self, tag: u8, content: &[u8]) {
        self.byte(tag);
        self.number(content.len() as u64);
        self.write(content);
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.text(&tensor.name);
        self.byte(tensor.datatype as u8);
        self.number(tensor.shape.len() as u64);
        tensor.shape.iter().for_each(|extent| self.number(*extent as u64));
        self.number(tensor.payload.len() as u64);
        tensor.payload.pieces().iter().for_each(|piece| self.write(piece));
    }

    /// How the values travel is the endpoint's matter, and the same answer serves all ways.
    fn output(&mut self, output: &RequestedOutput) {
        self.text(&output.name);
        self.number(u64::from(output.classification));
    }

    fn parameters(&mut self, parameters: &Parameters) {
        self.number(parameters.iter().count() as u64);
        for (name, value) in parameters.iter() {
            self.text(name);
            match value {
                Parameter::Bool(value) => self.tagged(0, &[u8::from(*value)]),
                Parameter::Int(value) => self.tagged(1, &value.to_le_bytes()),
                Parameter::Uint(value) => self.tagged(2, &value.to_le_bytes()),
                Parameter::Double(value) => self.tagged(3, &value.to_bits().to_le_bytes()),
                Parameter::String(value) => self.tagged(4, value.as_bytes()),
            }
        }
    }

    fn finish(self) -> Key {
        let hash = self.hasher.map_or_else(|| blake3::hash(&self.small), |hasher| hasher.finalize());
        Key(*hash.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use trilith_core::{DataType, Delivery, Payload};

    use super::*;

    fn request(shape: &[i64], content: Vec<u8>) -> Request {
        Request { inputs: vec![Tensor::new("IN", DataType::Uint8, shape, content)], ..Request::default() }
    }

    fn wanting(outputs: &[(&str, u32)]) -> Request {
        let outputs = outputs.iter().map(|(name, classification)| RequestedOutput {
            name: (*name).to_owned(),
            classification: *classification,
            ..RequestedOutput::default()
        });
        Request { outputs: outputs.collect(), ..request(&[2], vec![1, 2]) }
    }

    fn with_parameter(value: Parameter) -> Request {
        Request { parameters: [("p".to_owned(), value)].into_iter().collect(), ..request(&[2], vec![1, 2]) }
    }

    #[test]
    fn whatever_may_change_the_answer_changes_the_key() {
        let renamed = |name: &str| {
            let mut request = request(&[2], vec![1, 2]);
            request.inputs[0].name = name.to_owned();
            request
        };
        let mut signed = request(&[2], vec![1, 2]);
        signed.inputs[0].datatype = DataType::Int8;
        let mut two = request(&[2], vec![1, 2]);
        two.inputs.push(Tensor::new("B", DataType::Uint8, &[0], vec![]));
        let different = [
            request(&[2], vec![1, 2]),
            request(&[2], vec![2, 1]),
            request(&[1, 2], vec![1, 2]),
            request(&[2, 1], vec![1, 2]),
            renamed("IN2"),
            signed,
            two,
            wanting(&[("A", 0)]),
            wanting(&[("A", 1)]),
            wanting(&[("A", 0), ("B", 0)]),
            wanting(&[("B", 0), ("A", 0)]),
            with_parameter(Parameter::Int(1)),
            with_parameter(Parameter::Uint(1)),
            with_parameter(Parameter::Bool(true)),
            with_parameter(Parameter::Double(1.0)),
            with_parameter(Parameter::String("1".into())),
            Request { correlation_id: CorrelationId::Number(7), ..request(&[2], vec![1, 2]) },
            Request { correlation_id: CorrelationId::Text("7".into()), ..request(&[2], vec![1, 2]) },
            Request { flags: 1, ..request(&[2], vec![1, 2]) },
        ];
        let seed = Seed::new();
        let mut keys: Vec<_> = different.iter().map(|request| of(&seed, &[], request)).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), different.len());
    }

    #[test]
    fn what_is_the_clients_own_matter_does_not() {
        let seed = Seed::new();
        let mut same =
            Request { id: "mine".into(), priority: 3, timeout_microseconds: 9, ..wanting(&[("A", 0)]) };
        same.outputs[0].delivery = Delivery::Binary;
        assert_eq!(of(&seed, &[], &same), of(&seed, &[], &wanting(&[("A", 0)])));
    }

    #[test]
    fn another_load_of_a_model_asks_other_questions() {
        let request = request(&[2], vec![1, 2]);
        assert_ne!(of(&Seed::new(), &[], &request), of(&Seed::new(), &[], &request));
    }

    proptest! {
        /// However the bytes of an input arrived in pieces, they are the same question; other bytes are another one.
        #[test]
        fn pieces_do_not_matter(content in prop::collection::vec(any::<u8>(), 1..4000), at in any::<prop::sample::Index>()) {
            let seed = Seed::new();
            let shape = [content.len() as i64];
            let whole = request(&shape, content.clone());
            let at = at.index(content.len());
            let mut pieces = whole.clone();
            let mut payload = Payload::new();
            payload.push(Bytes::copy_from_slice(&content[..at]));
            payload.push(Bytes::copy_from_slice(&content[at..]));
            pieces.inputs[0].payload = payload;
            prop_assert_eq!(of(&seed, &[], &whole), of(&seed, &[], &pieces));
            let mut other = content;
            other[at] ^= 1;
            prop_assert_ne!(of(&seed, &[], &whole), of(&seed, &[], &request(&shape, other)));
        }
    }
}
