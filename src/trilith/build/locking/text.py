"""Lock files: TOML, the same text for the same lock."""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from trilith.build.locking.model import (
    Lock,
    LockedArchive,
    LockedCrate,
    LockedDebian,
    LockedGit,
    LockedImage,
    LockedIndex,
    LockedSource,
    LockedSubmodule,
    LockedWheel,
)
from trilith.build.problems import BuildError, Problem, why

FORMAT = 1
HEADER = (
    "# Written by 'trilith build lock'. What a build is made from; 'trilith build lock --check' compares.\n"
)
TABLES: dict[str, type[Any]] = {
    "source": LockedSource,
    "git": LockedGit,
    "submodule": LockedSubmodule,
    "archive": LockedArchive,
    "wheel": LockedWheel,
    "crate": LockedCrate,
    "index": LockedIndex,
    "debian": LockedDebian,
    "image": LockedImage,
}
MAPPINGS = ("target", "tools", "options")
_HEXADECIMAL = frozenset("0123456789abcdef")
# Hashes are names of files in a store: nothing else may stand there.
_HASHES = {
    "sha256": (64,),
    "catalogue_sha256": (64,),
    "release": (64,),
    "keyring": (64,),
    "layers": (64,),
    "commit": (40, 64),
    "tree": (40, 64),
}


def to_text(lock: Lock) -> str:
    """Return the text of a lock file."""
    return HEADER + "".join(_lines(lock))


def digest_of(lock: Lock) -> str:
    """Return the identity of a lock."""
    return hashlib.sha256(to_text(lock).encode()).hexdigest()


def from_text(text: str, file: str = "") -> Lock:
    """Read a lock file.

    Raises:
        BuildError: it cannot be one.
    """
    try:
        document = tomllib.loads(text)
        if document.pop("format", None) != FORMAT:
            raise BuildError(
                [
                    Problem(
                        f"is no lock of format {FORMAT}",
                        file,
                        suggestion="write it anew with trilith build lock",
                    )
                ]
            )
        values: dict[str, Any] = {}
        for name, value in document.items():
            if name in TABLES:
                values[name] = tuple(TABLES[name](**_frozen(_checked(item, name))) for item in value)
            else:
                values[name] = _frozen(value) if name in MAPPINGS else _tuple(value)
        lock = Lock(**_checked(values, "lock"))
    except (tomllib.TOMLDecodeError, TypeError, AttributeError, ValueError) as error:
        raise BuildError(
            [Problem(f"is no lock: {error}", file, suggestion="make it again with trilith build lock")]
        ) from error
    return lock


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        BuildError: it cannot be read.
    """
    try:
        return from_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(
            [
                Problem(
                    f"cannot be read: {why(error)}", str(path), suggestion="make it with trilith build lock"
                )
            ]
        ) from error


def _lines(lock: Lock) -> Iterator[str]:
    yield f"format = {FORMAT}\n"
    told = {item.name: getattr(lock, item.name) for item in fields(lock)}
    for name, value in told.items():
        if name not in TABLES and name not in MAPPINGS and value not in ("", ()):
            yield f"{name} = {_value(value)}\n"
    for name in MAPPINGS:
        if told[name]:
            yield f"\n[{name}]\n"
            for key, value in sorted(told[name].items()):
                yield f"{_key(key)} = {_value(value)}\n"
    for name in TABLES:
        for item in sorted(told[name]):
            yield f"\n[[{name}]]\n"
            usual = {field.name: field.default for field in fields(item)}
            for key, value in asdict(item).items():
                if value != usual[key]:
                    yield f"{key} = {_value(value)}\n"


def _key(text: str) -> str:
    return text if text.replace("-", "").replace("_", "").isalnum() and text.isascii() else _value(text)


def _value(value: object) -> str:
    """Render a value; a JSON string is a TOML string, but for DEL."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _frozen(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tuple(value) for key, value in table.items()}


def _checked(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for key, lengths in _HASHES.items():
        told = table.get(key) or ()
        for value in told if isinstance(told, list | tuple) else [told]:
            if not (isinstance(value, str) and len(value) in lengths and set(value) <= _HEXADECIMAL):
                raise ValueError(f"{key} in '{name}' is {value!r}, expected a hash in hexadecimal digits")
    file = table.get("file", "")
    if name == "wheel" and ("/" in file or not file.endswith(".whl")):
        raise ValueError(f"'{file}' is no name of a wheel")
    return table
