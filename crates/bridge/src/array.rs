//! NumPy arrays over tensors, and back.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr;

use bytes::Bytes;
use numpy::npyffi::{
    NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_OWNDATA, NPY_ARRAY_WRITEABLE, NPY_TYPES, NpyTypes,
    PY_ARRAY_API, PyArrayObject, get_type_object, npy_intp,
};
use numpy::{PyArrayDescrMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};
use smallvec::SmallVec;
use trilith_core::{DataType, Tensor, bytes_tensor, tensor};

use crate::memory::{AlignedBuffer, Borrowed, Memory};

/// Outputs up to this size are copied: cheaper than keeping a Python object for as long as a slow client takes.
const COPIED_LARGEST: usize = 16 << 10;

/// What a tensor's content may become in Python.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Memory that others may share.
    ReadOnly,
    /// Memory of this process alone, which a model may write to.
    Writable,
}

/// Who may still change the memory of an output that was handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handover {
    /// Anyone who kept a reference: such memory is copied.
    Shared,
    /// Nobody: the bytes leave this process before Python code of the model runs again.
    Immediate,
}

/// An array over `pieces`, which together are the content of one tensor.
///
/// One piece that lies as its elements need is passed as a view; anything else is copied, once, to a 64-byte boundary.
pub(crate) fn from_pieces<'py>(
    py: Python<'py>,
    datatype: DataType,
    shape: &[i64],
    pieces: &[Bytes],
    access: Access,
) -> PyResult<Bound<'py, PyAny>> {
    let length = pieces.iter().map(Bytes::len).sum();
    let Some(width) = datatype.size() else {
        return strings(py, shape, &join(length, pieces));
    };
    let content = match pieces {
        [piece] if (piece.as_ptr() as usize).is_multiple_of(width) => piece.clone(),
        _ => AlignedBuffer::join(length, pieces.iter()),
    };
    let start = content.as_ptr();
    let base = Bound::new(py, Memory { content })?;
    let flags = match access {
        Access::ReadOnly => NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED,
        Access::Writable => NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED | NPY_ARRAY_WRITEABLE,
    };
    // SAFETY: `start` points to as many bytes as datatype and shape say (admission has checked it), aligned for the
    // datatype, and `base`, which becomes the array's base object, keeps them.
    unsafe {
        let array = new_array(py, datatype, shape, start.cast_mut(), flags)?;
        if PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base.into_ptr()) < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(array)
    }
}

fn join(length: usize, pieces: &[Bytes]) -> Bytes {
    match pieces {
        [piece] => piece.clone(),
        _ => AlignedBuffer::join(length, pieces.iter()),
    }
}

/// An object array of `bytes`.
fn strings<'py>(py: Python<'py>, shape: &[i64], content: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let count = tensor::element_count(shape).unwrap_or(0);
    // SAFETY: with no memory given, NumPy allocates it and fills an object array with null pointers, which mean None.
    let array = unsafe { new_array(py, DataType::Bytes, shape, ptr::null_mut(), 0)? };
    // SAFETY: it is a fresh array of `count` object pointers; each gets a reference of its own.
    unsafe {
        // NumPy allocates at boundaries that fit every element type.
        #[expect(clippy::cast_ptr_alignment, reason = "an object array's memory is aligned for pointers")]
        let slots = (*array.as_ptr().cast::<PyArrayObject>()).fields.data.cast::<*mut pyo3::ffi::PyObject>();
        for (index, element) in bytes_tensor::elements(content).take(count).enumerate() {
            let slot = slots.add(index);
            let before = *slot;
            *slot = PyBytes::new(py, element.unwrap_or_default()).into_ptr();
            drop(Bound::from_owned_ptr_or_opt(py, before));
        }
    }
    Ok(array)
}

