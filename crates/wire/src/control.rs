//! The slow road: commands that change which models are served, on their way to the one thread that carries them out.
//!
//! Endpoints [`ask`](Control::ask) and wait without holding a thread; that thread takes commands with
//! [`next`](Control::next) and answers each. A command that is dropped unanswered answers itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use trilith_core::{Error, Result};

/// Commands that may wait or be carried out at once. Room for rolling out a whole repository model by model; each one
/// may hold the files of a model in memory, so that more of them would only be memory that waits.
pub const MAX_UNANSWERED: usize = 256;

/// What a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Load a model, or load it again.
    Load,
    /// Unload a model.
    Unload,
    /// Look into the repositories, before the index is told.
    Refresh,
}

impl Kind {
    /// Its name, for who carries it out.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Unload => "unload",
            Self::Refresh => "refresh",
        }
    }
}

/// A value that comes with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// true or false
    Bool(bool),
    /// a text
    Text(String),
    /// the content of a file
    Bytes(Bytes),
}

/// A model that wants something done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Its name.
    pub model: String,
    /// Whether it is being loaded itself, and waits with that.
    pub is_loading: bool,
}

/// Something to be done, and whoever waits for it.
#[derive(Debug)]
pub struct Command {
    /// What it is about.
    pub kind: Kind,
    /// The model; empty where it is about none.
    pub model: String,
    /// What else was said, checked for its form.
    pub parameters: Vec<(String, Value)>,
    /// The model that wants it; `None` for a client.
    pub asker: Option<Asker>,
    answer: Option<oneshot::Sender<Result<()>>>,
    _place: Place,
}

impl Command {
    /// Tells whoever waits how it ended. Only the first answer counts.
    pub fn answer(&mut self, result: Result<()>) {
        if let Some(answer) = self.answer.take() {
            // Nobody may wait any more: the command was carried out all the same.
            let _ = answer.send(result);
        }
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        let kind = self.kind.name();
        self.answer(Err(Error::internal(format!("the {kind} of model '{}' was dropped", self.model))));
    }
}

/// One of the places for commands that are not answered yet.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let free = |count: usize| (count < MAX_UNANSWERED).then_some(count + 1);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nobody takes commands yet.
    #[default]
    Starting,
    Open,
    Closed,
}

#[derive(Debug, Default)]
struct Waiting {
    stage: Stage,
    commands: VecDeque<Command>,
}

/// Where endpoints leave commands.
#[derive(Debug, Default)]
pub struct Control {
    waiting: Mutex<Waiting>,
    news: Condvar,
    unanswered: Arc<AtomicUsize>,
}

impl Control {
    /// Nobody takes commands yet; they are refused until the first [`Control::next`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Has something done, and waits until it is. What is refused is refused at once; a caller that stops waiting
    /// does not stop the command.
    pub async fn ask(&self, kind: Kind, model: &str, parameters: Vec<(String, Value)>) -> Result<()> {
        let receiver = self.leave(kind, model, parameters, None)?;
        receiver.await.unwrap_or_else(|_| Err(Error::internal("the command was lost")))
    }

    /// Has the repositories looked into, where somebody does; the index is told either way.
    pub async fn refresh(&self) {
        let _ = self.ask(Kind::Refresh, "", Vec::new()).await;
    }

    /// Leaves a command; what is received is how it ended.
    pub fn leave(
        &self,
        kind: Kind,
        model: &str,
        parameters: Vec<(String, Value)>,
        asker: Option<Asker>,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        match waiting.stage {
            Stage::Starting => {
                return Err(
                    Error::unavailable("the server is starting").with_hint("try again when it is ready")
                );
            }
            Stage::Closed => return Err(Error::unavailable("the server is shutting down")),
            Stage::Open => {}
        }
        let place = Place::take(&self.unanswered).ok_or_else(|| {
            let message = format!("{MAX_UNANSWERED} commands are waiting already, as many as may");
            Error::unavailable(message).with_hint("send it again later")
        })?;
        let model = model.to_owned();
        let answer = Some(sender);
        waiting.commands.push_back(Command { kind, model, parameters, asker, answer, _place: place });
        self.news.notify_one();
        Ok(receiver)
    }

    /// Waits for the next command; `None` once closed. Commands are accepted from the first call on.
    pub fn next(&self) -> Option<Command> {
        let mut waiting = self.waiting.lock();
        if waiting.stage == Stage::Starting {
            waiting.stage = Stage::Open;
        }
        loop {
            if let Some(command) = waiting.commands.pop_front() {
                return Some(command);
            }
            if waiting.stage == Stage::Closed {
                return None;
            }
            self.news.wait(&mut waiting);
        }
    }

    /// Takes no more commands and refuses those that wait.
    pub fn close(&self) {
        let left = {
            let mut waiting = self.waiting.lock();
            waiting.stage = Stage::Closed;
            std::mem::take(&mut waiting.commands)
        };
        self.news.notify_all();
        for mut command in left {
            command.answer(Err(Error::unavailable("the server is shutting down")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use trilith_core::Code;

    use super::*;

    fn code(result: Result<oneshot::Receiver<Result<()>>>) -> Code {
        result.unwrap_err().code
    }

    #[test]
    fn commands_come_in_the_order_in_which_they_were_left() {
        let control = Control::new();
        assert_eq!(code(control.leave(Kind::Load, "early", Vec::new(), None)), Code::Unavailable);
        thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut names = Vec::new();
                while let Some(mut command) = control.next() {
                    command.answer(Ok(()));
                    names.push(command.model.clone());
                }
                names
            });
            while control.waiting.lock().stage == Stage::Starting {
                thread::yield_now();
            }
            let mut receivers: Vec<_> = ["a", "b", "c"]
                .iter()
                .map(|name| control.leave(Kind::Load, name, Vec::new(), None).unwrap())
                .collect();
            for receiver in &mut receivers {
                while receiver.is_empty() {
                    thread::yield_now();
                }
                assert_eq!(receiver.try_recv().unwrap(), Ok(()));
            }
            control.close();
            assert_eq!(taker.join().unwrap(), ["a", "b", "c"]);
        });
        assert_eq!(code(control.leave(Kind::Load, "late", Vec::new(), None)), Code::Unavailable);
    }

    #[test]
    fn a_command_that_is_dropped_answers_itself_and_frees_its_place() {
        let control = Control::new();
        control.waiting.lock().stage = Stage::Open;
        let mut receivers: Vec<_> = (0..MAX_UNANSWERED)
            .map(|_| control.leave(Kind::Unload, "m", Vec::new(), None).unwrap())
            .collect();
        assert_eq!(code(control.leave(Kind::Unload, "m", Vec::new(), None)), Code::Unavailable);
        drop(control.next().unwrap());
        assert_eq!(receivers[0].try_recv().unwrap().unwrap_err().code, Code::Internal);
        assert!(control.leave(Kind::Unload, "m", Vec::new(), None).is_ok());
    }

    #[test]
    fn closing_refuses_what_waits() {
        let control = Control::new();
        control.waiting.lock().stage = Stage::Open;
        let mut receiver = control.leave(Kind::Load, "m", Vec::new(), None).unwrap();
        control.close();
        assert_eq!(receiver.try_recv().unwrap().unwrap_err().code, Code::Unavailable);
        assert!(control.next().is_none());
    }
}
