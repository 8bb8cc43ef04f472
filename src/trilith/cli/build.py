"""``trilith build``: put a server together from bricks, for this server and for the upstream one."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from trilith.cli import build_sources as sources

if TYPE_CHECKING:
    from trilith.build import Catalogue, Plan

USAGE_STATUS = 2

HELP = """\
Put a server together from bricks. Writes scripts and Dockerfiles that hold every decision, and runs them.

Usage:
    trilith build [selection] [--dryrun]     write the files; without --dryrun, run them
    trilith build plan [selection]           show what would be built, what it pulls in and why
    trilith build components                 list everything that can be chosen
    trilith build explain NAME...            say what is known of a component or a library
    trilith build verify DIR|IMAGE           read it, run it, ask it, compare it with its plan
    trilith build image DIR --output=oci:DIR write an image of it, without an engine
    trilith build sbom LOCK|DIR|IMAGE        what it is made from, as CycloneDX or SPDX
    trilith build size DIR|IMAGE             how large each brick is; --max-size=150MB is a gate
    trilith build diff A B                   what differs between two results, images or locks
    trilith build compose --from=DIR|IMAGE   cut a smaller server out of one that is there
    trilith build doctor                     what this machine has for a build, and what it lacks
    trilith build mirror check [selection]   list every address that no rule of mirrors.toml covers
    trilith build lock [selection] [--output=L] [--check] [--store=S] [--debian] [--base=IMAGE=BASE]
                                             write down what everything is; --check says what moved
    trilith build fetch --lock=L --to=STORE [--mirrors=FILE] [--source=FOLDER]
                                             bring all of it here: the one step that uses a network
    trilith build bundle --lock=L --store=S OUT
                                             put all of it into one file
    trilith build --from=OUT [--prove]       build from that file alone; --prove shows no network was used
    trilith build --lock=L [--store=S]       build what was locked; what the store lacks is fetched
    trilith build ... --output=oci:DIR       write an image of what was built; or docker-archive:FILE

