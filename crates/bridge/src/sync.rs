//! What threads meet at. [`parker`](crate::parker), which is checked in every interleaving (crate
//! `trilith-interleavings`), takes it from here; there it is built a second time with another module of this name.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8};
pub(crate) use std::thread::{self, Thread};

pub(crate) use trilith_engine::{Attendance, Vigil};
