//! The channel between the server and one worker process.
//!
//! ```text
//!  server                                               worker process
//!  Port::next -> Link::serve --- socket: messages ---> WorkerPort::next_batch -> Python
//!  Job::finish <------------- --- socket: messages --- the jobs' replies
//!        own segment (inputs)  --- shared memory --->   views
//!        views                 <--- shared memory ---   own segment (outputs)
//! ```
//!
//! - [`arena`]: which parts of a segment are in use; the peer says when it has let go
//! - [`message`]: what travels over the socket
//! - [`transcode`]: requests and responses to and from messages
//! - [`frame`]: where a message begins and ends
//! - [`handshake`]: each side gives the other its segment
//! - [`link`]: the server's end
//! - [`port`]: the worker's end
//!
//! Small tensors travel inside the message; large ones are written to shared memory once and read in place.
//! Segments have no name in the file system, are not bounded by the size of `/dev/shm`, and go with their
//! processes, so that a crash leaves nothing behind.

pub mod arena;
pub mod frame;
pub mod handshake;
pub mod link;
pub mod message;
pub mod port;
pub mod transcode;

pub use link::{Ended, Link, Stop};
pub use port::WorkerPort;
