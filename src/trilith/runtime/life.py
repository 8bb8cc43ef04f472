"""One model, from its folder to READY and back.

Versions of a model come together or not at all, as in Triton: all of them are loaded before the first takes
a request, and when one fails, the others are let go.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from trilith import config
from trilith.contract import (
    BrickKind,
    ConfigurationError,
    LoadError,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Problem,
)
from trilith.runtime.hosts import PROCESS, Host, HostRequest, Plan, choose_isolation
from trilith.runtime.logs import LogOptions
from trilith.runtime.processes import ProcessHost
from trilith.runtime.threads import ThreadHost
from trilith.runtime.workers import WORKER_COMMAND

if TYPE_CHECKING:
    from trilith import native
    from trilith.repository import ModelFolder
    from trilith.runtime.bricks import Brick, Catalogue

log = logging.getLogger(__name__)


class State(StrEnum):
    """In which state a version is, in the words of the repository extension."""

    UNKNOWN = "UNKNOWN"
    LOADING = "LOADING"
    READY = "READY"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True)
class Settings:
    """What holds for every model."""

    complete: bool = True
    """Whether backends fill in what a configuration leaves open."""
    backend_settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By backend; those under the empty name hold for all."""
    gpu_count: int = 0
    log: LogOptions = field(default_factory=LogOptions)
    worker_command: Sequence[str] = WORKER_COMMAND

    def of_backend(self, name: str) -> dict[str, str]:
        """Gather the settings of one backend."""
        return {**self.backend_settings.get("", {}), **self.backend_settings.get(name, {})}


@dataclass(frozen=True)
class Blueprint:
    """What a model is to be, before anything of it is loaded."""

    draft: config.Draft
    brick: "Brick"
    versions: tuple[int, ...]
    isolation: str


@dataclass(frozen=True)
class Version:
    """One version of a model in memory."""

    number: int
    configuration: ModelConfiguration
    host: Host
    model: "native.Model"


def draw_blueprint(folder: "ModelFolder", catalogue: "Catalogue") -> Blueprint:
    """Read a model's configuration and decide on its backend, versions and isolation.

    Raises:
        ConfigurationError: the configuration is wrong, or no version is left; every problem is named.
    """
    draft = (
        config.read(folder.configuration, folder.name) if folder.configuration else config.empty(folder.name)
    )
    bricks = catalogue.of_kind(BrickKind.BACKEND)
    manifests = [brick.manifest for brick in bricks.values()]
    problems: list[Problem] = []
    versions: list[int] = []
    try:
        versions = config.choose_versions(draft, folder.versions)
    except ConfigurationError as error:
        problems += error.problems
    latest = str(max(versions or folder.versions, default=1))
    try:
        brick = bricks[config.choose_backend(draft, folder.directory / latest, manifests)]
        isolation = choose_isolation(draft.document, brick.manifest, draft.file)
    except ConfigurationError as error:
        problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return Blueprint(draft, brick, tuple(versions), isolation)


def open_host(folder: "ModelFolder", blueprint: Blueprint, version: int, settings: Settings) -> Host:
    """Make the host for one version; nothing is loaded yet."""
    brick = blueprint.brick
    source = ModelSource(
        name=folder.name,
        version=version,
        directory=folder.directory,
        version_directory=folder.directory / str(version),
        settings=settings.of_backend(brick.manifest.name),
    )
    request = HostRequest(source, brick.entry, brick.make)
    if blueprint.isolation == PROCESS:
        return ProcessHost(request, settings.log, settings.worker_command)
    return ThreadHost(request)


def make_plan(
    folder: "ModelFolder", blueprint: Blueprint, version: int, host: Host, settings: Settings
) -> Plan:
    """Complete and validate the configuration of one version.

    Raises:
        ConfigurationError: it is wrong or incomplete; every problem is named.
        LoadError: the backend cannot read the model.
    """
    draft = blueprint.draft
    backend = blueprint.brick.manifest.name
    if settings.complete:
        draft = draft.with_document(host.complete(dict(draft.document)))
    configuration = config.finish(
        draft,
        folder.directory,
        backend,
        manifest=blueprint.brick.manifest,
        gpu_count=settings.gpu_count,
    )
    source = ModelSource(
        name=folder.name,
        version=version,
        directory=folder.directory,
        version_directory=folder.directory / str(version),
        settings=settings.of_backend(backend),
    )
    places = config.placements(configuration, settings.gpu_count)
    return Plan(
        configuration=configuration,
        context=ModelContext(source, configuration, tuple(places)),
        spec=config.native_spec(configuration, version),
    )