/// # Safety
/// `data` is null, or points to memory that fits and that the caller keeps alive.
unsafe fn new_array<'py>(
    py: Python<'py>,
    datatype: DataType,
    shape: &[i64],
    data: *mut u8,
    flags: c_int,
) -> PyResult<Bound<'py, PyAny>> {
    let mut dimensions: SmallVec<[npy_intp; 8]> = shape.iter().map(|extent| *extent as npy_intp).collect();
    // SAFETY: NumPy takes the reference to the descriptor, copies the dimensions, and checks their number.
    unsafe {
        let descriptor = PY_ARRAY_API.PyArray_DescrFromType(py, type_number(datatype) as c_int);
        let array = PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            get_type_object(py, NpyTypes::PyArray_Type),
            descriptor,
            dimensions.len() as c_int,
            dimensions.as_mut_ptr(),
            ptr::null_mut(),
            data.cast(),
            flags,
            ptr::null_mut(),
        );
        Bound::from_owned_ptr_or_err(py, array)
    }
}

/// NumPy's counterpart; `uint16` for BF16, which NumPy does not have.
fn type_number(datatype: DataType) -> NPY_TYPES {
    match datatype {
        DataType::Bool => NPY_TYPES::NPY_BOOL,
        DataType::Uint8 => NPY_TYPES::NPY_UBYTE,
        DataType::Uint16 | DataType::Bf16 => NPY_TYPES::NPY_USHORT,
        DataType::Uint32 => NPY_TYPES::NPY_UINT,
        DataType::Uint64 => NPY_TYPES::NPY_ULONG,
        DataType::Int8 => NPY_TYPES::NPY_BYTE,
        DataType::Int16 => NPY_TYPES::NPY_SHORT,
        DataType::Int32 => NPY_TYPES::NPY_INT,
        DataType::Int64 => NPY_TYPES::NPY_LONG,
        DataType::Fp16 => NPY_TYPES::NPY_HALF,
        DataType::Fp32 => NPY_TYPES::NPY_FLOAT,
        DataType::Fp64 => NPY_TYPES::NPY_DOUBLE,
        DataType::Bytes => NPY_TYPES::NPY_OBJECT,
    }
}

/// A tensor from what a model gave as output `name`; `expected` is what the model's signature says of it, if it says
/// anything. Whether datatype and shape are right is for the engine to check.
pub(crate) fn to_tensor(
    name: &str,
    value: &Bound<'_, PyAny>,
    expected: Option<DataType>,
    handover: Handover,
) -> PyResult<Tensor> {
    let py = value.py();
    let numpy = py.import(intern!(py, "numpy"))?;
    let mut array = match value.cast::<PyUntypedArray>() {
        Ok(array) => array.clone(),
        Err(_) => numpy.call_method1(intern!(py, "asarray"), (value,))?.cast_into::<PyUntypedArray>()?,
    };
    let datatype = datatype_of(&array, expected)
        .ok_or_else(|| PyTypeError::new_err(format!("output '{name}': no datatype for {}", array.dtype())))?;
    let shape: SmallVec<[i64; 4]> = array.shape().iter().map(|extent| *extent as i64).collect();
    if datatype == DataType::Bytes {
        let content = serialize(&array)
            .map_err(|error| PyValueError::new_err(format!("output '{name}': {}", error.value(py))))?;
        return Ok(Tensor::new(name, datatype, &shape, content));
    }
    let mut handover = handover;
    if !array.is_c_contiguous() || array.dtype().byteorder() == b'>' {
        let little = array.dtype().call_method1(intern!(py, "newbyteorder"), ("<",))?;
        let copy = numpy.call_method1(intern!(py, "ascontiguousarray"), (&array, little))?;
        array = copy.cast_into()?;
        handover = Handover::Immediate; // a fresh copy that nobody else has
    }
    Ok(Tensor::new(name, datatype, &shape, content(&array, handover)))
}

/// The bytes of a contiguous array, copied only where someone else could still change them.
fn content(array: &Bound<'_, PyUntypedArray>, handover: Handover) -> Bytes {
    let length = array.len() * array.dtype().itemsize();
    // SAFETY: the object is an array, so its fields may be read.
    let fields = unsafe { &(*array.as_array_ptr()).fields };
    let start = fields.data.cast::<u8>().cast_const();
    if length == 0 {
        return Bytes::new();
    }
    if length > COPIED_LARGEST {
        if let Some(shared) = of_memory(array.py(), fields.base, start, length) {
            return shared;
        }
        if handover == Handover::Immediate || is_exclusive(array) {
            // SAFETY: the array keeps its memory, and nobody is left who would change it.
            return unsafe { Borrowed::lend(array.clone().into_any().unbind(), start, length) };
        }
    }
    // SAFETY: a contiguous array has `length` bytes from its first element on.
    Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(start, length) })
}

