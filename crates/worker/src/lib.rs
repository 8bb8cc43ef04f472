//! The channel between the server and one worker process.
//!
//! ```text
//!  server                                               worker process
//!  Port::next -> Link::serve --- socket: messages ---> WorkerPort::next_batch -> Python
//!  Job::finish <------------- --- socket: messages --- the jobs' replies
//!  Engine::infer <----------- --- socket: messages --- WorkerPort::call
//!        own segment (inputs)  --- shared memory --->   views
//!        views                 <--- shared memory ---   own segment (outputs)
//! ```
//!
//! - [`arena`]: which parts of a segment are in use; the peer says when it has let go
//! - [`message`]: what travels over the socket
//! - [`transcode`]: requests and responses to and from messages
//! - [`frame`]: where a message begins and ends
//! - [`handshake`]: each side gives the other its segment
//! - [`link`]: the server's end, with `session` (the conversation), `feed` (where batches come from), `socket` and `opened`
//!   (what the worker has to answer)
//! - [`desk`]: what a worker's model asks of the server beside requests: metrics, models to load
//! - [`port`]: the worker's end, with `reader` (what the server says), `watched` (what it says of requests) and
//!   `answers` (what it is told) and `asking` (questions that wait for their answer)
//!
//! Small tensors travel inside the message; large ones are written to shared memory once and read in place.
//! Segments have no name in the file system, are not bounded by the size of `/dev/shm`, and go with their
//! processes, so that a crash leaves nothing behind.

mod answers;
pub mod arena;
mod asking;
pub mod desk;
mod feed;
pub mod frame;
pub mod handshake;
pub mod link;
pub mod message;
mod opened;
pub mod port;
mod reader;
mod session;
mod socket;
pub mod transcode;
mod watched;

pub use desk::{Change, Given, Keepsakes, ModelControl};
pub use link::{Beginning, Ended, Link, Service, Stop};
pub use port::{Assignment, Manner, Receipt, WorkerPort};
