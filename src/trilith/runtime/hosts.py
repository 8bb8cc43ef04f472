"""What holds a model version in memory: this process, or worker processes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from trilith.contract import (
    Backend,
    ConfigurationError,
    Manifest,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Problem,
)

if TYPE_CHECKING:
    from trilith import native
    from trilith.config.composition import Interface

ISOLATION_PARAMETER = "isolation"
"""Parameter of a model's configuration that overrides its backend's manifest."""

THREAD = "thread"
PROCESS = "process"


@dataclass(frozen=True)
class Plan:
    """All that a host needs to bring a version into memory."""

    configuration: ModelConfiguration
    context: ModelContext
    spec: str
    """As the native core wants it."""
    members: Mapping[tuple[str, int], "Interface"] = field(default_factory=dict)
    """Of an ensemble: what it was checked against."""


class Host(Protocol):
    """Holds one version of a model: completes its configuration, loads it, lets it serve, ends it.

    The methods are called in this order from one thread, except for :meth:`close`, which ends the
    host from any thread at any time.
    """

    def complete(self, document: dict[str, Any]) -> dict[str, Any]:
        """Let the backend fill in what the configuration leaves open.

        Raises:
            LoadError: the model cannot be read.
        """

    def load(self, plan: Plan, model: "native.Model") -> None:
        """Bring the model and all its instances into memory.

        Args:
            plan: what it is to be.
            model: what will serve it; its instances reach the rest of the server by it meanwhile.

        Raises:
            LoadError: it cannot be loaded.
        """

    def serve(self, lost: Callable[[str], None]) -> None:
        """Let the instances take batches.

        Args:
            lost: called with the reason when the last instance is gone for good.
        """

    def resize(self, plan: Plan) -> None:
        """Add and remove instances, while the others serve, until there are those of the plan.

        Raises:
            LoadError: one cannot be made; those there were go on.
        """

    def close(self, timeout: float) -> bool:
        """End the instances, then the model; whether everything ended within that many seconds."""


@dataclass(frozen=True)
class HostRequest:
    """What is known of a version before anything of it is loaded."""

    source: ModelSource
    entry: str
    """Entry point of its backend, ``module:Class``."""
    make_backend: Callable[[], Backend]
    """Loads the backend into this process."""


def choose_isolation(document: Mapping[str, Any], manifest: Manifest, file: str) -> str:
    """Decide whether instances run in this process or in workers: the model's word, or its backend's.

    Raises:
        ConfigurationError: the model's word is neither.
    """
    parameters: Mapping[str, Any] = document.get("parameters", {})
    chosen = parameters.get(ISOLATION_PARAMETER, {}).get("string_value", manifest.isolation)
    if chosen not in (THREAD, PROCESS):
        problem = Problem(
            f"isolation is '{chosen}'; it must be '{THREAD}' or '{PROCESS}'",
            file=file,
            field=f"parameters.{ISOLATION_PARAMETER}",
        )
        raise ConfigurationError([problem])
    return str(chosen)
