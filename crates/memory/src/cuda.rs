//! Memory of a GPU that a client made, by way of the CUDA driver's library.
//!
//! The library is loaded when it is first needed, so that a server needs no GPU to be built or to run. A device's
//! memory cannot be touched from here: what is read is copied to the host, what is written is copied back.
//! Names and meanings of the functions: docs.nvidia.com/cuda/cuda-driver-api.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::io;
use std::mem::transmute;
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// The driver's library, as its installer names it on Linux.
pub const LIBRARY: &str = "libcuda.so.1";

/// `CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS`: the one flag there is, and a needed one.
const LAZY_PEER_ACCESS: c_uint = 1;

/// `CUdeviceptr`: an address on a device, of no use on the host.
type Address = u64;

/// `CUipcMemHandle`: names memory of a device to other processes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Handle(pub [u8; 64]);

/// Declares the functions of the driver that are used, and looks each up by its name.
macro_rules! functions {
    ($($field:ident = $name:literal ($($argument:ty),*);)*) => {
        /// Functions of the driver; each gives `CUresult`, which is 0 if all went well.
        #[derive(Clone, Copy)]
        struct Functions {
            $($field: unsafe extern "C" fn($($argument),*) -> c_int,)*
        }

        impl Functions {
            /// Takes them from a library.
            ///
            /// # Safety
            /// What `look_up` gives for a name is the driver's function of that name.
            unsafe fn take(look_up: impl Fn(&str) -> io::Result<*mut c_void>) -> io::Result<Self> {
                Ok(Self {
                    // SAFETY: by the contract of `take`; the signatures are those of the driver's documentation.
                    $($field: unsafe {
                        transmute::<*mut c_void, unsafe extern "C" fn($($argument),*) -> c_int>(look_up($name)?)
                    },)*
                })
            }
        }
    };
}

functions! {
    init = "cuInit"(c_uint);
    device_get = "cuDeviceGet"(*mut c_int, c_int);
    context_retain = "cuDevicePrimaryCtxRetain"(*mut *mut c_void, c_int);
    context_release = "cuDevicePrimaryCtxRelease_v2"(c_int);
    context_push = "cuCtxPushCurrent_v2"(*mut c_void);
    context_pop = "cuCtxPopCurrent_v2"(*mut *mut c_void);
    context_wait = "cuCtxSynchronize"();
    ipc_open = "cuIpcOpenMemHandle_v2"(*mut Address, Handle, c_uint);
    ipc_close = "cuIpcCloseMemHandle"(Address);
    range_of = "cuMemGetAddressRange_v2"(*mut Address, *mut usize, Address);
    copy_to_host = "cuMemcpyDtoH_v2"(*mut c_void, Address, usize);
    copy_to_device = "cuMemcpyHtoD_v2"(Address, *const c_void, usize);
    text_of = "cuGetErrorString"(c_int, *mut *const c_char);
}

/// The CUDA driver, loaded and ready.
pub struct Driver {
    functions: Functions,
}

impl Driver {
    /// Loads a library of that name, which stays loaded.
    ///
    /// Fails if there is none, if it lacks a function, or if it finds no device.
    pub fn load(library: &str) -> io::Result<Arc<Self>> {
        let name = CString::new(library)?;
        // SAFETY: a null-terminated name; the driver's library may run whatever it runs when it is loaded.
        let loaded = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if loaded.is_null() {
            return Err(io::Error::new(io::ErrorKind::NotFound, last_loader_error()));
        }
        let look_up = |name: &str| {
            let symbol = CString::new(name)?;
            // SAFETY: the library was loaded and is never unloaded; the name is null-terminated.
            let address = unsafe { libc::dlsym(loaded, symbol.as_ptr()) };
            if address.is_null() {
                let message = format!("{library} has no function {name}; a newer driver is needed");
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
            Ok(address)
        };
        // SAFETY: these are the library's functions.
        Self::start(unsafe { Functions::take(look_up)? })
    }

    fn start(functions: Functions) -> io::Result<Arc<Self>> {
        let driver = Self { functions };
        // SAFETY: may be called at any time; 0 is the one value it takes.
        driver.check("cuInit", unsafe { (functions.init)(0) })?;
        Ok(Arc::new(driver))
    }

    /// `length` bytes of a device's memory, by the handle that its owner gave away.
    ///
    /// Fails if there is no such device, the handle names nothing there, or the memory is shorter.
    pub fn open(self: &Arc<Self>, handle: Handle, device: c_int, length: usize) -> io::Result<DeviceRegion> {
        let context = Context::of(self, device)?;
        let current = context.enter()?;
        let mut address = 0;
        // SAFETY: a context is current, and `address` can be written.
        let status = unsafe { (self.functions.ipc_open)(&raw mut address, handle, LAZY_PEER_ACCESS) };
        self.check("cuIpcOpenMemHandle", status)?;
        drop(current);
        // Closed again by its end, whatever is found out from here on.
        let region = DeviceRegion { context, address, length };
        let available = region.available()?;
        if length > available {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{length} bytes were asked for, the handle's memory has {available}"),
            ));
        }
        Ok(region)
    }

    fn check(&self, function: &str, status: c_int) -> io::Result<()> {
        if status == 0 {
            return Ok(());
        }
        let mut text: *const c_char = null();
        // SAFETY: `text` can be written; what is put there is a static text or null.
        let reason = unsafe {
            (self.functions.text_of)(status, &raw mut text);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Err(io::Error::other(format!("{function} failed with {status} ({reason})")))
    }
}

