"""Signatures of release files: who signed what apt was told, by gpgv and the keys that its sources name."""

import base64
import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trilith.build.problems import BuildError, Problem
from trilith.build.processes import run_to_end

_TRUSTED = (Path("/etc/apt/trusted.gpg"), Path("/etc/apt/trusted.gpg.d"))
_ARMOR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_FINGERPRINT = frozenset("0123456789ABCDEF!")
_SHORTEST = 40


@dataclass(frozen=True)
class Keys:
    """Keys that may sign a repository."""

    content: tuple[bytes, ...]
    """Keyrings as gpgv reads them."""
    only: frozenset[str] = frozenset()
    """Fingerprints that count; all of the keys where it is empty."""

    @property
    def sha256(self) -> str:
        """Hash over all keyrings."""
        total = hashlib.sha256()
        for ring in sorted(self.content):
            total.update(hashlib.sha256(ring).digest())
        return total.hexdigest()


@dataclass(frozen=True)
class Signed:
    """The text that was signed, and by whom."""

    text: bytes
    by: tuple[str, ...]


def keys_of(signed_by: str) -> Keys:
    """Return the keys that a source names with ``Signed-By``; those of apt itself where it names none.

    Raises:
        BuildError: a file of them cannot be read.
    """
    if _ARMOR in signed_by:
        lines = [line.strip() for line in signed_by.splitlines()]
        return Keys((_binary("\n".join("" if line == "." else line for line in lines).encode()),))
    words = signed_by.replace(",", " ").split()
    files = [Path(word) for word in words if word.startswith("/")]
    only = frozenset(word.upper().rstrip("!") for word in words if _is_fingerprint(word))
    if not files:
        files = [path for place in _TRUSTED for path in ([place] if place.is_file() else _below(place))]
    try:
        return Keys(tuple(_binary(path.read_bytes()) for path in files), only)
    except OSError as error:
        hint = "look at Signed-By in apt's sources, and at who may read the keys"
        raise BuildError(
            [Problem(f"the keys of a source cannot be read: {error}", suggestion=hint)]
        ) from error


def check_signature(file: Path, keys: Keys, detached: Path | None = None) -> Signed:
    """Check who signed a file.

    Args:
        file: with the signature in it, or beside it.
        keys: that may sign.
        detached: the signature where it stands beside the file.

    Returns:
        the text that was signed, and no more than that.

    Raises:
        BuildError: gpgv is not there, or nobody with one of the keys signed it as it is.
    """
    with tempfile.TemporaryDirectory() as scratch:
        rings = []
        for number, content in enumerate(keys.content):
            ring = Path(scratch) / f"{number}.gpg"
            ring.write_bytes(content)
            rings += ["--keyring", str(ring)]
        output = Path(scratch) / "text"
        words = ["gpgv", "--homedir", scratch, "--status-fd", "1", *rings]
        words += [str(detached), str(file)] if detached else ["--output", str(output), str(file)]
        told = _run(words)
        by = _signers(told, keys)
        if not by:
            raise BuildError([_unsigned(file, told)])
        return Signed(file.read_bytes() if detached else output.read_bytes(), by)


def _signers(told: Sequence[str], keys: Keys) -> tuple[str, ...]:
    """Return the fingerprints of those who signed; one bad signature, and none of them counts."""
    if any(line.startswith(("[GNUPG:] BADSIG", "[GNUPG:] NODATA")) for line in told):
        return ()
    found = set()
    for line in told:
        fields = line.split()
        if fields[:2] == ["[GNUPG:]", "VALIDSIG"]:
            names = {fields[2], fields[-1]}
            if not keys.only or names & keys.only:
                found.add(fields[-1])
    return tuple(sorted(found))


def _run(words: Sequence[str]) -> list[str]:
    """Run gpgv; it ends with an error where one of several keys is unknown, which is no matter here."""
    try:
        done = run_to_end(words)
    except FileNotFoundError as error:
        hint = "install gpgv, which apt itself works with"
        raise BuildError([Problem("'gpgv' is not on this machine", suggestion=hint)]) from error
    return done.stdout.decode(errors="replace").splitlines()


def _unsigned(file: Path, told: Iterable[str]) -> Problem:
    ends = [line.removeprefix("[GNUPG:] ") for line in told if "SIG" in line or "NODATA" in line]
    shown = f" ({'; '.join(ends[:3])})" if ends else ""
    return Problem(
        f"nobody whose keys its source names signed it as it is{shown}",
        str(file),
        suggestion="run apt-get update; if that helps nothing, something on the way changes it",
    )


def _binary(content: bytes) -> bytes:
    """Return a keyring without its armour."""
    text = content.decode("ascii", "replace")
    if _ARMOR not in text:
        return content
    rings = []
    for block in text.split(_ARMOR)[1:]:
        lines = block.partition("-----END")[0].splitlines()
        body = "".join(lines[lines.index("") + 1 :] if "" in lines[1:] else lines[1:]).replace(" ", "")
        rings.append(base64.b64decode(body.rpartition("=")[0] if _has_sum(body) else body))
    return b"".join(rings)


def _has_sum(body: str) -> bool:
    """Say whether a checksum of four letters ends it."""
    return body[-5:-4] == "="


def _is_fingerprint(word: str) -> bool:
    return len(word) >= _SHORTEST and set(word.upper()) <= _FINGERPRINT


def _below(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*") if path.suffix in (".gpg", ".asc"))
