"""``trilith build components``, ``explain`` and ``mirror check``: what there is, and where it comes from."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trilith.build.problems import BuildError, Problem
from trilith.cli.columns import write

if TYPE_CHECKING:
    from trilith.build import Catalogue, Plan


def components(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build components``: list everything that can be chosen."""
    from trilith.build.explaining import components  # noqa: PLC0415

    if words:
        hint = "trilith build explain NAME says what is known of one"
        raise BuildError([Problem(f"unexpected argument '{word}'", suggestion=hint) for word in words])
    write(components(catalogue))
    return 0


def explain(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build explain NAME...``: say what is known of each."""
    from trilith.build.explaining import explain, known_names  # noqa: PLC0415

    if not words:
        raise BuildError([Problem("explain needs a name", suggestion="trilith build components lists them")])
    texts = {word: explain(catalogue, word) for word in words}
    unknown = [word for word, text in texts.items() if not text]
    if unknown:
        raise BuildError(_unknown(word, catalogue, known_names(catalogue)) for word in unknown)
    write("\n".join(texts.values()))
    return 0


def _unknown(word: str, catalogue: "Catalogue", known: Sequence[str]) -> Problem:
    from trilith.build.catalogue import load, names  # noqa: PLC0415
    from trilith.build.explaining import explain  # noqa: PLC0415
    from trilith.build.spelling import suggest  # noqa: PLC0415

    others = [name for name in names() if name != catalogue.head.name and explain(load(name), word)]
    elsewhere = f"--catalogue={others[0]} has it" if others else ""
    hint = elsewhere or suggest(word, known) or "trilith build components lists what there is"
    return Problem(f"there is no '{word}' in the catalogue {catalogue.head.name}", suggestion=hint)


def mirror(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build mirror check``: list every address that no rule covers, with status 1 for any."""
    from trilith.build.addresses import addresses, missing_rules, uncovered  # noqa: PLC0415

    if list(words[:1]) != ["check"]:
        raise BuildError([Problem("'mirror' takes one word", suggestion="write trilith build mirror check")])
    plan = _plan(catalogue, words[1:])
    left = uncovered(plan)
    for item in left:
        sys.stdout.write(f"{item.kind}: {item.address} ({item.reason})\n")
    count = len(addresses(plan))
    if left:
        sys.stderr.write(f"{len(left)} of {count} addresses are covered by no rule\n")
        sys.stderr.write(f"rules that would cover them, with mirrors of yours:\n{missing_rules(left)}")
    else:
        sys.stderr.write(f"rules cover all {count} addresses\n")
    return 1 if left else 0


def _plan(catalogue: "Catalogue", words: Sequence[str]) -> "Plan":
    """Plan a selection, or what a lock is for; the one in this folder where nothing is chosen."""
    from trilith.build.locking import FILE, read_lock  # noqa: PLC0415
    from trilith.cli import build_sources  # noqa: PLC0415
    from trilith.cli.build import decide  # noqa: PLC0415

    flags = build_sources.Flags(list(words))
    named, mirrors = flags.take("lock"), flags.take("mirrors")
    rules = [f"--mirrors={mirrors}"] if mirrors else []
    if not named and not flags.words and Path(FILE).is_file():
        named = FILE
    if named:
        return build_sources.plan_of_lock(read_lock(Path(named)), flags.store(), [*flags.words, *rules])
    if not flags.words:
        hint = f"name one, as for 'trilith build plan', or a lock with --lock=L; there is no {FILE} here"
        raise BuildError([Problem("nothing is chosen whose addresses could be looked at", suggestion=hint)])
    return decide(catalogue, [*flags.words, *rules])