/// Why the loader did not load; its text belongs to the thread.
fn last_loader_error() -> String {
    // SAFETY: gives null or a text that stays until the thread's next call of the loader.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    }
}

/// A device's primary context, which all of a process shares, kept alive.
struct Context {
    driver: Arc<Driver>,
    device: c_int,
    /// `CUcontext`, as a number: it is the driver's, and may be used from any thread.
    handle: usize,
}

impl Context {
    fn of(driver: &Arc<Driver>, ordinal: c_int) -> io::Result<Self> {
        let (mut device, mut context) = (0, null_mut());
        // SAFETY: the driver was initialized, and what is written to can be written.
        unsafe {
            driver.check("cuDeviceGet", (driver.functions.device_get)(&raw mut device, ordinal))?;
            let status = (driver.functions.context_retain)(&raw mut context, device);
            driver.check("cuDevicePrimaryCtxRetain", status)?;
        }
        Ok(Self { driver: Arc::clone(driver), device, handle: context as usize })
    }

    /// Makes it the thread's current one for as long as what is given back lives.
    fn enter(&self) -> io::Result<Current<'_>> {
        // SAFETY: the context is retained.
        let status = unsafe { (self.driver.functions.context_push)(self.handle as *mut c_void) };
        self.driver.check("cuCtxPushCurrent", status)?;
        Ok(Current(&self.driver))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once, released once. That it failed would help nobody.
        unsafe { (self.driver.functions.context_release)(self.device) };
    }
}

/// A context that is the thread's current one.
struct Current<'a>(&'a Driver);

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = null_mut();
        // SAFETY: takes off what `enter` has put on, on the same thread: this does not leave it.
        unsafe { (self.0.functions.context_pop)(&raw mut popped) };
    }
}

/// Memory of a device that a client made, open until dropped.
pub struct DeviceRegion {
    context: Context,
    address: Address,
    length: usize,
}

impl DeviceRegion {
    /// A copy of the bytes at `offset`.
    ///
    /// Fails if the range leaves the region, or the device does not give them.
    pub fn read(&self, offset: usize, length: usize) -> io::Result<Vec<u8>> {
        self.require_inside(offset, length)?;
        let mut content: Vec<u8> = Vec::with_capacity(length);
        if length == 0 {
            return Ok(content);
        }
        let driver = &self.context.driver;
        let _current = self.context.enter()?;
        // SAFETY: the vector has room for `length` bytes, the range lies within the device's memory; the call returns
        // when all of them are there.
        unsafe {
            let target = content.as_mut_ptr().cast();
            let status = (driver.functions.copy_to_host)(target, self.address + offset as Address, length);
            driver.check("cuMemcpyDtoH", status)?;
            content.set_len(length);
        }
        Ok(content)
    }

    /// Copies `pieces`, one behind the other, to `offset`; they have arrived when this returns.
    ///
    /// Fails if they leave the region, or the device does not take them.
    pub fn write<'a>(&self, offset: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        let driver = &self.context.driver;
        let _current = self.context.enter()?;
        let mut position = offset;
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            self.require_inside(position, piece.len())?;
            let target = self.address + position as Address;
            // SAFETY: the range lies within the device's memory, the piece is there to be read.
            let status =
                unsafe { (driver.functions.copy_to_device)(target, piece.as_ptr().cast(), piece.len()) };
            driver.check("cuMemcpyHtoD", status)?;
            position += piece.len();
        }
        // A small copy may return before the device has it, and the client's next look comes from another process.
        // SAFETY: a context is current.
        driver.check("cuCtxSynchronize", unsafe { (driver.functions.context_wait)() })
    }

    fn require_inside(&self, offset: usize, length: usize) -> io::Result<()> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the range leaves the region")),
        }
    }

    /// Bytes from the region's beginning to the end of the memory that it lies in.
    fn available(&self) -> io::Result<usize> {
        let driver = &self.context.driver;
        let _current = self.context.enter()?;
        let (mut start, mut size) = (0, 0);
        // SAFETY: a context is current, and what is written to can be written.
        let status = unsafe { (driver.functions.range_of)(&raw mut start, &raw mut size, self.address) };
        driver.check("cuMemGetAddressRange", status)?;
        Ok(size.saturating_sub(self.address.saturating_sub(start) as usize))
    }
}

impl Drop for DeviceRegion {
    fn drop(&mut self) {
        if let Ok(_current) = self.context.enter() {
            // SAFETY: opened once, closed once, and nobody uses the address any more.
            unsafe { (self.context.driver.functions.ipc_close)(self.address) };
        }
    }
}

#[cfg(test)]
mod tests;
