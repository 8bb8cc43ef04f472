//! Where finished traces go.

use trilith_core::Result;
use trilith_core::trace::Parent;

use crate::identity::Identity;
use crate::recording::Finished;
use crate::values::Values;

/// Tells people what went wrong while traces were written: one line.
pub type Notice = Box<dyn Fn(String) + Send + Sync>;

/// Takes finished traces; never blocks who brings them.
pub trait Output: Send + Sync {
    /// Whether the headers of a request make it part of a trace already, and who it is then.
    fn identify(&self, parent: Parent<'_>) -> (bool, Identity);

    /// Whether tensors can be written.
    fn takes_tensors(&self) -> bool;

    /// Takes a trace.
    fn take(&self, trace: Finished);

    /// Takes note that no trace follows under a setting: it is exhausted.
    fn exhaust(&self, setting: u64);

    /// Takes note that a setting holds no more, and all its traces have ended.
    fn retire(&self, setting: u64, values: &Values);

    /// Fails where traces cannot be written, and says why.
    fn check(&self) -> Result<()>;

    /// Writes what is left and takes no more; says what was lost, if anything.
    fn close(&self) -> Option<String>;
}

/// Takes nothing: for a server to which nobody said where its traces go.
pub struct NoOutput;

impl Output for NoOutput {
    fn identify(&self, _: Parent<'_>) -> (bool, Identity) {
        (false, Identity::default())
    }

    fn takes_tensors(&self) -> bool {
        false
    }

    fn take(&self, _: Finished) {}

    fn exhaust(&self, _: u64) {}

    fn retire(&self, _: u64, _: &Values) {}

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn close(&self) -> Option<String> {
        None
    }
}
