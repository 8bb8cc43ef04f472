import ml_dtypes
import numpy as np
import pytest

from trilith.bricks.backends.python.utils import Tensor, TritonModelException
from trilith.bricks.backends.python.utils.datatypes import BF16
from trilith.bricks.backends.python.utils.tensor import InputTensor


def test_it_knows_its_name_shape_and_datatype() -> None:
    tensor = Tensor("x", np.zeros((2, 3), np.int64))
    assert (tensor.name(), tensor.shape(), tensor.triton_dtype(), tensor.is_cpu()) == ("x", [2, 3], 9, True)


def test_a_contiguous_array_is_not_copied() -> None:
    array = np.zeros((2, 2), np.float32)
    assert Tensor("x", array).as_numpy() is array


def test_an_array_with_gaps_is_made_contiguous() -> None:
    array = np.arange(8, dtype=np.int8)[::2]
    payload = Tensor("x", array).payload()
    assert payload.flags.c_contiguous
    assert payload.tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize("array", [[1.0], 3.0, np.float32(3), None])
def test_what_is_no_array_is_refused(array: object) -> None:
    with pytest.raises(TypeError, match=r"expected str and numpy\.ndarray"):
        Tensor("x", array)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["U3", "complex64", "M8[s]", ">f4", np.longdouble])
def test_a_dtype_that_tensors_cannot_have_is_refused(dtype: object) -> None:
    with pytest.raises(TritonModelException, match="NumPy dtype is not supported"):
        Tensor("x", np.zeros(2, dtype))  # type: ignore[call-overload]


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(TritonModelException, match="name cannot be an empty string"):
        Tensor("", np.zeros(1))


def test_a_read_only_input_is_copied_once_when_it_is_asked_for() -> None:
    array = np.zeros(4, np.float32)
    array.flags.writeable = False
    tensor = InputTensor("x", array)
    first = tensor.as_numpy()
    first += 1
    assert tensor.as_numpy() is first
    assert array.tolist() == [0, 0, 0, 0]


def test_a_writeable_input_is_handed_out_as_it_is() -> None:
    array = np.zeros(4, np.float32)
    assert InputTensor("x", array).as_numpy() is array


def test_byte_strings_of_a_fixed_length_become_bytes() -> None:
    payload = Tensor("x", np.array([b"a", b"bc"])).payload()
    assert payload.dtype == object
    assert payload.tolist() == [b"a", b"bc"]


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float64])
def test_numpy_reads_it_by_dlpack(dtype: type[np.generic]) -> None:
    array = np.ones((2, 3), dtype)
    assert np.from_dlpack(Tensor("x", array)).tolist() == array.tolist()


def test_it_is_made_from_an_object_or_a_capsule() -> None:
    array = np.arange(6, dtype=np.int32).reshape(2, 3)
    for exchanged in (array, Tensor("y", array), Tensor("y", array).to_dlpack()):
        tensor = Tensor.from_dlpack("x", exchanged)
        assert (tensor.name(), tensor.as_numpy().tolist()) == ("x", array.tolist())


def test_bfloat16_passes_through_dlpack_bit_by_bit() -> None:
    bits = np.array([1.5, -2, 3e38], ml_dtypes.bfloat16).view(np.uint16)
    tensor = Tensor.from_dlpack("y", InputTensor("x", bits, BF16))
    assert tensor.triton_dtype() == BF16
    assert tensor.payload().tolist() == bits.tolist()
    with pytest.raises(TritonModelException, match=r"tensor 'y' is BF16.*to_dlpack"):
        tensor.as_numpy()


def test_strings_have_no_dlpack() -> None:
    with pytest.raises(TritonModelException, match="DLPack does not have support for string"):
        Tensor("x", np.array([b"a"], object)).to_dlpack()


def test_memory_of_a_gpu_is_refused_until_it_is_carried() -> None:
    class Remote:
        def __dlpack__(self) -> None: ...

        def __dlpack_device__(self) -> tuple[int, int]:
            return 2, 0

    with pytest.raises(TritonModelException, match="memory of a GPU is not carried"):
        Tensor.from_dlpack("x", Remote())


def test_an_object_without_dlpack_is_refused() -> None:
    with pytest.raises(TritonModelException, match="a list cannot be a tensor"):
        Tensor.from_dlpack("x", [1])
