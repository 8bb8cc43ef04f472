"""Reading ``config.pbtxt``.

The protobuf library decides whether a text is a ``ModelConfig``. Where it is not, the library names the first
mistake only, so ``syntax`` and ``diagnosis`` look for all of them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trilith.config.document import from_message
from trilith.config.draft import Draft, UnreadableError
from trilith.config.schema import ROOT, schema
from trilith.contract import ConfigurationError, Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

# Some editors begin a file of UTF-8 with it; it says nothing.
_BYTE_ORDER_MARK: Final = "\ufeff"
# "3:7 : 'the line': what is wrong" is how the library words an error.
_PREFIX: Final = re.compile(r"\A\d+:\d+ : (?:'.*': )?", re.DOTALL)


def read(path: Path, name: str) -> Draft:
    """Read a configuration.

    Args:
        path: of ``config.pbtxt``.
        name: of the model's folder.

    Raises:
        ConfigurationError: the file cannot be read or is no ``ModelConfig``; holds every mistake.
    """
    try:
        text = path.read_bytes().decode().removeprefix(_BYTE_ORDER_MARK)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError([Problem(f"cannot be read: {reason}", str(path))]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{error.object[error.start]:02x}"
        problem = Problem(f"is not UTF-8 text: found {found}", str(path), line, suggestion="save it as UTF-8")
        raise ConfigurationError([problem]) from error
    return parse(text, name, str(path))


def parse(text: str, name: str, file: str) -> Draft:
    """Make a draft of the text of ``config.pbtxt``; raises like :func:`read`."""
    tables = schema()
    message = tables.message_class()
    failure = _merge(text, message)
    if failure:
        # Most configurations are right, so what explains mistakes is loaded for one that is not.
        from trilith.config.diagnosis import diagnose  # noqa: PLC0415
        from trilith.config.remains import find_remains  # noqa: PLC0415

        found = diagnose(tables, text) or [failure]
        problems = [replace(problem, file=file) for problem in found]
        raise UnreadableError(problems, find_remains(tables, text, name, file))
    return Draft(name, file, from_message(tables, message, ROOT), _Lines(text))


def parse_json(text: str, name: str) -> Draft:
    """Make a draft of a ``ModelConfig`` in protobuf's JSON mapping, as clients send it.

    Raises:
        ConfigurationError: it is none; the message says where.
    """
    from google.protobuf import json_format  # noqa: PLC0415 - few models come this way

    from trilith.config.findings import Findings  # noqa: PLC0415 - as above
    from trilith.config.json_mistakes import find_mistakes  # noqa: PLC0415

    tables = schema()
    message = tables.message_class()
    try:
        json_format.Parse(text, message)
    except (json_format.ParseError, ValueError, RecursionError, TypeError, AttributeError) as error:
        findings = Findings(Draft(name))
        find_mistakes(tables, text, findings)
        findings.raise_if_any()
        reason = str(error).partition("\n")[0]
        problem = Problem(f"model '{name}': the given configuration is no ModelConfig: {reason}")
        raise ConfigurationError([problem]) from error
    return Draft(name, "", from_message(tables, message, ROOT))


class _Lines(Mapping[str, int]):
    """Lines of fields, looked for when somebody asks: for most configurations nobody does."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _found(self) -> Mapping[str, int]:
        from trilith.config import locations, syntax  # noqa: PLC0415 - as in `parse`

        return locations.lines(schema(), syntax.scan(self._text)[0])

    def __getitem__(self, field: str) -> int:
        return self._found[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _merge(text: str, message: "Message") -> Problem | None:
    """Parse a text into a message; return the mistake at which the library stopped."""
    # Imported late for the same reason as in `schema`.
    from google.protobuf import text_format  # noqa: PLC0415

    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        reason = _PREFIX.sub("", str(error)).rstrip(".")
        return Problem(reason, line=error.GetLine() or 0)
    except (ValueError, RecursionError, TypeError, AttributeError, LookupError) as error:
        # The library lets slip what it meets on strange input: lone surrogates, blocks a thousand deep.
        return Problem(f"cannot be parsed: {error}")
    return None
