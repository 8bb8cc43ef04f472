"""``trilith build lock``, ``fetch``, ``bundle`` and ``--from``: what builds are made from, and that alone."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trilith.build.problems import BuildError, Problem

if TYPE_CHECKING:
    from trilith.build import Catalogue, Lock, Mirrors, Origin, Place, Plan
    from trilith.build.phases import Phases
    from trilith.build.store import Store
    from trilith.cli.build_output import Output

MOVED_STATUS = 1
FROM, LOCK = "--from", "--lock"
# What a build from a bundle may still be told; everything else stands in its lock.
_FREE = ("build-dir", "install-dir", "build-parallel", "quiet", "verbose", "dryrun")


@dataclass
class Flags:
    """The flags of these commands, taken out of the words before a selection is read."""

    words: list[str]

    def take(self, name: str) -> str:
        """Take ``--name=VALUE`` or ``--name VALUE`` out; empty where it is not there."""
        for index, word in enumerate(self.words):
            flag, equals, value = word.partition("=")
            if flag == f"--{name}":
                del self.words[index]
                if not equals and index < len(self.words):
                    value = self.words.pop(index)
                if not value:
                    raise BuildError([Problem(f"--{name} needs a value")])
                return value
        return ""

    def switch(self, name: str) -> bool:
        """Take ``--name``, or ``-n``, out."""
        given = [word for word in (f"--{name}", f"-{name[0]}") if word in self.words]
        for word in given:
            self.words.remove(word)
        return bool(given)

    def store(self, name: str = "store") -> "Store":
        """Take the flag that names a store; this user's own if it is not there."""
        from trilith.build.store import Store, default_store  # noqa: PLC0415

        named = self.take(name)
        return Store(Path(named) if named else default_store())

    def lock(self) -> "Lock":
        """Take the flag that names a lock; the one in this folder if it is not there."""
        from trilith.build.locking import FILE, read_lock  # noqa: PLC0415

        return read_lock(Path(self.take("lock") or FILE))

    def mirrors(self) -> "Mirrors":
        """Take the flag that names the rules; none if it is not there."""
        from trilith.build.mirrors import Mirrors, read  # noqa: PLC0415

        named = self.take("mirrors")
        return read(Path(named)) if named else Mirrors()

    def end(self) -> None:
        """Refuse what is left."""
        if self.words:
            raise BuildError([Problem(f"unexpected argument '{word}'") for word in self.words])