The catalogue is 'trilith', this server. --catalogue=triton is the upstream C++ server; any other is a file.
A selection is flags, with the names that build.py gave them, a server.toml (--config), or both; the command
line wins. After '--', an old command line of build.py works as it is."""

CATALOGUE = "--catalogue"

LATER = {
    "compose": "trilith.cli.build_compose",
    "diff": "trilith.cli.build_compare",
    "doctor": "trilith.cli.build_doctor",
    "image": "trilith.cli.build_image",
    "sbom": "trilith.cli.build_sbom",
    "size": "trilith.cli.build_size",
    "verify": "trilith.cli.build_check",
}
"""Subcommands with a module of their own, imported when they are called; each has a function ``main``, which
takes the words and the name of the catalogue, empty where none was named."""


def main(words: Sequence[str]) -> int:
    """Run ``trilith build``."""
    words = list(words)
    given = _take_catalogue(words)
    command = words[0] if words and words[0] in {**COMMANDS, **LATER} else ""
    rest = words[1:] if command else words
    if any(word in ("-h", "--help") for word in words):
        return _help()
    from trilith.build.problems import BuildError  # noqa: PLC0415  not for --help

    try:
        if command in LATER:
            return int(import_module(LATER[command]).main(rest, given))
        from trilith.build.catalogue import OWN, load  # noqa: PLC0415

        return COMMANDS[command](load(given or OWN), rest)
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"trilith build: {error.name} is not installed; pip install 'trilith[build]' brings it\n"
        )
        return USAGE_STATUS
    except BuildError as error:
        for problem in error.problems:
            sys.stderr.write(f"trilith build: {problem}\n")
        sys.stderr.write("trilith build --help lists the flags\n")
        return USAGE_STATUS


def _help() -> int:
    from trilith.build.flags import FLAGS, usage  # noqa: PLC0415

    sys.stdout.write(
        f"{HELP}\n{usage(FLAGS)}\n\n'trilith build components' lists features: each is --enable-NAME.\n"
    )
    return 0


def _take_catalogue(words: list[str]) -> str:
    """Take ``--catalogue=NAME`` out of the words; a ``server.toml`` may name one too."""
    from trilith.build.settings import named_catalogue  # noqa: PLC0415

    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == CATALOGUE:
            del words[index]
            return value if equals else (words.pop(index) if index < len(words) else "")
    return named_catalogue(words) if any(word.startswith("--config") for word in words) else ""


def decide(catalogue: "Catalogue", words: Sequence[str]) -> "Plan":
    """Plan what a command line asks for."""
    from trilith.build.host import this_host  # noqa: PLC0415
    from trilith.build.mirrors import Mirrors, read  # noqa: PLC0415
    from trilith.build.planning import plan  # noqa: PLC0415
    from trilith.build.prebuilt import Handed, hand_over, settle  # noqa: PLC0415
    from trilith.build.problems import BuildError, Problem  # noqa: PLC0415
    from trilith.build.words import select  # noqa: PLC0415

    selection, rest, problems = select(words, catalogue)
    problems += [Problem(f"unexpected argument '{word}'") for word in rest]
    mirrors = Mirrors()
    try:
        if selection.text("mirrors"):
            mirrors = read(Path(selection.text("mirrors")))
    except BuildError as error:
        problems += error.problems
    host = this_host(catalogue.head)
    handed: tuple[Handed, ...] = ()
    try:
        if catalogue.prebuilt:
            selection, handed = hand_over(
                selection, catalogue, selection.text("target-machine", host.machine)
            )
    except BuildError as error:
        problems += error.problems
    try:
        decided = settle(plan(selection, catalogue, host, mirrors), handed)
    except BuildError as error:
        raise BuildError([*problems, *error.problems]) from error
    if problems:
        raise BuildError(problems)
    return decided


def _build(catalogue: "Catalogue", words: Sequence[str]) -> int:
    from trilith.build.files import emit, write  # noqa: PLC0415
    from trilith.build.run import run  # noqa: PLC0415
    from trilith.build.store import Store, default_store  # noqa: PLC0415

    words = list(words)
    named = {word.partition("=")[0] for word in words}
    if sources.FROM in named:
        return sources.build_from(words)
    if sources.LOCK in named:
        return sources.build_locked(words)
    how = sources.How.take(sources.Flags(words))
    plan = decide(catalogue, words)
    if how.output and plan.containers:
        how.output.refuse_containers()
    folder = Path(plan.folders.output)
    if plan.catalogue.head.builder == "wheel" and not plan.containers and not plan.selection.has("dryrun"):
        return sources.build(plan, how)
    written = write(emit(plan), folder)
    if not plan.selection.has("quiet"):
        for note in plan.notes:
            sys.stderr.write(f"note: {note}\n")
        sys.stdout.write("".join(f"{path}\n" for path in written))
    status = 0 if plan.selection.has("dryrun") else run(plan, folder)
    if how.output and not status and not plan.selection.has("dryrun"):
        how.output.write(Path(plan.folders.install), plan.catalogue, Store(default_store()))
    return status


def _show(catalogue: "Catalogue", words: Sequence[str]) -> int:
    from trilith.build.tree import plan_tree  # noqa: PLC0415
    from trilith.cli.build_tree import show  # noqa: PLC0415

    show(plan_tree(decide(catalogue, words)))
    return 0


def _components(catalogue: "Catalogue", words: Sequence[str]) -> int:
    from trilith.build.tree import components  # noqa: PLC0415

    _refuse(words)
    sys.stdout.write(components(catalogue))
    return 0


def _explain(catalogue: "Catalogue", words: Sequence[str]) -> int:
    from trilith.build.problems import BuildError, Problem  # noqa: PLC0415
    from trilith.build.spelling import suggest  # noqa: PLC0415
    from trilith.build.tree import explain  # noqa: PLC0415

    known = [part.name for part in (*catalogue.components.values(), *catalogue.third_party.values())]
    texts = {word: explain(catalogue, word) for word in words}
    problems = [
        Problem(
            f"there is no '{word}' in the catalogue {catalogue.head.name}", suggestion=suggest(word, known)
        )
        for word, text in texts.items()
        if not text
    ]
    if problems or not words:
        raise BuildError(
            problems or [Problem("explain needs a name", suggestion="trilith build components lists them")]
        )
    sys.stdout.write("\n".join(texts.values()))
    return 0


def _mirror(catalogue: "Catalogue", words: Sequence[str]) -> int:
    from trilith.build.addresses import addresses, uncovered  # noqa: PLC0415
    from trilith.build.problems import BuildError, Problem  # noqa: PLC0415

    if list(words[:1]) != ["check"]:
        raise BuildError([Problem("'mirror' takes one word", suggestion="write trilith build mirror check")])
    plan = decide(catalogue, words[1:])
    left = uncovered(plan)
    for item in left:
        sys.stdout.write(f"{item.kind}: {item.address} ({item.reason})\n")
    sys.stderr.write(f"{len(left)} of {len(addresses(plan))} addresses are covered by no rule\n")
    return 1 if left else 0


def _refuse(words: Sequence[str]) -> None:
    from trilith.build.problems import BuildError, Problem  # noqa: PLC0415

    if words:
        raise BuildError([Problem(f"unexpected argument '{word}'") for word in words])


COMMANDS: dict[str, Callable[["Catalogue", Sequence[str]], int]] = {
    "": _build,
    "plan": _show,
    "components": _components,
    "explain": _explain,
    "mirror": _mirror,
    "lock": sources.lock,
    "fetch": sources.fetch,
    "bundle": sources.bundle,
}
