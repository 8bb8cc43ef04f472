"""``trilith build``: put a server together from bricks, for this server and for the upstream one."""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from trilith.cli import build_catalogue as catalogues
from trilith.cli import build_sources as sources

if TYPE_CHECKING:
    from trilith.build import Catalogue, Host, Plan, Problem, Selection

USAGE_STATUS = 2
STOPPED_STATUS = 128
"""As shells have it: this and the number of the signal."""

HELP = """\
Put a server together from bricks. Writes scripts and Dockerfiles that hold
every decision, and runs them.

Usage:
    trilith build [selection] [--dryrun]
        Write the files and run them; --dryrun stops after writing.
    trilith build [selection] --output=oci:DIR|docker-archive:FILE
        Write an image of what was built, too; goes with --from and --lock.

    trilith build plan [selection]
        Show what would be built, what it pulls in, and why.
    trilith build components
        List everything that can be chosen.
    trilith build explain NAME...
        Say what is known of a component, a library, a preset or a setting.
    trilith build mirror check [selection] [--lock=L] [--mirrors=FILE]
        List every address that no rule of mirrors.toml covers.
    trilith build doctor
        Say what this machine has for a build, and what it lacks.

    trilith build lock [selection] [--output=L] [--check] [--store=S]
                       [--debian] [--base=IMAGE=BASE]
        Write down what everything is; --check says what moved.
    trilith build fetch --lock=L --to=STORE [--mirrors=FILE] [--source=DIR]
        Bring all of it here: the one step that uses a network.
    trilith build bundle --lock=L --store=S OUT
        Put all of it into one file.
    trilith build --from=OUT [--prove]
        Build from that file alone; --prove shows that no network was used.
    trilith build --lock=L [--store=S]
        Build what was locked; what the store lacks is fetched.

    trilith build verify DIR|IMAGE
        Read it, run it, ask it, compare it with its plan.
    trilith build size DIR|IMAGE
        Say how large each brick is; --max-size=150MB is a gate.
    trilith build diff A B
        Say what differs between two results, images or locks.
    trilith build sbom LOCK|DIR|IMAGE
        Say what it is made from, as CycloneDX or SPDX.
    trilith build image DIR --output=oci:DIR
        Write an image of a result, without an engine.
    trilith build compose --from=DIR|IMAGE --backend=NAME --output=DIR
        Cut a smaller server out of one that is there.

The catalogue is 'trilith', this server. --catalogue=triton is the upstream
C++ server; any other is a file. A selection is flags, with the names that
build.py gave them, a server.toml (--config), or both; the command line wins.
After '--', an old command line of build.py works as it is.

--proxy=ADDRESS, with any of these, is asked for whatever is fetched, as is the
environment's http_proxy; neither is written into files, images or locks."""

CATALOGUE = "--catalogue"
SHOWN_PROBLEMS = 20
"""An empty store lacks everything that a lock names, which nobody reads one by one."""

LATER = {
    "compose": "trilith.cli.build_compose",
    "diff": "trilith.cli.build_compare",
    "doctor": "trilith.cli.build_doctor",
    "image": "trilith.cli.build_image",
    "mirror": "trilith.cli.build_mirror",
    "sbom": "trilith.cli.build_sbom",
    "size": "trilith.cli.build_size",
    "verify": "trilith.cli.build_check",
}
"""Subcommands with a module of their own, imported when they are called; each has a function ``main``, which
takes the words and the name of the catalogue, empty where none was named."""


def main(words: Sequence[str]) -> int:
    """Run ``trilith build``."""
    words = list(words)
    if any(word in ("-h", "--help") for word in words):
        return _help()
    from trilith.build.problems import BuildError  # noqa: PLC0415  not for --help
    from trilith.build.stopping import told_by_signals  # noqa: PLC0415

    try:
        with told_by_signals():
            status = _run(words)
        sys.stdout.flush()  # while what may be wrong with it can still be told
    except BuildError as error:
        return _refuse(error.problems)
    except BrokenPipeError:
        # Who reads what is shown has seen enough; nothing more can be written there, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        from trilith.build.store import system_problem  # noqa: PLC0415

        return _refuse([system_problem(error)])
    except KeyboardInterrupt as interrupt:
        return _stopped(interrupt)
    return status


def _run(words: list[str]) -> int:
    if proxy := sources.Flags(words).take("proxy"):
        from trilith.build.proxies import use_proxy  # noqa: PLC0415

        use_proxy(proxy)
    given = _take_catalogue(words)
    command = words[0] if words and words[0] in {**COMMANDS, **LATER} else ""
    rest = words[1:] if command else words
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


def _stopped(interrupt: KeyboardInterrupt) -> int:
    """Say what was ended, and how to go on; nobody may be there any more who reads it."""
    from trilith.build.stopping import Stopped, ended_programs  # noqa: PLC0415

    number = signal.Signals(interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT)
    names = ", ".join(ended_programs())
    told = f"; ended with all that they had started: {names}" if names else ""
    with suppress(OSError):
        sys.stderr.write(
            f"trilith build: stopped by {number.name}{told}. Run it again: what is whole is kept\n"
        )
        sys.stderr.flush()
    return STOPPED_STATUS + number


def _refuse(problems: "Iterable[Problem]") -> int:
    told = list(problems)
    for problem in told[:SHOWN_PROBLEMS]:
        sys.stderr.write(f"trilith build: {problem}\n")
    if len(told) > SHOWN_PROBLEMS:
        sys.stderr.write(f"trilith build: and {len(told) - SHOWN_PROBLEMS} more like these\n")
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
    settled: Callable[[Plan], Plan] | None = None
    try:
        if catalogue.prebuilt and selection.all("component"):
            selection, settled = _handed_over(selection, catalogue, host)
    except BuildError as error:
        problems += error.problems
    try:
        decided = plan(selection, catalogue, host, mirrors)
    except BuildError as error:
        raise BuildError([*problems, *error.problems]) from error
    if problems:
        raise BuildError(problems)
    return settled(decided) if settled else decided


def _handed_over(
    selection: "Selection", catalogue: "Catalogue", host: "Host"
) -> "tuple[Selection, Callable[[Plan], Plan]]":
    """Look at components that are handed over; what CMake must be told, and what becomes of the plan."""
    from trilith.build.prebuilt import hand_over, settle  # noqa: PLC0415  reads libraries

    told, handed = hand_over(selection, catalogue, selection.text("target-machine", host.machine))
    return told, lambda plan: settle(plan, handed)


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


COMMANDS: dict[str, Callable[["Catalogue", Sequence[str]], int]] = {
    "": _build,
    "plan": _show,
    "components": catalogues.components,
    "explain": catalogues.explain,
    "lock": sources.lock,
    "fetch": sources.fetch,
    "bundle": sources.bundle,
}
