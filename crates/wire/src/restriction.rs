//! Parts of the protocol that only those may use who send a header with a secret.

use std::hint::black_box;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName};

/// A part of the protocol, as restrictions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Whether server and models are there.
    Health,
    /// What server and models are.
    Metadata,
    /// Inference, streamed and generated too.
    Inference,
    /// Regions of shared memory.
    SharedMemory,
    /// Configurations of models.
    ModelConfig,
    /// Loading, unloading, the index.
    ModelRepository,
    /// Statistics.
    Statistics,
    /// Settings of the trace.
    Trace,
    /// Settings of the log.
    Logging,
}

impl Api {
    /// All of them, with the names that flags have for them.
    pub const NAMES: [(&'static str, Self); 9] = [
        ("health", Self::Health),
        ("metadata", Self::Metadata),
        ("inference", Self::Inference),
        ("shared-memory", Self::SharedMemory),
        ("model-config", Self::ModelConfig),
        ("model-repository", Self::ModelRepository),
        ("statistics", Self::Statistics),
        ("trace", Self::Trace),
        ("logging", Self::Logging),
    ];
}

/// What must be sent.
#[derive(Clone, Debug)]
struct Secret {
    header: HeaderName,
    /// The header as it was written, for messages.
    shown: Arc<str>,
    value: Arc<[u8]>,
}

/// Which parts are restricted, and by what.
#[derive(Clone, Debug, Default)]
pub struct Restrictions {
    secrets: [Option<Secret>; Api::NAMES.len()],
}

impl Restrictions {
    /// Asks for a header with that value wherever the part is used; `None` if nothing can be a header of that name.
    pub fn restrict(&mut self, api: Api, header: &str, value: &str) -> Option<()> {
        let name = HeaderName::from_bytes(header.as_bytes()).ok()?;
        let secret = Secret { header: name, shown: header.into(), value: value.as_bytes().into() };
        self.secrets[api as usize] = Some(secret);
        Some(())
    }

    /// The header that is missing or wrong; `None` if the part may be used.
    pub(crate) fn find_missing(&self, api: Api, headers: &HeaderMap) -> Option<&str> {
        let secret = self.secrets[api as usize].as_ref()?;
        let given = headers.get(&secret.header).map_or(&[][..], |value| value.as_bytes());
        if is_same(given, &secret.value) { None } else { Some(&*secret.shown) }
    }
}

/// Compares in a time that tells nothing of where two values differ.
fn is_same(given: &[u8], expected: &[u8]) -> bool {
    let pairs = given.iter().zip(expected.iter());
    let differences = pairs.fold(0, |differences, (one, other)| black_box(differences | (one ^ other)));
    given.len() == expected.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_restricted_part_is_open_to_those_with_the_secret_alone() {
        let mut restrictions = Restrictions::default();
        restrictions.restrict(Api::Statistics, "Key", "value").unwrap();
        let missing = |api, headers| restrictions.find_missing(api, &headers).map(str::to_owned);
        assert_eq!(missing(Api::Statistics, headers("key", "value")), None);
        assert_eq!(missing(Api::Statistics, headers("key", "Value")), Some("Key".to_owned()));
        assert_eq!(missing(Api::Statistics, headers("other", "value")), Some("Key".to_owned()));
        assert_eq!(missing(Api::Statistics, HeaderMap::new()), Some("Key".to_owned()));
        assert_eq!(missing(Api::Health, HeaderMap::new()), None);
        assert_eq!(restrictions.restrict(Api::Health, "no name", "value"), None);
    }

    #[test]
    fn every_part_has_a_place_of_its_own() {
        for (index, (_, api)) in Api::NAMES.iter().enumerate() {
            assert_eq!(*api as usize, index);
        }
    }

    proptest! {
        /// Two values are the same exactly if all their bytes are.
        #[test]
        fn comparing_finds_every_difference(one in "[ab]{0,4}", other in "[ab]{0,4}") {
            prop_assert_eq!(is_same(one.as_bytes(), other.as_bytes()), one == other);
        }
    }
}
