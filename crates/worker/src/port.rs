//! The worker's end: the same batches as in the server, whose answers go back over the socket.
//!
//! Whoever waits for something reads for everyone: see [`crate::reader`].

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use trilith_core::Request;
use trilith_engine::{Batch, Model, Reply};

pub use crate::answers::Manner;
use crate::answers::{Answers, Channel};
use crate::arena::{Inbox, Outbox};
use crate::handshake;
use crate::reader::Reader;

/// The worker's end of the channel.
pub struct WorkerPort {
    model: Arc<Model>,
    pub(crate) channel: Arc<Channel>,
    pub(crate) reader: Arc<Reader>,
    /// Of the next family or series that the model counts.
    pub(crate) next_number: AtomicU64,
}

/// A batch to run, and the receipt by which the server learns how far it is.
pub struct Assignment {
    /// The batch.
    pub batch: Batch,
    /// The receipt.
    pub receipt: Receipt,
}

/// Tells the server how far a batch is.
#[derive(Clone)]
pub struct Receipt(Arc<Answers>);

impl Receipt {
    /// From here on each answer leaves by itself, and the worker takes the next batch only after [`Receipt::returned`].
    /// Batches of decoupled models are answered in this way from the start.
    pub fn answer_one_by_one(&self) {
        self.0.answer_one_by_one();
    }

    /// Says that the worker takes the next batch, whatever is left to be answered.
    pub fn returned(&self) {
        self.0.returned();
    }
}

impl WorkerPort {
    /// Takes over a connected socket and exchanges segments with the server, which must do the same now.
    ///
    /// `model` stands for the one that the server serves: same name, version and signature.
    pub fn connect(stream: UnixStream, model: Arc<Model>) -> io::Result<Self> {
        let (own, peer) = handshake::exchange(&stream)?;
        let channel = Arc::new(Channel::new(stream, Inbox::new(peer), Outbox::new(own)));
        let reader = Arc::new(Reader::new(Arc::clone(&channel)));
        Ok(Self { model, channel, reader, next_number: AtomicU64::new(0) })
    }

    /// Waits for the next batch; `None` when no other will come.
    pub fn next_batch(&self) -> io::Result<Option<Assignment>> {
        let Some(order) = self.reader.next_order()? else { return Ok(None) };
        let decoupled = self.model.spec().decoupled;
        let answers = Arc::new(Answers::new(&self.channel, order.id, order.requests.len(), decoupled));
        let jobs = order
            .requests
            .into_iter()
            .enumerate()
            .map(|(index, request)| {
                let reply = Answers::reply(&answers, index as u32, &request);
                (request, reply)
            })
            .collect();
        let batch = Batch::assemble(&self.model, jobs);
        Ok(Some(Assignment { batch, receipt: Receipt(answers) }))
    }

    /// Closes the channel from this end: the next batch is `None`, and the server learns that the worker is gone.
    pub fn hang_up(&self) -> io::Result<()> {
        self.channel.stream.shutdown(Shutdown::Both)
    }

    /// Takes note of what the server has said meanwhile, such as that requests were cancelled; does not block.
    pub fn poll_news(&self) -> io::Result<()> {
        self.reader.poll()
    }

    /// Sends a request to another model on its way.
    ///
    /// Gives the number by which it can be cancelled. The reply is answered in any case.
    pub fn call(&self, request: &Request, manner: Manner, reply: Box<dyn Reply>) -> u64 {
        self.listen();
        let call = self.reader.expect_reply(reply);
        if let Err(error) = self.channel.send_call(call, request, manner) {
            self.reader.fail_reply(call, &format!("the request cannot be handed to the server: {error}"));
        }
        call
    }

    /// Says that nobody waits for the answer to a request any more.
    pub fn cancel_call(&self, call: u64) {
        self.channel.send_cancel(call);
    }

    /// What the model that runs here is made from.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Has a thread of its own read from now on: whoever waits for a reply may be anywhere.
    fn listen(&self) {
        if self.reader.claim_for_thread() {
            let reader = Arc::clone(&self.reader);
            let started = thread::Builder::new().name("channel".into()).spawn(move || reader.read_for_all());
            if started.is_err() {
                // The instance's own thread goes on reading whenever it waits for a batch.
                self.reader.unclaim();
            }
        }
    }
}

impl Drop for WorkerPort {
    /// The server waits for the channel to end, which a thread that reads would keep open.
    fn drop(&mut self) {
        let _ = self.hang_up();
    }
}
