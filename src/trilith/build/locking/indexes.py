"""Where Debian packages come from: lists of packages that a signed release file names by hash.

apt checks signatures when it fetches lists, and believes what lies on disk from then on. A lock looks again:
at the signature of each release file, at the hash of each list that it names, and that every package which is
locked stands in one of those lists.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trilith.build.locking.model import LockedDebian, LockedIndex
from trilith.build.locking.signatures import check_signature, keys_of
from trilith.build.problems import BuildError, Problem
from trilith.build.processes import ProgramError, run
from trilith.build.secrets import redact

_FIELDS = ("METAKEY", "FILENAME", "ORIGIN", "REPO_URI", "RELEASE", "COMPONENT", "SOURCESENTRY")
_READER = "/usr/lib/apt/apt-helper"
_PACKAGE = re.compile(rb"^SHA256: ([0-9a-f]{64})$", re.MULTILINE)
_HINT = "run apt-get update, and look at what serves it if that helps nothing"


@dataclass(frozen=True)
class Target:
    """A list of packages as apt has it."""

    key: str
    """Its name in the release file."""
    file: Path
    origin: str
    """Who made the repository."""
    address: str
    release: str
    component: str
    entry: str
    """The file and the place in it that names the repository."""

    @property
    def name(self) -> str:
        """How it is called in a lock; where it is mirrored is no part of that."""
        plain = redact(self.address).partition("://")[2].strip("/")
        return " ".join(filter(None, [self.origin or plain, self.release.rstrip("/"), self.component]))


@dataclass(frozen=True)
class Indexes:
    """The lists that packages of a lock stand in."""

    locked: tuple[LockedIndex, ...] = ()
    notes: tuple[str, ...] = ()


def lock_indexes(architecture: str, packages: Sequence[LockedDebian]) -> Indexes:
    """Check the lists that packages come from, and lock them.

    Raises:
        BuildError: a list is not what a signed release file names, or has a package of another hash.
    """
    return check_indexes(targets(architecture), packages)


def targets(architecture: str) -> list[Target]:
    """Return the lists of packages that apt has."""
    form = "\t".join(f"$({name})" for name in _FIELDS)
    options = ["-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}"]
    words = ["apt-get", *options, "indextargets", "--format", form, "Created-By: Packages"]
    lines = [line.split("\t") for line in run(words).decode().splitlines()]
    return [
        Target(fields[0], Path(fields[1]), *(_known(field) for field in fields[2:]))
        for fields in lines
        if len(fields) == len(_FIELDS) and Path(fields[1]).is_file()
    ]


def check_indexes(found: Iterable[Target], packages: Sequence[LockedDebian]) -> Indexes:
    """Check lists, and that each package stands in one of them.

    Raises:
        BuildError: everything that is wrong.
    """
    problems: list[Problem] = []
    locked, notes, left = [], [], {item.sha256: item for item in packages}
    for target in found:
        try:
            content = _read(target)
            index = _check(target, content)
        except BuildError as error:
            problems += error.problems
            continue
        here = {name.decode() for name in _PACKAGE.findall(content)} & set(left)
        if here:
            locked.append(index)
            left = {sha256: item for sha256, item in left.items() if sha256 not in here}
            notes += [] if index.signed_by else [f"packages of {target.name} are signed by nobody"]
    problems += [
        Problem(
            f"stands in no list that was checked: {item.sha256}",
            field=f"package {item.name} {item.version}",
            suggestion=_HINT,
        )
        for item in (() if problems else left.values())
    ]
    if problems:
        raise BuildError(problems)
    return Indexes(tuple(sorted(locked)), tuple(notes))


def _check(target: Target, content: bytes) -> LockedIndex:
    """Check a list against its release file; a repository may be without one, if apt was told to trust it."""
    sha256 = hashlib.sha256(content).hexdigest()
    beginning = target.file.name.partition(target.key.replace("/", "_"))[0]
    inside, beside = (target.file.with_name(beginning + name) for name in ("InRelease", "Release"))
    signature = target.file.with_name(f"{beside.name}.gpg")
    signed_by = _signed_by(target.entry)
    if inside.is_file():
        keys = keys_of(signed_by)
        file, signed = inside, check_signature(inside, keys)
    elif signature.is_file():
        keys = keys_of(signed_by)
        file, signed = beside, check_signature(beside, keys, signature)
    else:
        return LockedIndex(target.name, "", "", sha256)
    text = signed.text.decode("utf-8", "replace")
    wanted = _hash_of(text, target.key)
    if wanted != sha256:
        message = f"the list of packages is not what {file.name} names: expected {wanted}, found {sha256}"
        raise BuildError([Problem(message, str(target.file), suggestion=_HINT)])
    release = hashlib.sha256(file.read_bytes()).hexdigest()
    return LockedIndex(target.name, _date(text), release, sha256, signed.by, keys.sha256)


def _read(target: Target) -> bytes:
    """Return a list unpacked, however apt keeps it."""
    try:
        return run([_READER, "cat-file", str(target.file)])
    except ProgramError as error:
        message = f"cannot be read: {error.shown}"
        raise BuildError([Problem(message, str(target.file), suggestion=_HINT)]) from error


def _hash_of(text: str, key: str) -> str:
    """Return the SHA-256 that a release file gives for a list; ``nothing`` where it names none."""
    inside = False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line.startswith("SHA256:")
        elif inside:
            fields = line.split()
            if fields[2:] == [key]:
                return fields[0]
    return "nothing"


def _date(text: str) -> str:
    return next((line.removeprefix("Date: ") for line in text.splitlines() if line.startswith("Date: ")), "")


def _signed_by(entry: str) -> str:
    """Return what ``Signed-By`` says in an entry of apt's sources: ``FILE:NUMBER``."""
    name, _, number = entry.rpartition(":")
    path = Path(name)
    if not path.is_file() or not number.isdecimal():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix != ".sources":
        line = text.splitlines()[int(number) - 1 : int(number)]
        found = re.search(r"signed-by=([^\s\]]+)", line[0]) if line else None
        return found[1] if found else ""
    stanzas = [stanza for stanza in re.split(r"\n\s*\n", text) if re.search(r"(?mi)^types:", stanza)]
    stanza = stanzas[int(number) - 1] if int(number) <= len(stanzas) else ""
    found = re.search(r"(?mi)^signed-by:[ \t]*(.*(?:\n[ \t#].*)*)", stanza)
    return "\n".join(line for line in found[1].splitlines() if not line.startswith("#")) if found else ""


def _known(field: str) -> str:
    """Return a value; apt leaves the name of what it does not know."""
    return "" if field.startswith("$(") else field
