//! Questions by the bytes that they came in: who asks in the same words again is not read again.
//!
//! It saves reading, checking and hashing a request, and nothing else: the answer is the cache's. A question is noted
//! once its answer was found in the cache, so that what is never asked again takes no room.

use std::hash::BuildHasher;

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use trilith_core::Wording;

use crate::cache::Key;
use crate::cache::shelf::Shelf;

/// Bytes that the questions of one model may take.
const ROOM: usize = 1 << 20;

/// Questions of more bytes are read each time.
pub(crate) const LONGEST: usize = 64 << 10;

/// Bytes that a question takes beside its own.
const OVERHEAD: usize = 160;

/// What was asked in some words.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The key of the request.
    pub(crate) key: Key,
    /// The client's own name for it, which is part of the words.
    pub(crate) id: String,
    /// What the endpoint noted.
    pub(crate) note: u64,
}

/// The questions of one model.
pub(crate) struct Wordings {
    hash: RandomState,
    questions: Mutex<Shelf<u64, (Wording, Asked)>>,
}

impl Wordings {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { hash: RandomState::default(), questions: Mutex::new(Shelf::new(ROOM)) }
    }

    /// What was asked in these words.
    pub(crate) fn find(&self, words: &Wording) -> Option<Asked> {
        let place = self.place(words);
        let mut questions = self.questions.lock();
        // The place of other words may be the same.
        let (known, asked) = questions.get(&place)?;
        (known.form == words.form && known.text == words.text).then(|| asked.clone())
    }

    /// Keeps what was asked in these words; a copy of them, since they lie in memory that sockets were read into.
    pub(crate) fn note(&self, words: &Wording, key: Key, id: &str) {
        let size = OVERHEAD + words.text.len() + id.len();
        let asked = Asked { key, id: id.to_owned(), note: words.note };
        let kept = Wording { text: Bytes::copy_from_slice(&words.text), ..*words };
        let put = self.questions.lock().put(self.place(words), (kept, asked), size);
        // What had to go goes without the lock.
        drop(put);
    }

    fn place(&self, words: &Wording) -> u64 {
        self.hash.hash_one((words.form, &*words.text))
    }
}
