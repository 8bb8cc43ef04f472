"""Which version is built, and which tags go with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from trilith.build.catalogue.schema import Catalogue
from trilith.build.model import Value
from trilith.build.problems import Problem
from trilith.build.selection import Selection
from trilith.build.validation import RELEASE_REF


@dataclass(frozen=True)
class Versions:
    """The version of the server, that of its container, and the tag of what names none."""

    version: Value
    container_version: Value
    default_ref: str
    problems: tuple[Problem, ...] = ()


def decide_versions(selection: Selection, catalogue: Catalogue, refs: Mapping[str, str]) -> Versions:
    """Decide the versions.

    A container version that was not given follows from the tags: a command line for a release names the tag
    of that release for every component.
    """
    head = catalogue.head
    problems: list[Problem] = []
    tags = {key: match[1] for key, ref in refs.items() if (match := RELEASE_REF.fullmatch(ref))}
    container = _container_version(selection, catalogue, sorted(set(tags.values())))
    for key, tag in tags.items():
        if container.text and tag != container.text.partition("-")[0]:
            problems.append(
                Problem(
                    f"{key} at r{tag} and container version {container.text} ({container.origin}) "
                    "do not go together",
                    suggestion=f"use --container-version={tag} and the same tag everywhere",
                )
            )
    version = _version(selection, catalogue, container, problems)
    is_release = bool(container.text) and not container.text.endswith("dev")
    ref = (
        head.release_ref.replace("{container-version}", container.text)
        if is_release
        else head.development_ref
    )
    return Versions(version, container, ref, tuple(problems))


def _container_version(selection: Selection, catalogue: Catalogue, tags: list[str]) -> Value:
    if not catalogue.head.container_version:
        return Value("", "default")
    choice = selection.one("container-version")
    if choice:
        return Value(choice.value, choice.origin)
    if len(tags) == 1:
        return Value(tags[0], "from the tags")
    version = selection.text("version")
    for container, release in catalogue.releases.items():
        if version and release.get("version") == version:
            return Value(container, f"from version {version}")
    return Value(catalogue.head.container_version, "default")


def _version(selection: Selection, catalogue: Catalogue, container: Value, problems: list[Problem]) -> Value:
    released = catalogue.releases.get(container.text, {}).get("version", "")
    choice = selection.one("version")
    if choice is None:
        known = released or (
            catalogue.head.version if container.text == catalogue.head.container_version else ""
        )
        if not known:
            problems.append(
                Problem(
                    f"the version that container version {container.text} holds is not known",
                    suggestion="add --version=",
                )
            )
        return Value(known, f"of container version {container.text}" if container.text else "default")
    if released and choice.value != released:
        problems.append(
            Problem(
                f"--version={choice.value} and container version {container.text} do not go together",
                suggestion=f"{container.text} holds {released}",
            )
        )
    return Value(choice.value, choice.origin)
