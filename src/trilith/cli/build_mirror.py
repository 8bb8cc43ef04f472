"""``trilith build mirror check``: what is fetched and no rule of ``mirrors.toml`` covers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from trilith.build.addresses import addresses, missing_rules, uncovered
from trilith.build.catalogue import OWN, load
from trilith.build.locking import FILE, Lock, read_lock
from trilith.build.looking import Shelf, look
from trilith.build.model import Plan
from trilith.build.problems import BuildError, Problem
from trilith.build.store import Store
from trilith.cli.build_sources import Flags, plan_of_lock


def main(words: Sequence[str], catalogue: str) -> int:
    """List every address that no rule covers, and those that only CMake knows: exit status 1 if there are."""
    if list(words[:1]) != ["check"]:
        raise BuildError([Problem("'mirror' takes one word", suggestion="write trilith build mirror check")])
    plan, locked = _plan(list(words[1:]), catalogue)
    left = uncovered(plan)
    shelf = Shelf(plan.mirrors, locked)
    more, unresolved = look(plan, shelf)
    for item in left:
        sys.stdout.write(f"{item.kind}: {item.address} ({item.reason})\n")
    sys.stdout.write("".join(f"{line}\n" for line in (*more, *unresolved)))
    total = len(addresses(plan)) + len(more)
    if left or more:
        sys.stderr.write(f"{len(left) + len(more)} of {total} addresses are covered by no rule\n")
    else:
        sys.stderr.write(f"rules cover all {total} addresses\n")
    if left:
        sys.stderr.write(f"rules that would cover them, with mirrors of yours:\n{missing_rules(left)}")
    if unresolved:
        hint = "rules are applied then; for a lock, a table [third_party.NAME] can name them, with 'written'"
        sys.stderr.write(f"{len(unresolved)} are put together while CMake runs: {hint}\n")
    if shelf.missing:
        hint = "--lock=L with its store, or mirrors that are folders, show what they fetch themselves"
        sys.stderr.write(
            f"{len(shelf.missing)} repositories are not on this machine and were not looked into; {hint}\n"
        )
    return 1 if left or more or unresolved else 0


def _plan(words: list[str], catalogue: str) -> tuple[Plan, tuple[Lock, Store] | None]:
    """Plan a selection, or what a lock is for: the one in this folder where nothing is chosen."""
    from trilith.cli.build import decide  # noqa: PLC0415  which imports this module by its name

    flags = Flags(words)
    named, mirrors = flags.take("lock"), flags.take("mirrors")
    rules = [f"--mirrors={mirrors}"] if mirrors else []
    if not named and not flags.words and Path(FILE).is_file():
        named = FILE
    if named:
        lock, store = read_lock(Path(named)), flags.store()
        return plan_of_lock(lock, store, [*flags.words, *rules]), (lock, store)
    if not flags.words:
        hint = f"name one, as for 'trilith build plan', or a lock with --lock=L; there is no {FILE} here"
        raise BuildError([Problem("nothing is chosen whose addresses could be looked at", suggestion=hint)])
    return decide(load(catalogue or OWN), [*flags.words, *rules]), None
