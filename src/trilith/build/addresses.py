"""Every address that a build fetches from, and the mirror rule that covers each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trilith.build.mirrors import SINGLE
from trilith.build.model import Part, Plan

_KINDS = {**dict.fromkeys(("git", "script", "engine", "submodule"), "git"), "archive": "archives"}


@dataclass(frozen=True)
class Address:
    """Something that is fetched."""

    kind: str
    """Which table of ``mirrors.toml`` it belongs to."""
    address: str
    reason: str


def addresses(plan: Plan) -> list[Address]:
    """Return everything that a plan fetches, each address once."""
    found = {(item.kind, item.address): item for item in _all(plan)}
    return list(found.values())


def uncovered(plan: Plan) -> list[Address]:
    """Return what no mirror rule covers."""
    return [item for item in addresses(plan) if not _covered(plan, item)]


def missing_rules(left: Iterable[Address]) -> str:
    """Return the tables of ``mirrors.toml`` that would cover addresses, with a blank for each mirror."""
    lines: dict[str, dict[str, None]] = {}
    for item in left:
        if item.kind in SINGLE:
            rule = f'{SINGLE[item.kind]} = "MIRROR"'
        else:
            rule = f'"{_beginning(item.address)}" = "MIRROR"'
        lines.setdefault(f"[{item.kind}]", {})[rule] = None
    return "".join(f"{table}\n" + "".join(f"{rule}\n" for rule in rules) for table, rules in lines.items())


def _beginning(address: str) -> str:
    """Return the host of an address, or the name of an image without its tag."""
    scheme, mark, rest = address.partition("://")
    if mark:
        return f"{scheme}://{rest.partition('/')[0]}/"
    return address.partition("@")[0].rpartition(":")[0] or address


def _covered(plan: Plan, item: Address) -> bool:
    if item.kind in SINGLE:
        return bool(plan.mirrors.single(item.kind))
    return bool(plan.mirrors.rule(item.kind, item.address))


def _packages(plan: Plan, part: Part) -> Iterator[Address]:
    if part.component.native_features:
        yield Address("crates", "the registry of crates", part.key)
    for requirement in part.component.python_requirements:
        yield Address("pypi", requirement, part.key)
    keyring = part.component.debian_keyrings.get(plan.machine.text)
    if keyring and plan.containers:
        yield Address("archives", keyring, part.key)


def _all(plan: Plan) -> Iterator[Address]:
    for part in plan.parts:
        if part.address and part.component.build != "option":
            yield Address("git", part.address, part.key)
        yield from _packages(plan, part)
    for item in plan.closure:
        kind = _KINDS.get(item.part.by)
        if kind and item.part.address:
            yield Address(kind, item.part.address, item.part.key)
    if plan.containers:
        for name, reference in plan.images.items():
            yield Address("containers", reference, f"image {name}")
    if plan.containers or plan.catalogue.head.builder == "wheel":
        for tool in plan.catalogue.packages.python_build:
            yield Address("pypi", tool, "build tools")
