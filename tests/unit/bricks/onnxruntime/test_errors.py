from pathlib import Path

import pytest

from trilith.bricks.backends.onnxruntime.errors import translate_load_error, translate_run_error
from trilith.contract import ErrorCode


class InvalidArgument(Exception):  # noqa: N818 - the name that ONNX Runtime gives it
    pass


class Fail(Exception):  # noqa: N818 - the name that ONNX Runtime gives it
    pass


@pytest.mark.parametrize(
    ("kind", "code"), [(InvalidArgument, ErrorCode.INVALID_ARG), (Fail, ErrorCode.INTERNAL)]
)
def test_only_an_invalid_argument_is_the_client_s_fault(kind: type[Exception], code: ErrorCode) -> None:
    error = translate_run_error(kind("[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : no\n good"), "m")
    assert (str(error), error.code) == ("model 'm': ONNX Runtime failed: no good", code)


def test_an_opset_from_the_future_asks_for_a_newer_version() -> None:
    message = "[ONNXRuntimeError] : 1 : FAIL : opset 99 is under development"
    error = translate_load_error(Fail(message), Path("m/1/model.onnx"))
    assert str(error).startswith("'m/1/model.onnx' cannot be loaded by ONNX Runtime: opset 99")
    assert "a newer onnxruntime" in str(error)