/// Whether nobody else can reach the memory of an array: it has no references but the caller's mapping and our own,
/// and its memory is its own or that of a capsule, by which a library hands over memory, which only this array has.
fn is_exclusive(array: &Bound<'_, PyUntypedArray>) -> bool {
    // SAFETY: array and base are live objects; a null base is not looked at.
    unsafe {
        let fields = &(*array.as_array_ptr()).fields;
        let owned = if fields.base.is_null() {
            fields.flags & NPY_ARRAY_OWNDATA != 0
        } else {
            pyo3::ffi::PyCapsule_CheckExact(fields.base) != 0 && pyo3::ffi::Py_REFCNT(fields.base) == 1
        };
        owned && pyo3::ffi::Py_REFCNT(array.as_ptr()) <= 2
    }
}

/// The bytes of an array over a tensor of ours, shared: a model that passes its input on costs nothing.
fn of_memory(
    py: Python<'_>,
    base: *mut pyo3::ffi::PyObject,
    start: *const u8,
    length: usize,
) -> Option<Bytes> {
    // SAFETY: an array's base is null or a live object.
    let base = unsafe { Bound::from_borrowed_ptr_or_opt(py, base) }?;
    let whole = &base.cast::<Memory>().ok()?.get().content;
    let offset = (start as usize).checked_sub(whole.as_ptr() as usize)?;
    (offset + length <= whole.len()).then(|| whole.slice(offset..offset + length))
}

fn datatype_of(array: &Bound<'_, PyUntypedArray>, expected: Option<DataType>) -> Option<DataType> {
    let dtype = array.dtype();
    let datatype = match (dtype.kind(), dtype.itemsize()) {
        (b'b', 1) => DataType::Bool,
        (b'u', 1) => DataType::Uint8,
        // `ml_dtypes.bfloat16` announces itself as a void type of two bytes.
        (b'u' | b'V', 2) if expected == Some(DataType::Bf16) => DataType::Bf16,
        (b'u', 2) => DataType::Uint16,
        (b'u', 4) => DataType::Uint32,
        (b'u', 8) => DataType::Uint64,
        (b'i', 1) => DataType::Int8,
        (b'i', 2) => DataType::Int16,
        (b'i', 4) => DataType::Int32,
        (b'i', 8) => DataType::Int64,
        (b'f', 2) => DataType::Fp16,
        (b'f', 4) => DataType::Fp32,
        (b'f', 8) => DataType::Fp64,
        (b'O' | b'S' | b'U', _) => DataType::Bytes,
        _ => return None,
    };
    Some(datatype)
}

/// Strings of an object, bytes or text array, encoded; texts as UTF-8.
fn serialize(array: &Bound<'_, PyUntypedArray>) -> PyResult<Vec<u8>> {
    let flat =
        array.call_method0(intern!(array.py(), "ravel"))?.call_method0(intern!(array.py(), "tolist"))?;
    let mut content = Vec::new();
    for element in flat.try_iter()? {
        push_string(&mut content, &element?)?;
    }
    Ok(content)
}

fn push_string(content: &mut Vec<u8>, element: &Bound<'_, PyAny>) -> PyResult<()> {
    let pushed = if let Ok(element) = element.cast::<PyBytes>() {
        bytes_tensor::push(content, element.as_bytes())
    } else if let Ok(element) = element.cast::<PyString>() {
        bytes_tensor::push(content, element.to_cow()?.as_bytes())
    } else if let Ok(element) = element.cast::<PyByteArray>() {
        bytes_tensor::push(content, &element.to_vec())
    } else {
        // As Triton's client does: anything else by its text.
        bytes_tensor::push(content, element.str()?.to_cow()?.as_bytes())
    };
    pushed.map_err(|error| PyValueError::new_err(error.message.into_owned()))
}
