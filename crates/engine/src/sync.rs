//! What threads meet at. The hand-overs that are checked in every interleaving (crate `trilith-interleavings`) take it
//! from here, where they are built a second time with another module of this name.

pub(crate) use parking_lot::{Condvar, Mutex};
