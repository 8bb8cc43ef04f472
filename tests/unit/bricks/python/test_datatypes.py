import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.bricks.backends.python import utils


@pytest.mark.parametrize("number", range(1, 14))
def test_numbers_and_numpy_types_name_each_other(number: int) -> None:
    assert utils.numpy_to_triton_type(utils.triton_to_numpy_type(number)) == number


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TYPE_BOOL", bool),
        ("TYPE_INT64", np.int64),
        ("TYPE_FP16", np.float16),
        ("TYPE_STRING", np.object_),
    ],
)
def test_names_of_the_configuration_lead_to_numpy_types(name: str, expected: type) -> None:
    assert utils.triton_string_to_numpy(name) is expected


def test_a_name_without_numpy_type_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        utils.triton_string_to_numpy("TYPE_BF16")


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
@settings(deadline=None)
def test_serialized_bytes_come_back(elements: list[bytes]) -> None:
    """Deserializing what was serialized gives the elements in their order."""
    array = np.empty(len(elements), object)
    array[:] = elements
    serialized = utils.serialize_byte_tensor(array)
    assert isinstance(serialized, bytes)
    assert utils.deserialize_bytes_tensor(serialized).tolist() == elements


def test_texts_are_serialized_as_utf8() -> None:
    assert utils.serialize_byte_tensor(np.array(["é", 7], object)) == b"\2\0\0\0\xc3\xa9\1\0\0\0007"


def test_empty_and_other_tensors_give_what_triton_gives() -> None:
    assert utils.serialize_byte_tensor(np.empty(0, object)) == ()
    assert utils.serialize_byte_tensor(np.zeros(2)) is None


def test_bytes_that_end_too_early_are_an_error() -> None:
    with pytest.raises(struct.error):
        utils.deserialize_bytes_tensor(b"\5\0\0\0abc")