class ModelLife:
    """A model by name: brings its versions up, tells their states, takes them down."""

    def __init__(
        self, folder: "ModelFolder", server: "native.Server", catalogue: "Catalogue", settings: Settings
    ) -> None:
        """Load nothing yet, but tell that it will be."""
        self.folder = folder
        self.failure = ""
        """Why the last load failed; empty if it did not."""
        self._server = server
        self._catalogue = catalogue
        self._settings = settings
        self._lock = threading.Lock()
        self._ended = False
        self._hosts: list[Host] = []
        self.versions: tuple[Version, ...] = ()
        """What is served."""
        self._tell(folder.versions or (None,), State.LOADING)

    def load(self) -> bool:
        """Load and publish all versions; whether it worked. What went wrong is in the index and the log."""
        began = time.monotonic()
        told: Sequence[int | None] = self.folder.versions or (None,)
        log.info("loading model '%s'", self.folder.name)
        try:
            blueprint = draw_blueprint(self.folder, self._catalogue)
            for number in set(self.folder.versions) - set(blueprint.versions):
                self._server.forget(self.folder.name, number)
            told = blueprint.versions
            loaded = [self._bring_up(blueprint, number) for number in blueprint.versions]
            self._publish(loaded)
        except Exception as error:  # noqa: BLE001  whatever a brick raises, the others serve
            self._fail(error, told)
            return False
        listed = ", ".join(str(version.number) for version in loaded)
        log.info(
            "model '%s' is ready: version %s, %.2f s", self.folder.name, listed, time.monotonic() - began
        )
        return True

    def unload(self, timeout: float, reason: str = "unloaded") -> bool:
        """Stop taking requests, wait for those in flight, let go of everything.

        Also ends a load that is under way.

        Returns:
            Whether all of that was done within so many seconds.
        """
        with self._lock:
            self._ended = True
            versions, self.versions = self.versions, ()
            hosts, self._hosts = self._hosts, []
        for version in versions:
            version.model.withdraw()
        end = time.monotonic() + timeout
        idle = [version.model.wait_idle(max(0.0, end - time.monotonic())) for version in versions]
        clean = all(idle)
        for host in hosts:
            clean = host.close(max(0.0, end - time.monotonic())) and clean
        for version in versions:
            version.model.close()
        self._tell([version.number for version in versions], State.UNAVAILABLE, reason)
        return clean

    def _bring_up(self, blueprint: Blueprint, number: int) -> Version:
        host = open_host(self.folder, blueprint, number, self._settings)
        with self._lock:
            if self._ended:
                raise LoadError("the model was unloaded while it was loading")
            self._hosts.append(host)
        plan = make_plan(self.folder, blueprint, number, host, self._settings)
        host.load(plan)
        model = self._server.add_model(plan.spec, plan.configuration.serialized)
        return Version(number, plan.configuration, host, model)

    def _publish(self, versions: Sequence[Version]) -> None:
        with self._lock:
            if self._ended:
                raise LoadError("the model was unloaded while it was loading")
            self.versions = tuple(versions)
            for version in versions:
                version.host.serve(version.model, partial(self._lose, version))
                version.model.publish()
        self._tell([version.number for version in versions], State.READY)

    def _lose(self, version: Version, reason: str) -> None:
        """Take a version out of service whose instances are gone for good."""
        log.error("model '%s' version %d is no longer served: %s", self.folder.name, version.number, reason)
        version.model.withdraw()
        version.model.close()
        self._tell([version.number], State.UNAVAILABLE, reason)

    def _fail(self, error: Exception, versions: Sequence[int | None]) -> None:
        self.failure = reason = explain(error)
        with self._lock:
            hosts, self._hosts = self._hosts, []
        for host in hosts:
            host.close(0.0)
        expected = isinstance(error, ConfigurationError | LoadError)
        log.error(
            "model '%s' cannot be loaded:\n%s", self.folder.name, reason, exc_info=None if expected else error
        )
        self._tell(versions, State.UNAVAILABLE, reason)

    def _tell(self, versions: Sequence[int | None], state: State, reason: str = "") -> None:
        for number in versions:
            self._server.set_state(self.folder.name, number, state, reason)


def explain(error: Exception) -> str:
    """Say in words why a load failed."""
    expected = isinstance(error, ConfigurationError | LoadError)
    return str(error) if expected else f"{type(error).__name__}: {error}"
