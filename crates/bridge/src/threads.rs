//! The threads that own sockets.
//!
//! One for every two cores, because the other half executes models; where connections are many, the rest helps with them.
//!
//! Each has an event loop of its own, and what begins on one stays there: a connection, the channel to a worker
//! process. Nothing is handed from loop to loop, so that no loop has to wake another for a request; measured with one
//! client, loops that steal work from each other take twice as many context switches for each request.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use trilith_engine::{Attendance, round};
use trilith_wire::Duty;

/// The threads that own sockets.
pub(crate) struct Threads {
    /// The regular ones first.
    loops: Vec<Loop>,
    regular: usize,
    next: AtomicUsize,
    stop: watch::Sender<bool>,
}

struct Loop {
    handle: Handle,
    duty: Duty,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Threads {
    /// Starts `count` of them; 0 for one for every two cores, and one in reserve for each of the others.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (regular, all) = if count == 0 { (cores.div_ceil(2), cores) } else { (count, count) };
        let stop = watch::Sender::new(false);
        let duty = |index| if index < regular { Duty::Regular } else { Duty::Reserve };
        let loops =
            (0..all).map(|index| Loop::start(duty(index), stop.subscribe())).collect::<io::Result<_>>()?;
        Ok(Self { loops, regular, next: AtomicUsize::new(0), stop })
    }

    /// Every event loop, and when it takes connections.
    pub(crate) fn handles(&self) -> impl Iterator<Item = (&Handle, Duty)> {
        self.loops.iter().map(|one| (&one.handle, one.duty))
    }

    /// The regular event loop whose turn it is.
    pub(crate) fn next(&self) -> Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.regular;
        self.loops[turn].handle.clone()
    }

    /// Ends all threads and what still runs on them.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        for thread in self.loops.iter().filter_map(|one| one.thread.lock().take()) {
            // A thread ends without a value; it cannot have panicked, since tasks catch what panics in them.
            let _ = thread.join();
        }
    }
}

impl Loop {
    fn start(duty: Duty, mut stopped: watch::Receiver<bool>) -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().on_thread_park(Attendance::note_pause).build()?;
        let handle = runtime.handle().clone();
        handle.spawn(round::keep());
        let thread = thread::Builder::new().name("trilith-wire".to_owned()).spawn(move || {
            // The sender lives as long as the threads do, so the wait can only end by the value.
            let _ = runtime.block_on(stopped.wait_for(|stopped| *stopped));
            runtime.shutdown_timeout(Duration::ZERO);
        })?;
        Ok(Self { handle, duty, thread: Mutex::new(Some(thread)) })
    }
}
