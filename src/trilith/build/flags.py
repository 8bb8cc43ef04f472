"""The flags of ``trilith build``: those of ``build.py``, and a few more.

Nothing here names a component: ``--enable-NAME`` exists for every feature of a catalogue, and each of its
settings is a flag.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trilith.build.catalogue.schema import Catalogue


@dataclass(frozen=True)
class Flag:
    """One flag."""

    name: str
    help: str
    group: str = "What to build"
    metavar: str = ""
    """Empty for a switch."""
    separator: str | None = None
    """For flags that repeat: what ends the name by which a later value replaces an earlier one."""
    words: int = 1
    """How many words its value takes on a command line."""
    short: str = ""
    stands_for: str = ""
    """The flag that it is another name of."""

    @property
    def repeats(self) -> bool:
        """Whether it may be given more than once."""
        return self.separator is not None


WHAT, WHERE, VERSIONS, CMAKE, TARGET, CONTAINERS, OUTPUT = (
    "What to build",
    "Where",
    "Versions and sources",
    "CMake arguments",
    "Target",
    "Containers",
    "Output",
)

FLAGS = (
    Flag(
        "backend",
        "Include a backend, at a tag or branch of its own if one is named.",
        WHAT,
        "NAME[:TAG]",
        ":",
    ),
    Flag("endpoint", "Include an endpoint.", WHAT, "NAME", ""),
    Flag("repoagent", "Include a repository agent.", WHAT, "NAME[:TAG]", ":"),
    Flag("cache", "Include a response cache.", WHAT, "NAME[:TAG]", ":"),
    Flag("filesystem", "Include a remote file system for model repositories.", WHAT, "NAME", ""),
    Flag("enable", "Include a feature; the same as --enable-NAME.", WHAT, "NAME", ""),
    Flag("enable-all", "Include everything that is released; the same as --preset=full.", WHAT),
    Flag("preset", "Start from a selection that ships: minimal, cpu, gpu, edge, full.", WHAT, "NAME"),
    Flag("without", "Leave out what a preset or a file chose.", WHAT, "NAME", ""),
    Flag("no-core-build", "Leave out the server itself: backends, caches and agents only.", WHAT),
    Flag("config", "Read a selection from a file, usually server.toml; the command line wins.", WHAT, "FILE"),
    Flag("version", "Version of the server.", VERSIONS, "VERSION"),
    Flag(
        "container-version",
        "Version of the container, YY.MM; decides the tags of all components.",
        VERSIONS,
        "YY.MM",
    ),
    Flag("triton-container-version", "", VERSIONS, "YY.MM", stands_for="container-version"),
    Flag("release-version", "Version of the wheels.", VERSIONS, "VERSION"),
    Flag("repo-tag", "Tag or branch of a core repository.", VERSIONS, "NAME:TAG", ":"),
    Flag("github-organization", "Where the repositories are cloned from.", VERSIONS, "ADDRESS"),
    Flag("mirrors", "Rules that send addresses to mirrors, usually mirrors.toml.", VERSIONS, "FILE"),
    Flag("no-force-clone", "Keep repositories that are already cloned.", VERSIONS),
    Flag("build-type", "Release, Debug, RelWithDebInfo or MinSizeRel.", CMAKE, "TYPE"),
    Flag(
        "build-parallel", "How many jobs to run at once; one per core by default.", CMAKE, "COUNT", short="j"
    ),
    Flag("extra-core-cmake-arg", "One more argument for the core.", CMAKE, "NAME=VALUE", "="),
    Flag(
        "override-core-cmake-arg",
        "Another value for an argument of the core.",
        CMAKE,
        "NAME=VALUE",
        "=",
    ),
    Flag("extra-backend-cmake-arg", "One more argument for a backend.", CMAKE, "BACKEND:NAME=VALUE", "="),
    Flag(
        "override-backend-cmake-arg",
        "Another value for an argument of a backend.",
        CMAKE,
        "BACKEND:NAME=VALUE",
        "=",
    ),
    Flag(
        "component",
        "Hand over a library that is there already: its folder, with headers and libraries.",
        CMAKE,
        "NAME=PATH",
        "=",
    ),
    Flag("library-paths", "Where the libraries of a backend lie.", CMAKE, "BACKEND:PATH", ":"),
    Flag(
        "build-dir",
        "Folder to build in, and for the files that are written; 'build' by default.",
        WHERE,
        "FOLDER",
    ),
    Flag("install-dir", "Folder for the result.", WHERE, "FOLDER"),
    Flag("cmake-dir", "Folder of the server's sources; cloned if it is not named.", WHERE, "FOLDER"),
    Flag("tmp-dir", "Folder to build in inside a container.", WHERE, "FOLDER"),
    Flag("target-platform", "Platform to build for.", TARGET, "PLATFORM"),
    Flag("target-machine", "Machine to build for.", TARGET, "MACHINE"),
    Flag("no-container-build", "Build on this machine; no container engine is called.", CONTAINERS),
    Flag("container-build", "Build in containers where that is not the default.", CONTAINERS),
    Flag("image", "Image to use in place of a default one.", CONTAINERS, "NAME,IMAGE", ","),
    Flag(
        "container-prebuild-command",
        "Command to run in the container before the build.",
        CONTAINERS,
        "COMMAND",
    ),
    Flag(
        "no-container-interactive",
        "Accepted for old command lines: the container never takes a terminal.",
        CONTAINERS,
    ),
    Flag("container-memory", "Memory that the container may use.", CONTAINERS, "SIZE"),
    Flag("no-container-pull", "Do not ask for newer base images.", CONTAINERS),
    Flag("no-container-source", "Leave third-party sources out of the image.", CONTAINERS),
    Flag("use-user-docker-config", "Configuration of the container engine to use.", CONTAINERS, "FILE"),
    Flag(
        "build-secret",
        "Secret for image builds: its id, and a file that holds it.",
        CONTAINERS,
        "ID FILE",
        "=",
        2,
    ),
    Flag("build-id", "Identity of the build, for labels.", OUTPUT, "ID"),
    Flag("build-sha", "Commit of the build, for labels.", OUTPUT, "COMMIT"),
    Flag("dryrun", "Write the files and stop.", OUTPUT),
    Flag("verbose", "Say more, and let the scripts show what they run.", OUTPUT, short="v"),
    Flag("quiet", "Say nothing but mistakes.", OUTPUT, short="q"),
)

REFUSED = {
    "build-presets-file": "is an experiment of build.py; write a server.toml and name it with --config",
    "build-multiple-openvino": "went with 22.09: there is one OpenVINO in a server; leave it out",
}
"""Flags of ``build.py`` that have no meaning here, and what to do instead."""


def flags_of(catalogue: "Catalogue") -> dict[str, Flag]:
    """Return all flags by name, those that the catalogue adds included."""
    found = {flag.name: flag for flag in FLAGS}
    for name in catalogue.of_kind("feature"):
        found[f"enable-{name}"] = Flag(
            f"enable-{name}", catalogue.of_kind("feature")[name].description + ".", WHAT
        )
    for name, setting in catalogue.settings.items():
        default = f" Default: {setting.default}." if setting.default else ""
        found[name] = Flag(name, setting.help + default, VERSIONS, "TEXT")
    return found


WIDTH = 80
"""Columns of help: those that every terminal has."""
_BELOW = " " * 8


def usage(flags: Iterable[Flag]) -> str:
    """Return the flags as text, by group."""
    shown = [flag for flag in flags if flag.help]
    lines: list[str] = []
    for group in dict.fromkeys(flag.group for flag in shown):
        lines += ["", f"{group}:"]
        for flag in shown:
            if flag.group == group:
                short = f"-{flag.short}, " if flag.short else ""
                value = f"={flag.metavar}" if flag.metavar else ""
                lines.append(f"    {short}--{flag.name}{value}")
                lines += textwrap.wrap(flag.help, WIDTH, initial_indent=_BELOW, subsequent_indent=_BELOW)
    return "\n".join(lines)
