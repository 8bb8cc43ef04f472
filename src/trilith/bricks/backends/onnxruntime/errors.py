"""What ONNX Runtime raises, in the words of the contract."""

import re
from pathlib import Path

from trilith.contract import ErrorCode, LoadError, ModelError

_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (Load model from .*? failed:)?")

_DAMAGED = "the file is damaged or is no ONNX model; export it again or copy it once more"
_NEWER = "a newer onnxruntime may know it; otherwise export the model with an older opset"
_ADVICE = {
    "InvalidProtobuf": _DAMAGED,
    "InvalidGraph": "the graph is not valid; check it with onnx.checker and export it again",
    "InvalidArgument": _DAMAGED,
    "NoModel": _DAMAGED,
    "NoSuchFile": "files that the model refers to must lie beside it in the version's folder",
    "NotImplemented": _NEWER,
    "EPFail": "an execution provider failed; try without its accelerator in 'optimization'",
}
"""What to do, by the name of the exception: its classes can only be imported with ONNX Runtime itself."""

_CODES = {"InvalidArgument": ErrorCode.INVALID_ARG, "ValueError": ErrorCode.INVALID_ARG}


def strip_prefix(error: BaseException) -> str:
    """Return the message without ONNX Runtime's own prefix, on one line."""
    return " ".join(_PREFIX.sub("", str(error)).split())


def translate_load_error(error: Exception, file: Path) -> LoadError:
    """Return the error that names the file, what ONNX Runtime says and what to do."""
    message = strip_prefix(error)
    advice = _ADVICE.get(type(error).__name__, "check that onnxruntime and the model fit each other")
    if "opset" in message or "IR version" in message:
        advice = _NEWER
    return LoadError(f"'{file}' cannot be loaded by ONNX Runtime: {message}; {advice}")


def translate_run_error(error: Exception, model: str) -> ModelError:
    """Return the error that names the model and what ONNX Runtime says."""
    code = _CODES.get(type(error).__name__, ErrorCode.INTERNAL)
    return ModelError(f"model '{model}': ONNX Runtime failed: {strip_prefix(error)}", code)
