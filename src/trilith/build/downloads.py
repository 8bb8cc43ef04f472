"""Fetches files over HTTP or from folders: goes on where it stopped, and checks what came."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trilith.build.mirrors import Mirrors
from trilith.build.problems import BuildError, Problem
from trilith.build.secrets import redact, request_of
from trilith.build.store import Store, digest, disk_problem

_CHUNK = 1 << 18
_ATTEMPTS = 4
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206
_GONE = (403, 404, 410)
SECONDS = 60.0
"""How long a server may send nothing."""


@dataclass(frozen=True)
class Wish:
    """A file that is wanted."""

    name: str
    address: str
    sha256: str = ""
    """Empty where only fetching it tells."""


def download(
    wish: Wish, store: Store, mirrors: Mirrors, advance: Callable[[int], None] = lambda _: None
) -> str:
    """Bring a file into the store; its hash.

    Args:
        wish: what.
        store: where it goes.
        mirrors: rules for archives.
        advance: is told how many bytes came.

    Raises:
        BuildError: it cannot be had, or is another file.
    """
    if wish.sha256 and store.blob(wish.sha256).is_file():
        return wish.sha256
    told = _told(wish, mirrors)
    key = wish.sha256 or f"address-{_name(wish.address)}"
    with store.claim(key):
        partial = store.unfinished(key)
        try:
            _attempts(wish, mirrors.send("archives", wish.address), partial, advance)
        except OSError as error:
            problem = disk_problem(error, store.root, wish.name)
            raise BuildError([problem or _failed(wish, told, error)]) from error
        found = digest(partial)
        if wish.sha256 and found != wish.sha256:
            partial.unlink()
            raise BuildError([_wrong(wish, told, found)])
        store.put(partial, found, wish.name)
        return found


def _attempts(wish: Wish, address: str, partial: Path, advance: Callable[[int], None]) -> None:
    """Try some times; each goes on where the one before stopped."""
    if not wish.sha256:
        partial.unlink(missing_ok=True)  # without a hash, nothing tells whether the halves belong together
    for attempt in range(_ATTEMPTS):
        try:
            _receive(address, partial, advance)
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == _ATTEMPTS - 1:
                raise OSError(str(error) or type(error).__name__) from error
        else:
            return


def _receive(address: str, partial: Path, advance: Callable[[int], None]) -> None:
    have = partial.stat().st_size if partial.is_file() else 0
    headers = {"User-Agent": "trilith-build", **({"Range": f"bytes={have}-"} if have else {})}
    asked = request_of(address, headers)
    try:
        answer = urllib.request.urlopen(asked, timeout=SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE or not have:
            raise
        partial.unlink()  # more than there is: begin again
        raise ConnectionError("the server has less than was fetched before") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionError | TimeoutError):
            raise error.reason from error
        raise
    with answer:
        going_on = have and answer.status == _PARTIAL_CONTENT
        expected = answer.headers.get("Content-Length")
        received = _write(answer, partial, "ab" if going_on else "wb", advance)
        if expected is not None and received < int(expected):
            raise ConnectionError(f"half a download: {received} of {expected} bytes came")


def _write(answer: Any, partial: Path, mode: str, advance: Callable[[int], None]) -> int:
    received = 0
    with partial.open(mode) as file:
        while True:
            try:
                chunk = answer.read(_CHUNK)
            except http.client.IncompleteRead as error:
                file.write(error.partial)
                raise
            if not chunk:
                return received
            file.write(chunk)
            received += len(chunk)
            advance(len(chunk))


def _told(wish: Wish, mirrors: Mirrors) -> str:
    rule = mirrors.rule("archives", wish.address)
    if not rule:
        return f"{redact(wish.address)} (no rule of mirrors.toml covers it)"
    return f"{redact(mirrors.send('archives', wish.address))} (rule '{rule}' of mirrors.toml)"


def _failed(wish: Wish, told: str, error: OSError) -> Problem:
    if isinstance(error, urllib.error.HTTPError) and error.code in _GONE:
        return Problem(
            f"is not at {told} any more: the server answers {error.code}",
            field=wish.name,
            suggestion="if it moved, a rule under [archives] in mirrors.toml says where to; its hash stays",
        )
    reason = redact(str(error))
    return Problem(
        f"cannot be fetched from {told}: {reason}",
        field=wish.name,
        suggestion="run it again: it goes on where it stopped. A rule under [archives] sends it elsewhere",
    )


def _wrong(wish: Wish, told: str, found: str) -> Problem:
    return Problem(
        f"from {told} is another file: expected SHA-256 {wish.sha256}, received {found}",
        field=wish.name,
        suggestion="the server or the mirror changed it; nothing of it was kept",
    )


def _name(address: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in redact(address))[-80:]