def lock(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build lock SELECTION [--output=L] [--check]``: say what everything is."""
    from trilith.build.locking import FILE, lock, moved, read_lock, to_text  # noqa: PLC0415
    from trilith.build.locking.roots import PACKAGES  # noqa: PLC0415
    from trilith.build.result import write_text  # noqa: PLC0415

    flags = Flags(list(words))
    path = Path(flags.take("output") or FILE)
    before = read_lock(path) if flags.switch("check") else None
    store, bases, debian = flags.store(), _bases(flags), flags.switch("debian")
    rules, source = (_kept(flags, name) for name in ("mirrors", "cmake-dir"))
    if before is not None and not flags.words:
        plan = plan_of_lock(before, store, rules)
    else:
        from trilith.cli.build import decide  # noqa: PLC0415

        plan = decide(catalogue, [*flags.words, *rules, *source])
    debian = debian or bool(before and before.debian)
    if before is not None:
        # Folders and images have to be named again; what is made of packages is known.
        bases = {item.name: PACKAGES for item in before.image if item.reference == PACKAGES} | bases
    place = _place(plan, store, bases, debian=debian)
    made = lock(plan, replace(place, source=Path(source[0].partition("=")[2])) if source else place)
    for note in made.notes:
        sys.stderr.write(f"note: {note}\n")
    if before is None:
        sys.stdout.write(f"{write_text(path, to_text(made))}\n")
        return 0
    found = moved(before, made)
    sys.stdout.write("".join(f"moved: {line}\n" for line in found))
    sys.stderr.write(f"{path}: {f'{len(found)} things moved' if found else 'nothing moved'}\n")
    return MOVED_STATUS if found else 0


def fetch(_: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build fetch --lock=L --to=STORE``: bring all of it here."""
    from trilith.build.fetching import Origin  # noqa: PLC0415

    flags = Flags(list(words))
    locked, store, mirrors = flags.lock(), flags.store("to"), flags.mirrors()
    source, quiet = flags.take("source"), flags.switch("quiet")
    flags.end()
    _fetch(locked, store, Origin(mirrors, Path(source) if source else None), quiet=quiet)
    sys.stdout.write(f"{store.root}\n")
    return 0


def bundle(_: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build bundle --lock=L --store=S OUT``: put all of it into one file."""
    from trilith.build.bundling import bundle  # noqa: PLC0415

    flags = Flags(list(words))
    locked, store = flags.lock(), flags.store()
    if len(flags.words) != 1 or flags.words[0].startswith("-"):
        raise BuildError(
            [Problem("bundle takes one file", suggestion="trilith build bundle --lock=L out.tar")]
        )
    sys.stdout.write(f"{bundle(locked, store, Path(flags.words[0]))}\n")
    return 0


def build_from(words: Sequence[str]) -> int:
    """``trilith build --from OUT [--prove]``: build from a bundle, without a network."""
    from trilith.build.assembling.rooms import bundle_room  # noqa: PLC0415
    from trilith.build.bundling import unbundle  # noqa: PLC0415

    flags = Flags(list(words))
    file, how = Path(flags.take("from")), How.take(flags)
    with bundle_room(Path(_folder_of(flags.words))) as folder:
        with how.phases("unpack"):
            locked, store = unbundle(file, folder)
        plan = plan_of_lock(locked, store, flags.words)
        _assemble(plan, locked, store, how)
    return 0


def build_locked(words: Sequence[str]) -> int:
    """``trilith build --lock=L [--store=S]``: build what was locked; what the store lacks is fetched."""
    from trilith.build.fetching import Origin  # noqa: PLC0415

    flags = Flags(list(words))
    locked, store, how, source = flags.lock(), flags.store(), How.take(flags), flags.take("source")
    plan = plan_of_lock(locked, store, flags.words)
    origin = Origin(plan.mirrors, Path(source) if source else None)
    with how.phases("fetch"):
        _fetch(locked, store, origin, quiet=plan.selection.has("quiet"))
    _assemble(plan, locked, store, how)
    return 0


def build(plan: "Plan", how: "How") -> int:
    """Lock, fetch and assemble in one go; pins of the last time are kept while the plan is the same."""
    from trilith.build.fetching import Origin  # noqa: PLC0415
    from trilith.build.locking import FILE, lock, read_lock, refresh, to_text  # noqa: PLC0415
    from trilith.build.result import write_text  # noqa: PLC0415
    from trilith.build.store import Store, default_store  # noqa: PLC0415

    store, file = Store(default_store()), Path(plan.folders.output) / FILE
    debian = how.output is not None and how.output.packages
    place = _place(plan, store, {}, debian=debian)
    before = read_lock(file) if file.is_file() else None
    kept = before if before and before.plan == plan.digest and (before.debian or not debian) else None
    with how.phases("lock"):
        locked = refresh(kept, plan, place) if kept else lock(plan, place)
        write_text(file, to_text(locked))
    with how.phases("fetch"):
        _fetch(locked, store, Origin(plan.mirrors, place.source), quiet=plan.selection.has("quiet"))
    _assemble(plan, locked, store, how)
    return 0


@dataclass(frozen=True)
class How:
    """How a build runs, and what it ends with."""

    prove: bool
    output: "Output | None"
    phases: "Phases"

    @classmethod
    def take(cls, flags: Flags) -> "How":
        """Take it out of a command line."""
        from trilith.build.phases import Phases  # noqa: PLC0415
        from trilith.cli.build_output import take_output  # noqa: PLC0415

        return cls(flags.switch("prove"), take_output(flags), Phases())


def _assemble(plan: "Plan", locked: "Lock", store: "Store", how: How) -> None:
    from trilith.build import assembling  # noqa: PLC0415

    quiet, dryrun = plan.selection.has("quiet"), plan.selection.has("dryrun")
    if how.output and plan.containers:
        how.output.refuse_containers()
    if how.output:
        how.output.check(locked)
    told = assembling.How(prove=how.prove, quiet=quiet, dryrun=dryrun, phases=how.phases)
    root = assembling.assemble(plan, locked, store, told)
    sys.stdout.write(f"{root}\n")
    if how.output and not dryrun:
        with how.phases("image"):
            how.output.write(root, plan.catalogue, store)
    if not quiet:
        sys.stderr.write(f"{how.phases}\n")


def _fetch(locked: "Lock", store: "Store", origin: "Origin", *, quiet: bool) -> None:
    from trilith.build.fetching import count, fetch  # noqa: PLC0415
    from trilith.build.progress import showing  # noqa: PLC0415

    with showing(count(locked), quiet=quiet) as progress:
        fetch(locked, store, origin, progress)


def plan_of_lock(locked: "Lock", store: "Store", words: Sequence[str]) -> "Plan":
    """Plan what a lock is for; the command line adds folders and rules."""
    from trilith.build.host import this_host  # noqa: PLC0415
    from trilith.build.locking.choosing import catalogue_of, selection_of  # noqa: PLC0415
    from trilith.build.planning import plan  # noqa: PLC0415
    from trilith.build.prebuilt import hand_over, settle  # noqa: PLC0415
    from trilith.build.words import select  # noqa: PLC0415

    catalogue = catalogue_of(locked, store)
    flags = Flags(list(words))
    mirrors = flags.mirrors()
    given, rest, problems = select(flags.words, catalogue)
    problems += [Problem(f"unexpected argument '{word}'") for word in rest]
    problems += [
        Problem(f"--{name} stands in the lock", suggestion="lock again to change it")
        for name in given.choices
        if name not in _FREE
    ]
    if problems:
        raise BuildError(problems)
    host = this_host(catalogue.head)
    selection = selection_of(locked, given.choices)
    # What was handed over lies where it lay, and is looked at once more.
    selection, handed = hand_over(selection, catalogue, selection.text("target-machine", host.machine))
    return settle(plan(selection, catalogue, host, mirrors), handed)


def _kept(flags: Flags, name: str) -> list[str]:
    """Take a flag out, as the words that give it again."""
    value = flags.take(name)
    return [f"--{name}={value}"] if value else []


def _folder_of(words: Sequence[str]) -> str:
    return Flags(list(words)).take("build-dir") or "build"


def _place(plan: "Plan", store: "Store", bases: dict[str, str], *, debian: bool) -> "Place":
    from trilith.build.locking import Place  # noqa: PLC0415

    return Place(store, Path(plan.folders.source or Path.cwd()), bases, debian)


def _bases(flags: Flags) -> dict[str, str]:
    found: dict[str, str] = {}
    while named := flags.take("base"):
        name, equals, folder = named.partition("=")
        if not equals:
            raise BuildError(
                [Problem(f"--base={named} names nothing to stand on", suggestion="write --base=NAME=FOLDER")]
            )
        found[name] = folder
    return found
