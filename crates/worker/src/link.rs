//! The server's end: takes batches from a model, has the worker run them, answers their requests.

use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, timeout};
use trilith_core::Error;
use trilith_engine::{Batch, Clock, Job, Port, Turn};

use crate::arena::{Inbox, Outbox};
use crate::message::{ToServer, ToWorker};
use crate::transcode::{Joined, decode_answer, encode_request, join};
use crate::{frame, handshake};

/// How often a batch that takes long is looked at for requests that nobody waits for any more.
const CANCELLATION_INTERVAL: Duration = Duration::from_millis(20);

/// How a link came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped, or the model has ended.
    Stopped,
    /// The worker went away or broke the protocol; this says how.
    Lost(String),
}

/// Stops a link after the batch that it is running.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Stops the link; may be called at any time and more than once.
    pub fn stop(&self) {
        self.0.notify_one();
    }
}

/// The server's end of the channel to one worker.
#[derive(Debug)]
pub struct Link {
    stream: BlockingStream,
    outbox: Outbox,
    inbox: Inbox,
}

impl Link {
    /// Takes over a connected socket and exchanges segments with the worker, which must do the same now.
    pub fn connect(stream: BlockingStream) -> io::Result<Self> {
        let (own, peer) = handshake::exchange(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, outbox: Outbox::new(own), inbox: Inbox::new(peer) })
    }

    /// Serves batches until the worker goes away, the model ends or `stop` is called. Whatever the end, no request
    /// is left unanswered.
    pub async fn serve(self, port: Port, clock: Arc<dyn Clock>, stop: Stop) -> Ended {
        match UnixStream::from_std(self.stream) {
            Err(error) => Ended::Lost(format!("its socket cannot be used: {error}")),
            Ok(stream) => {
                let mut session = Session {
                    stream,
                    outbox: self.outbox,
                    inbox: self.inbox,
                    feed: Feed { port, clock, sleep: None },
                    received: BytesMut::new(),
                    message: Vec::new(),
                    batch_id: 0,
                };
                session.run(&stop).await
            }
        }
    }
}

/// Where batches come from.
struct Feed {
    port: Port,
    clock: Arc<dyn Clock>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Feed {
    /// The next batch; `None` when the model has ended.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Box<Batch>>> {
        loop {
            let until = match self.port.next(context.waker()) {
                Turn::Batch(batch) => return Poll::Ready(Some(batch)),
                Turn::Closed => return Poll::Ready(None),
                Turn::Wait { until: None } => return Poll::Pending,
                Turn::Wait { until: Some(until) } => until,
            };
            let deadline = Instant::now() + Duration::from_nanos(until.saturating_sub(self.clock.now()));
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            sleep.as_mut().reset(deadline);
            std::task::ready!(sleep.as_mut().poll(context));
        }
    }
}

struct Session {
    stream: UnixStream,
    outbox: Outbox,
    inbox: Inbox,
    feed: Feed,
    received: BytesMut,
    message: Vec<u8>,
    batch_id: u64,
}

impl Session {
    async fn run(&mut self, stop: &Stop) -> Ended {
        loop {
            let batch = tokio::select! {
                biased;
                batch = poll_fn(|context| self.feed.poll_next(context)) => batch,
                () = stop.0.notified() => None,
                idle = self.stream.readable() => {
                    if let Err(error) = idle.and_then(|()| refuse_data(&self.stream)) {
                        return Ended::Lost(error.to_string());
                    }
                    continue;
                }
            };
            let Some(batch) = batch else {
                return Ended::Stopped;
            };
            if let Err(error) = self.execute(*batch).await {
                return Ended::Lost(error.to_string());
            }
        }
    }

    /// Has the worker run a batch; every request is answered, also where this fails.
    async fn execute(&mut self, mut batch: Batch) -> io::Result<()> {
        match self.converse(&mut batch).await {
            Ok(frame) => {
                batch.mark_executed();
                self.answer(batch, &frame)
            }
            Err(error) => {
                let lost = lost(&batch, &error);
                batch.fail(&lost);
                Err(error)
            }
        }
    }

    /// Sends the batch and waits for the worker's message.
    async fn converse(&mut self, batch: &mut Batch) -> io::Result<Bytes> {
        self.encode(batch)?;
        self.stream.write_all(&self.message).await?;
        batch.mark_inputs_ready();
        let mut told = vec![false; batch.jobs().len()];
        loop {
            if let Some(frame) = frame::take(&mut self.received)? {
                return Ok(frame);
            }
            match timeout(CANCELLATION_INTERVAL, self.stream.read_buf(&mut self.received)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    let cancelled = newly_cancelled(batch, &mut told);
                    self.tell_cancelled(cancelled).await?;
                }
            }
        }
    }

    fn encode(&mut self, batch: &Batch) -> io::Result<()> {
        self.batch_id += 1;
        let inputs = batch.jobs().iter().flat_map(|job| job.request().inputs.iter());
        let joined: Joined = join(inputs);
        let mut pieces = joined.iter();
        let requests = batch
            .jobs()
            .iter()
            .map(|job| encode_request(job.request(), &mut pieces, &mut self.outbox))
            .collect::<io::Result<_>>()?;
        let message = ToWorker::Batch { id: self.batch_id, freed: self.inbox.freed(), requests };
        frame::encode(&message, &mut self.message)
    }

    async fn tell_cancelled(&mut self, indexes: Vec<u32>) -> io::Result<()> {
        for index in indexes {
            frame::encode(&ToWorker::Cancel { batch: self.batch_id, index }, &mut self.message)?;
            self.stream.write_all(&self.message).await?;
        }
        Ok(())
    }

    /// Hands the worker's answers to the requests. One that the worker left out is answered by its being dropped.
    fn answer(&mut self, batch: Batch, frame: &Bytes) -> io::Result<()> {
        let message: ToServer<'_> = postcard::from_bytes(frame).map_err(io::Error::other)?;
        if message.batch != self.batch_id {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it answered a batch that is not running",
            ));
        }
        self.outbox.take_back(&message.freed);
        let mut jobs: Vec<Option<Job>> = batch.into_jobs().into_iter().map(Some).collect();
        for (index, answer) in message.answers {
            if let Some(job) = jobs.get_mut(index as usize).and_then(Option::take) {
                job.settle(decode_answer(answer, frame, &self.inbox)?);
            }
        }
        Ok(())
    }
}

/// Positions of requests that were cancelled since the last look; `told` remembers them.
fn newly_cancelled(batch: &Batch, told: &mut [bool]) -> Vec<u32> {
    let jobs = batch.jobs().iter().zip(told).enumerate();
    jobs.filter(|(_, (job, told))| !**told && job.is_cancelled())
        .map(|(index, (_, told))| {
            *told = true;
            index as u32
        })
        .collect()
}

/// While nothing runs, the worker has nothing to say: the socket can only become readable by its end.
fn refuse_data(stream: &UnixStream) -> io::Result<()> {
    match stream.try_read(&mut [0]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it sent a message that nobody asked for")),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

fn lost(batch: &Batch, error: &io::Error) -> Error {
    let signature = &batch.model().spec().signature;
    let how = match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "ended while it ran this request".to_owned()
        }
        _ => format!("could not be spoken to: {error}"),
    };
    Error::model(format!(
        "the worker process of model '{}' version {} {how}",
        signature.model, signature.version
    ))
    .with_hint("it is being started again; the server's log says how it ended")
}
