import numpy as np
import pytest

from trilith.bricks.backends.onnxruntime.strings import decode_elements, encode_elements
from trilith.contract import ErrorCode, ModelError


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 4, 1)])
def test_texts_survive_both_ways_in_their_shape(shape: tuple[int, ...]) -> None:
    array = np.array([b"", "é".encode(), b"a\0b", b"x" * 1000], object).reshape(shape)
    texts = decode_elements(array, "in")
    assert texts.shape == shape
    assert texts.ravel().tolist() == ["", "é", "a\0b", "x" * 1000]
    assert encode_elements(texts).tolist() == array.tolist()


def test_one_text_without_dimension_survives() -> None:
    array = np.array(b"x", object)
    assert encode_elements(decode_elements(array, "in")).item() == b"x"


def test_bytes_that_are_no_text_name_input_and_element() -> None:
    with pytest.raises(ModelError, match="input 'in': element 1 is not UTF-8 text") as caught:
        decode_elements(np.array([b"good", b"a\xff"], object), "in")
    assert caught.value.code is ErrorCode.INVALID_ARG
