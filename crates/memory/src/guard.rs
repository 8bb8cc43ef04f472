//! Makes memory that somebody else may take away safe to touch.
//!
//! Touching a mapping past the end of its file raises SIGBUS, which ends the process. A client may cut its object
//! short at any time, also while a model reads from it, and no check beforehand can rule that out. So a handler puts
//! zeros in place of a guarded mapping that was lost and notes the loss; the thread goes on, and whoever used the
//! memory looks at the note before anybody is told a result. Wayland compositors treat their clients' memory so.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::{transmute, zeroed};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Mappings guarded at once. It bounds what clients can make this process map, and what the handler looks through;
/// a client that places its tensors takes one or two for each of its connections.
const SLOTS: usize = 4096;

static TABLE: [Slot; SLOTS] = [const { Slot::free() }; SLOTS];

/// Held while a slot is taken, so that no two guards take the same one. The handler takes no lock.
static TAKING: Mutex<()> = Mutex::new(());

/// What handled SIGBUS before; it gets what is not about guarded memory.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// One guarded mapping; free while `start` is 0.
struct Slot {
    start: AtomicUsize,
    length: AtomicUsize,
    is_lost: AtomicBool,
}

impl Slot {
    const fn free() -> Self {
        Self { start: AtomicUsize::new(0), length: AtomicUsize::new(0), is_lost: AtomicBool::new(false) }
    }

    /// Start and length, if `address` lies within.
    ///
    /// A thread that faults holds the mapping it faulted in, so the slot of that mapping stands still. Others may
    /// change meanwhile: the second look at `start` discards what was read across a change.
    fn range_around(&self, address: usize) -> Option<(usize, usize)> {
        let start = self.start.load(Ordering::Acquire);
        let length = self.length.load(Ordering::Acquire);
        let is_settled = start != 0 && self.start.load(Ordering::Acquire) == start;
        (is_settled && address.checked_sub(start)? < length).then_some((start, length))
    }
}

/// Keeps a mapping guarded until dropped.
#[derive(Debug)]
pub struct Guard(usize);

impl Guard {
    /// Guards `length` bytes from `start` on.
    ///
    /// Fails if as many mappings are guarded as there may be.
    ///
    /// # Safety
    /// They are whole pages of a mapping that belongs to the caller, who keeps it until the guard is gone and can do
    /// with zeros in its place.
    pub unsafe fn over(start: usize, length: usize) -> io::Result<Self> {
        install()?;
        let _taking = TAKING.lock();
        let free = TABLE.iter().position(|slot| slot.start.load(Ordering::Acquire) == 0);
        let index = free.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!("{SLOTS} regions are mapped, which is the most"),
            )
        })?;
        let slot = &TABLE[index];
        slot.is_lost.store(false, Ordering::Release);
        slot.length.store(length, Ordering::Release);
        slot.start.store(start, Ordering::Release);
        Ok(Self(index))
    }

    /// Whether memory was lost, so that what was read may be zeros and what was written may be gone.
    pub fn is_lost(&self) -> bool {
        TABLE[self.0].is_lost.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        TABLE[self.0].start.store(0, Ordering::Release);
    }
}

/// Puts the handler in place, once.
fn install() -> io::Result<()> {
    let _taking = TAKING.lock();
    if PREVIOUS.get().is_some() {
        return Ok(());
    }
    // SAFETY: both structures are plain data, valid when zero; the handler keeps to what a handler may do.
    unsafe {
        let mut previous: libc::sigaction = zeroed();
        if libc::sigaction(libc::SIGBUS, null_mut(), &raw mut previous) != 0 {
            return Err(io::Error::last_os_error());
        }
        // Before the handler can run, so that it finds whom to pass on to.
        let _ = PREVIOUS.set(previous);
        let mut action: libc::sigaction = zeroed();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        if libc::sigaction(libc::SIGBUS, &raw const action, null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system calls a handler with SA_SIGINFO with a valid structure.
    let (address, is_fault) = unsafe { ((*info).si_addr() as usize, (*info).si_code > 0) };
    if is_fault {
        for slot in &TABLE {
            if let Some((start, length)) = slot.range_around(address) {
                slot.is_lost.store(true, Ordering::Release);
                if put_zeros(start, length) {
                    return;
                }
            }
        }
    }
    pass_on(signal, info, context);
}

/// Maps zeros over a guarded mapping; several threads may do so at once.
fn put_zeros(start: usize, length: usize) -> bool {
    // SAFETY: the range is a mapping that its owner gave up to this by the contract of `Guard::over`, and it stays
    // mapped, since the thread that faulted in it holds it. `mmap` is a bare system call.
    let mapped = unsafe {
        libc::mmap(
            start as *mut c_void,
            length,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    mapped != libc::MAP_FAILED
}

/// Lets whoever handled the signal before handle it; by default it ends the process.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.get().map_or((libc::SIG_DFL, 0), |action| (action.sa_sigaction, action.sa_flags));
    // SAFETY: what is neither of the two constants is a function that was put there with this very signature.
    unsafe {
        match previous {
            (libc::SIG_DFL | libc::SIG_IGN, _) => {
                libc::signal(signal, libc::SIG_DFL);
                // Delivered when this handler returns.
                libc::raise(signal);
            }
            (handler, flags) if flags & libc::SA_SIGINFO != 0 => {
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = transmute(handler);
                handler(signal, info, context);
            }
            (handler, _) => {
                let handler: extern "C" fn(c_int) = transmute(handler);
                handler(signal);
            }
        }
    }
}
