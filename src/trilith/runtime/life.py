"""One model, from its folder to READY and back.

Versions of a model come together or not at all, as in Triton: all of them are loaded before the first takes
a request, and when one fails, the others are let go.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from trilith import config
from trilith.contract import (
    ConfigurationError,
    LoadError,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Problem,
)
from trilith.repository.scan import relocate
from trilith.runtime.agents import AgentError, Agents
from trilith.runtime.announcer import Announcer
from trilith.runtime.blueprint import (
    INSTANCES,
    Blueprint,
    draw_blueprint,
    placing,
    read_draft,
    without_instances,
)
from trilith.runtime.ensembles import ENSEMBLE, EnsembleHost, FindFor, Members, nothing_served
from trilith.runtime.environments import PARAMETER, Environments, find_path
from trilith.runtime.hosts import PROCESS, Host, HostRequest, Plan
from trilith.runtime.limits import Supply, check_demands
from trilith.runtime.logs import LogOptions
from trilith.runtime.processes import ProcessHost
from trilith.runtime.threads import ThreadHost
from trilith.runtime.workers import WORKER_COMMAND

if TYPE_CHECKING:
    from trilith import native
    from trilith.repository import ModelFolder
    from trilith.runtime.bricks import Catalogue

log = logging.getLogger(__name__)

UNLOADED = "unloaded"
"""The reason of a version that was unloaded on purpose, as Triton words it."""


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
    supplies: Sequence[Supply] | None = None
    """Of what instances share; ``None`` where they are not limited."""
    log: LogOptions = field(default_factory=LogOptions)
    worker_command: Sequence[str] = WORKER_COMMAND
    find_served: FindFor = nothing_served
    """Finds what an ensemble is made of."""
    environments: Environments = field(default_factory=Environments)

    def of_backend(self, name: str) -> dict[str, str]:
        """Gather the settings of one backend."""
        return {**self.backend_settings.get("", {}), **self.backend_settings.get(name, {})}


@dataclass(frozen=True)
class Version:
    """One version of a model in memory."""

    number: int
    configuration: ModelConfiguration
    host: Host
    model: "native.Model"
    members: Members = field(default_factory=dict)
    """Of an ensemble: what it was checked against."""


def open_host(folder: "ModelFolder", blueprint: Blueprint, version: int, settings: Settings) -> Host:
    """Make the host for one version; nothing is loaded yet."""
    brick = blueprint.brick
    if brick is ENSEMBLE:
        return EnsembleHost()
    source = ModelSource(
        name=folder.name,
        version=version,
        directory=folder.directory,
        version_directory=folder.directory / str(version),
        settings=settings.of_backend(brick.manifest.name),
    )
    request = HostRequest(source, brick.entry, brick.make)
    environment = find_path(blueprint.draft.document, source)
    if blueprint.isolation == PROCESS:
        open_environment = partial(settings.environments.open, environment) if environment else None
        return ProcessHost(request, settings.log, settings.worker_command, open_environment)
    if environment:
        message = "a model with an environment of its own runs in processes of its own, not in threads"
        problem = Problem(message, file=blueprint.draft.file, field=f"parameters.{PARAMETER}")
        raise ConfigurationError([problem])
    return ThreadHost(request)


def make_plan(folder: "ModelFolder", blueprint: Blueprint, version: int, settings: Settings) -> Plan:
    """Finish and validate the configuration of one version, completed or not.

    Raises:
        ConfigurationError: it is wrong or incomplete; every problem is named.
    """
    draft = blueprint.draft
    backend = blueprint.brick.manifest.name
    if blueprint.document is not None:
        draft = draft.with_document(dict(blueprint.document))
    configuration = config.finish(
        draft,
        folder.directory,
        backend,
        manifest=blueprint.brick.manifest,
        gpu_count=settings.gpu_count,
    )
    configuration = replace(configuration, namespace=folder.namespace)
    steps: Sequence[Mapping[str, Any]] | None = None
    members: Members = {}
    if blueprint.brick is ENSEMBLE:
        composition = config.compose(draft, configuration, partial(settings.find_served, folder.key))
        configuration, steps, members = composition.configuration, composition.steps, composition.members
    source = ModelSource(
        name=folder.name,
        version=version,
        directory=folder.directory,
        version_directory=folder.directory / str(version),
        settings=settings.of_backend(backend),
    )
    places = config.placements(configuration, settings.gpu_count)
    check_demands(configuration, places, settings.supplies)
    return Plan(
        configuration=configuration,
        context=ModelContext(source, configuration, tuple(places)),
        spec=config.native_spec(configuration, version, steps),
        members=members,
    )


class ModelLife:
    """One load of a model by name: brings its versions up, tells their states, takes them down.

    A model that is loaded again has a life of its own for each load. The one before goes on serving until the
    next is ready, and for good if that fails.
    """

    def __init__(
        self,
        folder: "ModelFolder",
        server: "native.Server",
        catalogue: "Catalogue",
        settings: Settings,
        *,
        announcer: Announcer | None = None,
        predecessor: "ModelLife | None" = None,
    ) -> None:
        """Load nothing yet, but tell that it will be.

        Args:
            folder: of the model.
            server: that will serve it.
            catalogue: of the backends.
            settings: that hold for every model.
            announcer: through which states are told, shared by all lives of a name.
            predecessor: what serves the name until this life does.
        """
        self.folder = folder
        self.failure = ""
        """Why the last load failed; empty if it did not."""
        self.is_refused = False
        """Whether the last load failed before anything was loaded: the configuration is wrong."""
        self._server = server
        self._catalogue = catalogue
        self._settings = settings
        self._announcer = announcer or Announcer(server)
        self._predecessor = predecessor
        self._lock = threading.Lock()
        self._ended = False
        self._hosts: list[Host] = []
        self._agents = Agents()
        self._source = folder
        self._leaving: tuple[tuple[Version, ...], list[Host]] = ((), [])
        self.blueprint: Blueprint | None = None
        """What is served is made by."""
        self.versions: tuple[Version, ...] = ()
        """What is served."""
        told = self._untold(folder.versions) or ((None,) if predecessor is None else ())
        self._announcer.claim(self, folder.key, told)
        self._tell(told, State.LOADING)

    def load(self) -> bool:
        """Load and publish all versions; whether it worked. What went wrong is in the index and the log."""
        began = time.monotonic()
        told: Sequence[int | None] = self.folder.versions or (None,)
        log.info("loading model '%s'", self.folder.key)
        try:
            self._source = source = self._ask_agents()
            told = source.versions or told
            blueprint = draw_blueprint(source, self._catalogue)
            for number in set(self._untold(source.versions)) - set(blueprint.versions):
                self._announcer.forget(self, (self.folder.key, number))
            told = blueprint.versions
            loaded = [self._bring_up(blueprint, number) for number in blueprint.versions]
            self._agents.end_load(complete=True)
            self._publish(blueprint, loaded)
        except Exception as error:  # noqa: BLE001  whatever a brick raises, the others serve
            self._fail(error, told)
            return False
        listed = ", ".join(str(version.number) for version in loaded)
        log.info("model '%s' is ready: version %s, %.2f s", self.folder.key, listed, time.monotonic() - began)
        return True

    def resize(self, folder: "ModelFolder") -> bool:
        """Add and remove instances, where the configuration differs in nothing else; whether it does.

        Raises:
            ConfigurationError: the instance groups are wrong.
            LoadError: an instance cannot be made; those there were go on.
        """
        if self.blueprint is None or not self.versions or self._agents:
            return False  # agents are asked about each load
        blueprint = draw_blueprint(folder, self._catalogue)
        if not (
            blueprint.differs_in_instances_alone(self.blueprint)
            or self._differs_in_instances_alone(folder, blueprint)
        ):
            return False
        resized = []
        for version in self.versions:
            document = {**version.configuration.document, INSTANCES: []}
            if INSTANCES in blueprint.draft.document:
                document[INSTANCES] = blueprint.draft.document[INSTANCES]
            plan = make_plan(folder, replace(blueprint, document=document), version.number, self._settings)
            version.host.resize(plan)
            version.model.describe(config.shown(plan.configuration), plan.configuration.serialized)
            resized.append(replace(version, configuration=plan.configuration))
        self.folder = self._source = folder
        self.blueprint, self.versions = blueprint, tuple(resized)
        self.say_ready("")
        log.info("model '%s' now has the instances of its configuration", folder.key)
        return True

    def _differs_in_instances_alone(self, folder: "ModelFolder", blueprint: Blueprint) -> bool:
        """Whether a complete configuration, as clients read and send it back, fits what is served."""
        if not blueprint.leads_to_same_versions(self.blueprint):
            return False
        try:
            plan = make_plan(folder, blueprint, self.versions[0].number, self._settings)
        except ConfigurationError:
            return False
        served = self.versions[0].configuration.document
        return without_instances(plan.configuration.document) == without_instances(served)

    def say_ready(self, reason: str) -> None:
        """Tell that the versions serve, with what there is to say beyond that."""
        self._tell([version.number for version in self.versions], State.READY, reason)

    def unload(self, timeout: float, reason: str = UNLOADED) -> bool:
        """Stop taking requests, wait for those in flight, let go of everything.

        Also ends a load that is under way.

        Returns:
            Whether all of that was done within so many seconds.
        """
        end = time.monotonic() + timeout
        self.withdraw()
        idle = self.wait_idle(timeout)
        return self.finish(max(0.0, end - time.monotonic()), reason) and idle

    def withdraw(self) -> None:
        """Stop taking requests, and end a load that is under way; does not wait."""
        with self._lock:
            self._ended = True
            versions, self.versions = self.versions, ()
            hosts, self._hosts = self._hosts, []
            self._leaving = (self._leaving[0] + versions, self._leaving[1] + hosts)
        for version in versions:
            version.model.withdraw()

    def wait_idle(self, timeout: float) -> bool:
        """Wait, after :meth:`withdraw`, until nothing is in flight; false if time ran out first."""
        end = time.monotonic() + timeout
        return all(
            [version.model.wait_idle(max(0.0, end - time.monotonic())) for version in self._leaving[0]]  # noqa: C419  all are waited for
        )

    def finish(self, timeout: float, reason: str = UNLOADED) -> bool:
        """Let go, after :meth:`withdraw`, of all that is held; whether it ended within so many seconds."""
        with self._lock:
            (versions, hosts), self._leaving = self._leaving, ((), [])
        end = time.monotonic() + timeout
        self._agents.begin_unload()
        ended = [host.close(max(0.0, end - time.monotonic())) for host in hosts]
        for version in versions:
            version.model.close()
        self._agents.end_unload()
        self._tell([version.number for version in versions], State.UNAVAILABLE, reason)
        return all(ended)

    def _untold(self, versions: Sequence[int]) -> tuple[int, ...]:
        """Versions of which the index does not say already that they serve."""
        served = {version.number for version in self._predecessor.versions} if self._predecessor else set()
        return tuple(number for number in versions if number not in served)

    def _ask_agents(self) -> "ModelFolder":
        """Ask the agents that the configuration names; the folder that they leave the model in."""
        try:
            draft = read_draft(self.folder)
        except config.UnreadableError:
            return self.folder  # whose blueprint cannot be drawn either, and tells all that is wrong
        directory = self._agents.load(draft, self.folder.directory, self._catalogue)
        if directory == self.folder.directory:
            return self.folder
        log.info("model '%s' is loaded from %s, where its agents left it", self.folder.key, directory)
        source = relocate(self.folder, directory)
        told = self._untold(source.versions)
        for number in {None, *self._untold(self.folder.versions)} - set(told):
            self._announcer.forget(self, (self.folder.key, number))
        self._announcer.claim(self, self.folder.key, told)
        self._tell(told, State.LOADING)
        return source

    def _bring_up(self, blueprint: Blueprint, number: int) -> Version:
        host = open_host(self._source, blueprint, number, self._settings)
        with self._lock:
            if self._ended:
                raise LoadError("the model was unloaded while it was loading")
            self._hosts.append(host)
        if self._settings.complete:
            with placing(blueprint, number):
                document = host.complete(dict(blueprint.draft.document))
            blueprint = replace(blueprint, document=document)
        plan = make_plan(self._source, blueprint, number, self._settings)
        model = self._server.add_model(plan.spec, plan.configuration.serialized)
        try:
            with placing(blueprint, number):
                host.load(plan, model)
        except BaseException:
            model.close()
            raise
        return Version(number, plan.configuration, host, model, plan.members)

    def _publish(self, blueprint: Blueprint, versions: Sequence[Version]) -> None:
        numbers = [version.number for version in versions]
        with self._lock:
            if self._ended:
                raise LoadError("the model was unloaded while it was loading")
            self.versions = tuple(versions)
            self.blueprint = blueprint
            self._announcer.claim(self, self.folder.key, numbers)
            for version in versions:
                version.host.serve(partial(self._lose, version))
            # All or none: an instance that cannot be opened fails the load.
            for version in versions:
                version.model.publish()
        self._tell(numbers, State.READY)
        self._predecessor = None

    def _lose(self, version: Version, reason: str) -> None:
        """Take a version out of service whose instances are gone for good."""
        version.model.withdraw()
        version.model.close()
        self._tell([version.number], State.UNAVAILABLE, reason)
        log.error("model '%s' version %d is no longer served: %s", self.folder.key, version.number, reason)

    def _fail(self, error: Exception, versions: Sequence[int | None]) -> None:
        self.failure = reason = explain(error)
        self.is_refused = isinstance(error, ConfigurationError | AgentError)
        with self._lock:
            ended = self._ended
            hosts, self._hosts = self._hosts, []
        for host in hosts:
            host.close(0.0)
        self._agents.abandon()
        if ended:
            log.info("loading model '%s' was broken off", self.folder.key)
        else:
            expected = isinstance(error, ConfigurationError | LoadError)
            shown = None if expected else error
            log.error("model '%s' cannot be loaded:\n%s", self.folder.key, reason, exc_info=shown)
        self._tell(versions, State.UNAVAILABLE, reason)
        if self._predecessor is not None:
            self._predecessor.say_ready(
                f"loading it again failed, and what was loaded before goes on: {reason}"
            )

    def _tell(self, versions: Sequence[int | None], state: State, reason: str = "") -> None:
        for number in versions:
            self._announcer.tell(self, (self.folder.key, number), state, reason)


def explain(error: Exception) -> str:
    """Say in words why a load failed."""
    expected = isinstance(error, ConfigurationError | LoadError)
    return str(error) if expected else f"{type(error).__name__}: {error}"
