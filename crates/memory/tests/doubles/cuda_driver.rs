//! A double of the CUDA driver's library: one GPU, whose memory lies in files.
//!
//! A handle names the file; addresses are numbers that nobody can follow, as those of a GPU are on the host. Clients can
//! have memory as well, which goes when they free it. Built by `tests/support/cuda.py` as `libcuda.so.1`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, OsStr};
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

const INVALID_VALUE: c_int = 1;
const INVALID_DEVICE: c_int = 101;
const INVALID_CONTEXT: c_int = 201;
const INVALID_HANDLE: c_int = 400;
const CONTEXT: usize = 0xc0de;
const FIRST: u64 = 0x7f00_0000_0000;
const DISTANCE: u64 = 1 << 32;

static MEMORIES: Mutex<BTreeMap<u64, File>> = Mutex::new(BTreeMap::new());
/// Where memory lies that was asked for here, by its address.
static OWN: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

thread_local! {
    static ENTERED: Cell<usize> = const { Cell::new(0) };
}

#[repr(C)]
pub struct Handle([u8; 64]);

/// Answers with a status; without a context nothing can be done.
fn within(action: impl FnOnce() -> Option<()>) -> c_int {
    if ENTERED.get() == 0 {
        return INVALID_CONTEXT;
    }
    action().map_or(INVALID_VALUE, |()| 0)
}

/// The file behind an address, and where in it that is.
fn with_memory(address: u64, action: impl FnOnce(&File, u64) -> std::io::Result<()>) -> Option<()> {
    let memories = MEMORIES.lock().unwrap();
    let (start, file) = memories.range(..=address).next_back()?;
    action(file, address - start).ok()
}

#[no_mangle]
pub extern "C" fn cuInit(_: c_uint) -> c_int {
    0
}

#[no_mangle]
pub unsafe extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> c_int {
    *device = ordinal;
    if ordinal == 0 {
        0
    } else {
        INVALID_DEVICE
    }
}

#[no_mangle]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut *mut c_void, _: c_int) -> c_int {
    *context = CONTEXT as *mut c_void;
    0
}

#[no_mangle]
pub extern "C" fn cuDevicePrimaryCtxRelease_v2(_: c_int) -> c_int {
    0
}

#[no_mangle]
pub extern "C" fn cuCtxPushCurrent_v2(context: *mut c_void) -> c_int {
    ENTERED.set(ENTERED.get() + 1);
    if context as usize == CONTEXT {
        0
    } else {
        INVALID_CONTEXT
    }
}

#[no_mangle]
pub extern "C" fn cuCtxPopCurrent_v2(_: *mut *mut c_void) -> c_int {
    within(|| {
        ENTERED.set(ENTERED.get() - 1);
        Some(())
    })
}

#[no_mangle]
pub extern "C" fn cuCtxSynchronize() -> c_int {
    within(|| Some(()))
}

#[no_mangle]
pub unsafe extern "C" fn cuIpcOpenMemHandle_v2(address: *mut u64, handle: Handle, flags: c_uint) -> c_int {
    if ENTERED.get() == 0 {
        return INVALID_CONTEXT;
    }
    let length = handle.0.iter().position(|byte| *byte == 0).unwrap_or(64);
    let path = OsStr::from_bytes(&handle.0[..length]);
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return INVALID_HANDLE };
    if flags != 1 {
        return INVALID_VALUE;
    }
    *address = add_memory(file);
    0
}

fn add_memory(file: File) -> u64 {
    let mut memories = MEMORIES.lock().unwrap();
    let free = memories.keys().next_back().map_or(FIRST, |last| last + DISTANCE);
    memories.insert(free, file);
    free
}

#[no_mangle]
pub unsafe extern "C" fn cuMemAlloc_v2(address: *mut u64, length: usize) -> c_int {
    within(|| {
        let path = format!("/dev/shm/gpu-{}-{}", std::process::id(), OWN.lock().unwrap().len());
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).ok()?;
        file.set_len(length as u64).ok()?;
        *address = add_memory(file);
        OWN.lock().unwrap().insert(*address, path);
        Some(())
    })
}

#[no_mangle]
pub extern "C" fn cuMemFree_v2(address: u64) -> c_int {
    within(|| {
        MEMORIES.lock().unwrap().remove(&address)?;
        std::fs::remove_file(OWN.lock().unwrap().remove(&address)?).ok()
    })
}

#[no_mangle]
pub unsafe extern "C" fn cuIpcGetMemHandle(handle: *mut Handle, address: u64) -> c_int {
    within(|| {
        let own = OWN.lock().unwrap();
        let path = own.get(&address)?.as_bytes();
        let mut bytes = [0; 64];
        bytes[..path.len()].copy_from_slice(path);
        handle.write(Handle(bytes));
        Some(())
    })
}

#[no_mangle]
pub extern "C" fn cuIpcCloseMemHandle(address: u64) -> c_int {
    within(|| MEMORIES.lock().unwrap().remove(&address).map(drop))
}

#[no_mangle]
pub unsafe extern "C" fn cuMemGetAddressRange_v2(start: *mut u64, size: *mut usize, address: u64) -> c_int {
    within(|| {
        with_memory(address, |file, offset| {
            *start = address - offset;
            *size = file.metadata()?.len() as usize;
            Ok(())
        })
    })
}

#[no_mangle]
pub unsafe extern "C" fn cuMemcpyDtoH_v2(target: *mut c_void, address: u64, length: usize) -> c_int {
    let target = std::slice::from_raw_parts_mut(target.cast::<u8>(), length);
    within(|| with_memory(address, |file, offset| file.read_exact_at(target, offset)))
}

#[no_mangle]
pub unsafe extern "C" fn cuMemcpyHtoD_v2(address: u64, source: *const c_void, length: usize) -> c_int {
    let source = std::slice::from_raw_parts(source.cast::<u8>(), length);
    within(|| with_memory(address, |file, offset| file.write_all_at(source, offset)))
}

#[no_mangle]
pub unsafe extern "C" fn cuGetErrorString(status: c_int, text: *mut *const c_char) -> c_int {
    let known: &CStr = match status {
        INVALID_VALUE => c"invalid argument",
        INVALID_DEVICE => c"invalid device ordinal",
        INVALID_CONTEXT => c"invalid device context",
        INVALID_HANDLE => c"invalid resource handle",
        _ => return INVALID_VALUE,
    };
    *text = known.as_ptr();
    0
}
