"""What the emitted files share: headers, folders, packages."""

from collections.abc import Iterable
from dataclasses import dataclass

from trilith.build.catalogue.schema import Component, ThirdParty
from trilith.build.facts import holds
from trilith.build.files.archives import archive_rules
from trilith.build.files.functions import MARK
from trilith.build.files.shell import Script
from trilith.build.mirrors import git_configuration, left_out_include, left_out_rules
from trilith.build.model import STANDS_ON, Plan

BUILDS, RUNS = "build", "inference"
"""Names of the images that a build and a result stand on, where they are not ``base``."""


@dataclass(frozen=True)
class EmittedFile:
    """A file of a build, not yet written."""

    text: str
    executable: bool = False


def header(plan: Plan) -> list[str]:
    """Return what every file says of where it comes from."""
    head = plan.catalogue.head
    container = f", container {plan.container_version.text}" if plan.container_version.text else ""
    chosen = [part.key for part in plan.parts if part.chosen]
    return [
        f"Written by 'trilith build' for the catalogue {head.name}; edit the selection, not this file.",
        f"Version: {plan.version.text}{container}",
        f"Target:  {plan.platform.text} on {plan.machine.text}, {plan.build_type.text}",
        f"Plan:    {plan.digest}",
        f"Lock:    {plan.lock or 'none: sources are taken as they are found'}",
        *_wrap("Chosen:  ", chosen),
    ]


def start(plan: Plan, title: str, folders: dict[str, str]) -> Script:
    """Start a script that builds: its folders, and where its sources come from."""
    script = Script(title, header(plan), trace=plan.selection.has("verbose"))
    script.blank()
    script.comment("Folders; each can be set from outside.")
    for name, folder in folders.items():
        script.raw(f"{name}=${{{name}:-{_inside(folder)}}}")
    script.raw(f"PARALLEL=${{PARALLEL:-{plan.parallel}}}")
    script.raw('mkdir -p -- "$BUILD_DIR" "$INSTALL_DIR"')
    # Relative folders would change their meaning below.
    for name in folders:
        if name != "SOURCE_DIR":
            script.raw(f'{name}=$(realpath -m -- "${name}")')
    script.raw(MARK)
    archives = plan.catalogue.head.builder == "cmake" and plan.mirrors.of("archives")
    if plan.mirrors.of("git") or _pruned(plan) or archives:
        _git(plan, script)
    if archives:
        archive_rules(plan.mirrors, script)
    return script


def packages(plan: Plan, when: str) -> list[str]:
    """Return the system packages of a plan.

    Args:
        plan: whose components they are for.
        when: ``build`` or ``run``.
    """
    family = "rhel" if plan.platform.text == "rhel" else "debian"
    field = f"{family}_{when}"
    found = set(getattr(plan.catalogue.packages, field))
    for part in plan.parts:
        found |= set(getattr(part.component, field))
    return sorted(found)


def prebuild(plan: Plan, script: Script) -> None:
    """Write the command that runs in the container before anything is built, where one was asked for."""
    command = plan.selection.text("container-prebuild-command")
    if plan.containers and command:
        script.section("What was asked to run before the build (--container-prebuild-command)")
        script.run("bash", "-euc", command)


def image_name(plan: Plan, what: str) -> str:
    """Return the name of the image that something stands on; the one for everything where none is for it."""
    return next((name for name in (what, STANDS_ON) if plan.images.get(name)), "")


def copies(plan: Plan, component: Component, *, ci: bool = False) -> list[tuple[str, str, str, bool]]:
    """Return origin, path, target and whether it may be missing, for what a component installs."""
    facts = facts_of(plan)
    items = component.ci if ci else component.install
    return [(item.origin, item.path, item.to, item.optional) for item in items if holds(item.when, facts)]


def facts_of(plan: Plan) -> frozenset[str]:
    """Return the facts that conditions of copies speak of."""
    keys = [part.key.partition(".") for part in plan.parts]
    return frozenset([*(f"{kind}:{name}" for kind, _, name in keys), f"platform:{plan.platform.text}"])


def _pruned(plan: Plan) -> list[ThirdParty]:
    """Return the repositories of which some submodules are left out, those inside others too."""
    if plan.catalogue.head.builder != "cmake":
        return []
    keys = {item.part.key for item in plan.closure}
    return [
        part
        for part in plan.catalogue.third_party.values()
        if part.left_out and part.address and (part.key in keys or part.inside in keys)
    ]


def _git(plan: Plan, script: Script) -> None:
    script.section(
        "What git is told, also for what CMake clones by itself: mirrors, and submodules that no build uses.",
        "The configuration belongs to this build alone.",
    )
    text = git_configuration(plan.mirrors)
    script.raw("git_configuration=$BUILD_DIR/gitconfig")
    for part in _pruned(plan):
        file = f"left-out-{part.name}.gitconfig"
        text += left_out_include(part.address, file)
        script.comment(f"{part.name}: {part.left_out_reason}")
        rules = left_out_rules(part.left_out)
        script.raw(f"cat >\"$BUILD_DIR/{file}\" <<'END_OF_RULES'\n{rules}END_OF_RULES")
    script.raw("cat >\"$git_configuration\" <<'END_OF_RULES'\n" + text + "END_OF_RULES")
    script.raw("if [[ -n ${GIT_CONFIG_GLOBAL:-} || -e ${HOME:-}/.gitconfig ]]; then")
    script.raw(
        '    git config --file "$git_configuration" include.path "${GIT_CONFIG_GLOBAL:-$HOME/.gitconfig}"'
    )
    script.raw("fi")
    script.raw("export GIT_CONFIG_GLOBAL=$git_configuration")


def _inside(text: str) -> str:
    """Quote a default inside ``${NAME:-...}``: a backslash before every character that means something."""
    return "".join(
        letter if letter.isalnum() or (letter in "/._-+,:@%=~" and letter != "~") else f"\\{letter}"
        for letter in text
    )


def _wrap(title: str, words: Iterable[str], width: int = 100) -> list[str]:
    lines = [title]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append(" " * len(title))
        lines[-1] += f"{word} "
    return [line.rstrip() for line in lines]
