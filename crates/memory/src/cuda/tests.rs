//! The driver's double: one device with memory that only the driver's functions reach.

use std::cell::Cell;

use parking_lot::{Mutex, MutexGuard};

use super::*;

/// Where the memory of the double lies: an address that nobody can follow.
const START: Address = 0x7f00_0000_0000;
/// Where in that memory a handle points to.
const INNER: Address = 8;
const SIZE: usize = 64;
const CONTEXT: usize = 0xc0de;
const NO_DEVICE: c_int = 100;
const INVALID_DEVICE: c_int = 101;
const INVALID_CONTEXT: c_int = 201;
const INVALID_HANDLE: c_int = 400;

struct Device {
    memory: [u8; SIZE],
    retained: usize,
    open: usize,
    waited: usize,
    /// What the named function answers in place of what it should.
    failing: Option<(&'static str, c_int)>,
}

const FRESH: Device = Device { memory: [0; SIZE], retained: 0, open: 0, waited: 0, failing: None };

static DEVICE: Mutex<Device> = Mutex::new(FRESH);
/// One test at a time has the device.
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    static ENTERED: Cell<usize> = const { Cell::new(0) };
}

/// Does what a function of the driver does, unless that is to fail or asks for a context and there is none.
fn run(function: &'static str, needs_context: bool, action: impl FnOnce(&mut Device) -> c_int) -> c_int {
    let mut device = DEVICE.lock();
    match device.failing {
        Some((name, status)) if name == function => status,
        _ if needs_context && ENTERED.get() == 0 => INVALID_CONTEXT,
        _ => action(&mut device),
    }
}

extern "C" fn init(flags: c_uint) -> c_int {
    run("cuInit", false, |_| c_int::from(flags != 0))
}

extern "C" fn device_get(device: *mut c_int, ordinal: c_int) -> c_int {
    run("cuDeviceGet", false, |_| {
        // SAFETY: as the driver, the double trusts its caller.
        unsafe { *device = 7 };
        if ordinal == 0 { 0 } else { INVALID_DEVICE }
    })
}

extern "C" fn context_retain(context: *mut *mut c_void, device: c_int) -> c_int {
    run("cuDevicePrimaryCtxRetain", false, |double| {
        double.retained += 1;
        // SAFETY: as above.
        unsafe { *context = CONTEXT as *mut c_void };
        if device == 7 { 0 } else { INVALID_DEVICE }
    })
}

extern "C" fn context_release(_: c_int) -> c_int {
    run("cuDevicePrimaryCtxRelease", false, |double| {
        double.retained -= 1;
        0
    })
}

extern "C" fn context_push(context: *mut c_void) -> c_int {
    run("cuCtxPushCurrent", false, |_| {
        ENTERED.set(ENTERED.get() + 1);
        if context as usize == CONTEXT { 0 } else { INVALID_CONTEXT }
    })
}

extern "C" fn context_pop(_: *mut *mut c_void) -> c_int {
    run("cuCtxPopCurrent", true, |_| {
        ENTERED.set(ENTERED.get() - 1);
        0
    })
}

extern "C" fn context_wait() -> c_int {
    run("cuCtxSynchronize", true, |double| {
        double.waited += 1;
        0
    })
}

extern "C" fn ipc_open(address: *mut Address, handle: Handle, flags: c_uint) -> c_int {
    run("cuIpcOpenMemHandle", true, |double| {
        if handle.0 != [42; 64] || flags != 1 {
            return INVALID_HANDLE;
        }
        double.open += 1;
        // SAFETY: as above.
        unsafe { *address = START + INNER };
        0
    })
}

extern "C" fn ipc_close(address: Address) -> c_int {
    run("cuIpcCloseMemHandle", true, |double| {
        double.open -= 1;
        c_int::from(address != START + INNER)
    })
}

extern "C" fn range_of(start: *mut Address, size: *mut usize, address: Address) -> c_int {
    run("cuMemGetAddressRange", true, |_| {
        // SAFETY: as above.
        unsafe {
            *start = START;
            *size = SIZE;
        }
        c_int::from(address != START + INNER)
    })
}

extern "C" fn copy_to_host(target: *mut c_void, address: Address, length: usize) -> c_int {
    run("cuMemcpyDtoH", true, |double| {
        let source = &double.memory[(address - START) as usize..][..length];
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(source.as_ptr(), target.cast(), length) };
        0
    })
}

extern "C" fn copy_to_device(address: Address, source: *const c_void, length: usize) -> c_int {
    run("cuMemcpyHtoD", true, |double| {
        let target = &mut double.memory[(address - START) as usize..][..length];
        // SAFETY: as above.
        unsafe { std::ptr::copy_nonoverlapping(source.cast(), target.as_mut_ptr(), length) };
        0
    })
}

