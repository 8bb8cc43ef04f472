"""Models made of other models: they hold nothing in memory, and depend on what is served."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from trilith.config.composition import LATEST, Find, Interface
from trilith.contract import BrickKind, LoadError, Manifest, ModelConfiguration
from trilith.repository.dependencies import find_way
from trilith.repository.names import split_key, with_name
from trilith.runtime.bricks import Brick
from trilith.runtime.hosts import Plan

if TYPE_CHECKING:
    from trilith import native

ENSEMBLE: Final = Brick(
    Manifest("", BrickKind.BACKEND, "Runs the models of its steps", config_platforms=("ensemble",)), ""
)
"""What stands for a backend where there is none: the native core runs the steps itself."""

Members = Mapping[tuple[str, int], Interface]
"""What an ensemble was checked against, by the name and version that a step asks for."""

FindFor = Callable[[str, str, int], ModelConfiguration]
"""Finds for an ensemble, given by its key, what is served by name and version."""


class EnsembleHost:
    """Holds nothing: the models of the steps are held by themselves."""

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Leave the configuration as it is: nobody can fill in what an ensemble is."""
        return document

    def load(self, plan: Plan, model: "native.Model") -> None:
        """Bring nothing into memory."""

    def serve(self, lost: Callable[[str], None]) -> None:
        """Leave it to the native core."""

    def resize(self, plan: Plan) -> None:
        """Have no instances."""

    def close(self, timeout: float) -> bool:
        """Let go of nothing."""
        del timeout
        return True


def nothing_served(ensemble: str, name: str, version: int) -> ModelConfiguration:
    """Say that there are no models for an ensemble: the default where nothing is served.

    Raises:
        LoadError: always.
    """
    del ensemble, version
    raise LoadError(f"model '{name}' is not served")


def choose_version(
    name: str, wanted: int, versions: Iterable[tuple[int, ModelConfiguration]], failure: str
) -> ModelConfiguration:
    """Pick the version that a step asks for, or the latest.

    Args:
        name: of the model.
        wanted: its version; -1 for the latest.
        versions: what is served of it.
        failure: why nothing is, where nothing is.

    Raises:
        LoadError: it is not served; says what is.
    """
    served = dict(versions)
    if not served:
        reason = f": {failure}" if failure else ""
        raise LoadError(f"model '{name}' is not served{reason}")
    number = max(served) if wanted == LATEST else wanted
    if number not in served:
        listed = ", ".join(str(one) for one in sorted(served))
        raise LoadError(f"version {wanted} of model '{name}' is not served; served: {listed}")
    return served[number]


def explain_choice(key: str, known: Collection[str]) -> str:
    """Say why no model was chosen for the name that a step says, where the name is that of several.

    Args:
        key: of the model that the ensemble's own namespace would have.
        known: keys of the models there are.
    """
    name, namespace = split_key(key)
    others = with_name(name, known)
    if key in known or len(others) < 2:  # noqa: PLR2004  one alone would have been chosen
        return ""
    places = ", ".join(split_key(other)[1] for other in others)
    return f"its name is in several repositories, {places}, and not in the ensemble's own, {namespace}"


def refuse_circle(ensemble: str, member: str, needs_of: Callable[[str], Collection[str]]) -> None:
    """See to it that what an ensemble is made of does not need the ensemble in turn.

    Raises:
        LoadError: it does, maybe by way of others.
    """
    way = find_way(member, ensemble, needs_of)
    if way:
        circle = " -> ".join([ensemble, *way])
        raise LoadError(f"the ensembles need each other in a circle: {circle}")


def is_stale(members: Members, find: Find) -> bool:
    """Say whether what is served differs from what an ensemble was checked against."""
    try:
        return any(Interface.of(find(*wanted)) != interface for wanted, interface in members.items())
    except LoadError:
        return True
