//! The server's end: takes batches from a model, has the worker run them, answers their requests.

use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use trilith_engine::{Clock, Engine, Model, Reservation};

use crate::arena::{Inbox, Outbox};
use crate::desk::{Keepsakes, ModelControl};
use crate::handshake;
use crate::session::Session;
use crate::socket::Socket;

/// How a link came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped, or the model has ended.
    Stopped,
    /// The worker went away or broke the protocol; this says how.
    Lost(String),
}

/// Stops a link after the requests that its worker has.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Notify>);

impl Stop {
    /// Stops the link; may be called at any time and more than once.
    pub fn stop(&self) {
        self.0.notify_one();
    }

    /// Waits until it is called.
    pub(crate) async fn wait(self) {
        self.0.notified().await;
    }
}

/// What a link serves its worker with.
pub struct Service {
    /// Whose batches the worker runs.
    pub model: Arc<Model>,
    /// What the instance asks for while it runs, where the engine limits its instances.
    pub reservation: Reservation,
    /// Where requests go that the worker's model makes of others.
    pub engine: Arc<Engine>,
    /// The time of both.
    pub clock: Arc<dyn Clock>,
    /// Who loads and unloads models when the worker's model wants it; nobody in a server without control.
    pub control: Option<Arc<dyn ModelControl>>,
    /// What workers that died have counted.
    pub keepsakes: Arc<Keepsakes>,
    /// How the worker begins.
    pub beginning: Beginning,
}

/// A worker loads its model first, and may speak meanwhile; then it takes batches.
pub struct Beginning {
    /// Told what the worker says of its loading, once; dropped where it says nothing.
    pub said: oneshot::Sender<String>,
    /// Tells that it may take batches.
    pub begin: oneshot::Receiver<()>,
}

/// The server's end of the channel to one worker.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    outbox: Outbox,
    inbox: Inbox,
}

impl Link {
    /// Takes over a connected socket and exchanges segments with the worker, which must do the same now.
    pub fn connect(stream: UnixStream) -> io::Result<Self> {
        let (own, peer) = handshake::exchange(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, outbox: Outbox::new(own), inbox: Inbox::new(peer) })
    }

    /// Serves batches until the worker goes away, the model ends or `stop` is called. Whatever the end, no request
    /// is left unanswered.
    pub async fn serve(self, service: Service, stop: Stop) -> Ended {
        match Socket::new(self.stream) {
            Err(error) => Ended::Lost(format!("its socket cannot be used: {error}")),
            Ok(socket) => {
                let mut session = Session::new(socket, (self.outbox, self.inbox), service, stop);
                let ended = poll_fn(|context| session.poll(context)).await;
                session.give_up(&ended);
                ended
            }
        }
    }
}