extern "C" fn text_of(status: c_int, text: *mut *const c_char) -> c_int {
    let known = match status {
        NO_DEVICE => c"no CUDA-capable device is detected",
        INVALID_DEVICE => c"invalid device ordinal",
        INVALID_HANDLE => c"invalid resource handle",
        _ => return 1,
    };
    // SAFETY: as above.
    unsafe { *text = known.as_ptr() };
    0
}

const FUNCTIONS: Functions = Functions {
    init,
    device_get,
    context_retain,
    context_release,
    context_push,
    context_pop,
    context_wait,
    ipc_open,
    ipc_close,
    range_of,
    copy_to_host,
    copy_to_device,
    text_of,
};

/// A fresh device, for one test alone.
fn device() -> MutexGuard<'static, ()> {
    let turn = TURN.lock();
    *DEVICE.lock() = FRESH;
    turn
}

fn driver() -> Arc<Driver> {
    Driver::start(FUNCTIONS).expect("the double starts")
}

/// Nothing is left open, retained or entered.
fn assert_clean() {
    let device = DEVICE.lock();
    assert_eq!((device.open, device.retained, ENTERED.get()), (0, 0, 0));
}

#[test]
fn bytes_travel_to_the_device_and_back_and_nothing_stays_open() {
    let _turn = device();
    let region = driver().open(Handle([42; 64]), 0, SIZE - INNER as usize).expect("the memory");
    region.write(2, [&b"ab"[..], b"", b"cde"]).expect("written");
    assert_eq!(region.read(1, 7).expect("read"), b"\0abcde\0");
    assert_eq!(region.read(56, 0).expect("nothing to read"), b"");
    assert_eq!(DEVICE.lock().memory[10..15], *b"abcde");
    assert_eq!(DEVICE.lock().waited, 1);
    drop(region);
    assert_clean();
}

#[test]
fn any_thread_may_use_a_region() {
    let _turn = device();
    let region = Arc::new(driver().open(Handle([42; 64]), 0, 16).expect("the memory"));
    let shared = Arc::clone(&region);
    std::thread::spawn(move || shared.write(0, [&b"x"[..]]).expect("written")).join().expect("no panic");
    assert_eq!(region.read(0, 1).expect("read"), b"x");
    drop(region);
    assert_clean();
}

#[test]
fn ranges_that_leave_the_region_are_refused_before_the_device_hears_of_them() {
    let _turn = device();
    let region = driver().open(Handle([42; 64]), 0, 16).expect("the memory");
    for (offset, length) in [(16, 1), (0, 17), (usize::MAX, 2)] {
        assert_eq!(region.read(offset, length).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    assert!(region.write(10, [&[1; 4][..], &[2; 4]]).is_err());
    assert_eq!(DEVICE.lock().memory[26..], [0; 38]);
    drop(region);
    assert_clean();
}

#[test]
fn what_cannot_be_opened_says_why_and_leaves_nothing_behind() {
    let _turn = device();
    let driver = driver();
    let refuse = |handle: u8, device: c_int, length: usize| {
        driver.open(Handle([handle; 64]), device, length).err().expect("an error").to_string()
    };
    assert_eq!(refuse(42, 3, 8), "cuDeviceGet failed with 101 (invalid device ordinal)");
    assert_eq!(refuse(1, 0, 8), "cuIpcOpenMemHandle failed with 400 (invalid resource handle)");
    assert_eq!(refuse(42, 0, 57), "57 bytes were asked for, the handle's memory has 56");
    assert_clean();
}

#[test]
fn whatever_function_of_the_driver_fails_is_named_and_nothing_stays_open() {
    let _turn = device();
    let calls = [
        "cuDeviceGet",
        "cuDevicePrimaryCtxRetain",
        "cuCtxPushCurrent",
        "cuIpcOpenMemHandle",
        "cuMemGetAddressRange",
        "cuMemcpyHtoD",
        "cuCtxSynchronize",
        "cuMemcpyDtoH",
    ];
    let driver = driver();
    for call in calls {
        DEVICE.lock().failing = Some((call, 999));
        let done = driver.open(Handle([42; 64]), 0, 16).and_then(|region| {
            region.write(0, [&b"x"[..]])?;
            region.read(0, 1)
        });
        assert_eq!(done.unwrap_err().to_string(), format!("{call} failed with 999 ()"));
        DEVICE.lock().failing = None;
        assert_clean();
    }
}

#[test]
fn without_a_library_or_a_device_there_is_no_driver() {
    let _turn = device();
    assert_eq!(Driver::load("libnothing.so.1").err().expect("none").kind(), io::ErrorKind::NotFound);
    let other = Driver::load("libc.so.6").err().expect("another library").to_string();
    assert_eq!(other, "libc.so.6 has no function cuInit; a newer driver is needed");
    DEVICE.lock().failing = Some(("cuInit", NO_DEVICE));
    let none = Driver::start(FUNCTIONS).err().expect("no device").to_string();
    assert_eq!(none, "cuInit failed with 100 (no CUDA-capable device is detected)");
}
