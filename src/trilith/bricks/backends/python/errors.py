"""What a model's own code raises, in the words of the contract."""

import traceback
from pathlib import Path

from trilith.contract import ErrorCode, LoadError, ModelError


def describe(error: BaseException, folder: Path) -> str:
    """Return an exception as one line: its type, what it says and the place in the model that it comes from.

    Args:
        error: what the model raised.
        folder: the model's own; the place is the innermost one inside it, or the innermost of all.
    """
    text = _read_text(error)
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({_shorten(error.filename, folder)}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]
    if not frames:
        return message
    frame = (inside or list(frames))[-1]
    return f"{message} ({_shorten(frame.filename, folder)}:{frame.lineno}, in {frame.name})"


def _read_text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the model's own code makes this text
        return ""


def _shorten(filename: str, folder: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


def translate_load_error(error: BaseException, place: str, doing: str, folder: Path) -> LoadError:
    """Return the error that says what the model raised while it was being loaded.

    Args:
        error: what the model raised.
        place: the model and version, for people.
        doing: what was being done: ``initialize()``.
        folder: the model's own.
    """
    if isinstance(error, LoadError):
        return error
    return LoadError(f"{place}: {doing} raised {describe(error, folder)}")


def translate_run_error(error: BaseException, model: str, folder: Path) -> ModelError:
    """Return the error that says what ``execute`` raised; the code is kept where it has one."""
    code = error.code if isinstance(error, ModelError) else ErrorCode.INTERNAL
    return ModelError(
        f"Failed to process the request(s) for model '{model}': execute() raised {describe(error, folder)}",
        code,
    )
