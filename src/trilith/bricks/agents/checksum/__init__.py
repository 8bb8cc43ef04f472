"""Refuses a model whose files are not those that its configuration was written for.

Parameters, by Triton's names: ``ALGORITHM:path/inside/the/model's/folder``, with the checksum in hexadecimal
digits as value. Algorithms are MD5, as in Triton, and SHA256, for files that somebody might have changed on
purpose; upper and lower case mean the same.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from trilith.contract import AgentAction, AgentModel, LoadError

__all__ = ["ChecksumAgent"]

_ALGORITHMS = {"md5": "MD5", "sha256": "SHA256"}


class ChecksumAgent:
    """Compares checksums of files."""

    def act(self, action: AgentAction, model: AgentModel) -> Path | None:
        """Compare every file that the parameters name, before the model is loaded.

        Raises:
            LoadError: files differ, cannot be read or are named wrongly; all are named.
        """
        if action is AgentAction.LOAD:
            problems = [
                problem
                for key, expected in model.parameters.items()
                for problem in _check(model, key, expected)
            ]
            if problems:
                raise LoadError("; ".join(problems))
        return None


def _check(model: AgentModel, key: str, expected: str) -> Iterator[str]:
    name, separator, path = key.partition(":")
    algorithm = name.lower()
    if not separator or not path:
        yield f"parameter '{key}' names no file, write 'MD5:path/of/the/file'"
    elif algorithm not in _ALGORITHMS:
        known = " or ".join(_ALGORITHMS.values())
        yield f"parameter '{key}': algorithm '{name}' is unknown, it takes {known}"
    elif path.startswith("/") or ".." in PurePosixPath(path).parts:
        yield f"parameter '{key}': the file lies outside the model's folder"
    else:
        yield from _compare(model.directory / path, path, algorithm, expected)


def _compare(file: Path, path: str, algorithm: str, expected: str) -> Iterator[str]:
    try:
        with file.open("rb") as content:
            found = hashlib.file_digest(
                content, lambda: hashlib.new(algorithm, usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        yield f"file '{path}' cannot be read: {error.strerror or error}"
        return
    if found != expected.strip().lower():
        title = _ALGORITHMS[algorithm]
        yield f"mismatched {title} hash for file '{path}': '{expected}' was expected, '{found}' was found"
