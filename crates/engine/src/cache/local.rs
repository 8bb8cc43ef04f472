//! A cache in this process, bounded by bytes: what was used longest ago goes first.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use trilith_core::{Parameter, Parameters, Response, Tensor};

use crate::cache::shelf::{Put, Shelf};
use crate::cache::{Cache, Found, Key, copy};

/// Bytes that an answer takes beside its content: a slot of the shelf, its place in the table, the response itself.
const OVERHEAD: usize = 256;

/// What is told of an answer that is larger than the whole cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// Name of the model.
    pub model: String,
    /// Its version.
    pub version: i64,
    /// Bytes of the answer.
    pub size: usize,
    /// Bytes of the cache.
    pub limit: usize,
}

/// Takes note of the first answer of each model version that is larger than the whole cache.
pub type Report = Box<dyn Fn(TooLarge) + Send + Sync>;

/// Keeps answers in memory, up to so many bytes in all.
pub struct LocalCache {
    limit: usize,
    shelf: Mutex<Shelf<Key, Arc<Response>>>,
    /// Which models were told of.
    told: Mutex<HashSet<(String, i64)>>,
    report: Report,
}

impl LocalCache {
    /// An empty one, for `limit` bytes.
    pub fn new(limit: usize, report: Report) -> Self {
        Self { limit, shelf: Mutex::new(Shelf::new(limit)), told: Mutex::default(), report }
    }

    /// How many answers it holds, and their bytes.
    pub fn fill(&self) -> (usize, usize) {
        let shelf = self.shelf.lock();
        (shelf.len(), shelf.used())
    }

    fn tell(&self, response: &Response, size: usize) {
        let model = (response.model.clone(), response.version);
        if self.told.lock().insert(model) {
            let (model, version) = (response.model.clone(), response.version);
            (self.report)(TooLarge { model, version, size, limit: self.limit });
        }
    }
}

impl Cache for LocalCache {
    fn look_up(&self, key: &Key) -> Found {
        let found = self.shelf.lock().get(key).map(Arc::clone);
        found.map_or(Found::Miss, |response| Found::Hit((*response).clone()))
    }

    fn store(&self, key: &Key, response: &Response) {
        let size = weigh(response);
        if size > self.limit {
            return self.tell(response, size);
        }
        // Copied before the lock is taken, and what had to go is dropped after it was released.
        let kept = Arc::new(detach(response));
        let put = self.shelf.lock().put(*key, kept, size);
        debug_assert!(!matches!(put, Put::TooLarge(_)));
    }
}

/// A response whose tensors lie in memory of their own.
fn detach(response: &Response) -> Response {
    let outputs = response
        .outputs
        .iter()
        .map(|output| Tensor {
            name: output.name.clone(),
            datatype: output.datatype,
            shape: output.shape.clone(),
            payload: copy(&output.payload),
            parameters: output.parameters.clone(),
        })
        .collect();
    Response {
        model: response.model.clone(),
        version: response.version,
        id: String::new(),
        parameters: response.parameters.clone(),
        outputs,
    }
}

/// Bytes that a response takes in the cache.
fn weigh(response: &Response) -> usize {
    let tensors = response.outputs.iter().map(|output| {
        size_of::<Tensor>() + output.name.len() + output.payload.len() + parameters(&output.parameters)
    });
    OVERHEAD + response.model.len() + parameters(&response.parameters) + tensors.sum::<usize>()
}

fn parameters(parameters: &Parameters) -> usize {
    let content = |value: &Parameter| if let Parameter::String(text) = value { text.len() } else { 0 };
    parameters
        .iter()
        .map(|(name, value)| size_of::<(String, Parameter)>() + name.len() + content(value))
        .sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use trilith_core::DataType;

    use super::*;

    fn key(number: u8) -> Key {
        Key::new([number; 32])
    }

    fn response(length: usize) -> Response {
        let output = Tensor::new("OUT", DataType::Uint8, &[length as i64], vec![7; length]);
        Response {
            model: "m".into(),
            version: 1,
            id: "mine".into(),
            outputs: vec![output],
            ..Response::default()
        }
    }

    fn silent(limit: usize) -> LocalCache {
        LocalCache::new(limit, Box::new(|_| {}))
    }

    fn hit(cache: &LocalCache, number: u8) -> Option<Response> {
        match cache.look_up(&key(number)) {
            Found::Hit(response) => Some(response),
            Found::Miss | Found::Later => None,
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_was_but_for_the_clients_id() {
        let cache = silent(1 << 20);
        assert!(hit(&cache, 1).is_none());
        cache.store(&key(1), &response(100));
        assert_eq!(hit(&cache, 1), Some(Response { id: String::new(), ..response(100) }));
        assert!(hit(&cache, 2).is_none());
    }

    #[test]
    fn what_is_kept_is_a_copy_and_lets_go_of_the_memory_it_was_made_in() {
        let lent = Bytes::from(vec![1_u8; 64]);
        let output = Tensor::new("OUT", DataType::Uint8, &[8], lent.slice(8..16));
        let cache = silent(1 << 20);
        cache.store(&key(1), &Response { outputs: vec![output], ..Response::default() });
        assert!(lent.is_unique());
        assert_eq!(hit(&cache, 1).unwrap().outputs[0].payload.to_bytes(), [1_u8; 8].as_slice());
    }

    #[test]
    fn the_bytes_of_all_answers_stay_within_the_limit() {
        let size = weigh(&response(1000));
        let cache = silent(3 * size);
        for number in 0..4 {
            cache.store(&key(number), &response(1000));
        }
        assert_eq!(cache.fill(), (3, 3 * size));
        assert!(hit(&cache, 0).is_none() && hit(&cache, 3).is_some());
    }

    #[test]
    fn an_answer_larger_than_the_cache_is_not_kept_and_told_of_once_for_each_model() {
        let (sender, told) = std::sync::mpsc::channel();
        let cache = LocalCache::new(600, Box::new(move |large| sender.send(large).unwrap()));
        for _ in 0..2 {
            cache.store(&key(1), &response(1000));
        }
        cache.store(&key(2), &Response { model: "other".into(), ..response(2000) });
        assert_eq!(cache.fill(), (0, 0));
        let names: Vec<_> = told.try_iter().map(|large| (large.model, large.limit)).collect();
        assert_eq!(names, [("m".to_owned(), 600), ("other".to_owned(), 600)]);
    }
}
