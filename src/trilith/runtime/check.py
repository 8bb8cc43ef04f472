"""Reads and validates every configuration without serving anything."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trilith.contract import ModelConfiguration
from trilith.repository import ModelFolder, scan
from trilith.repository.dependencies import load_order
from trilith.repository.names import resolve, split_key
from trilith.runtime.blueprint import draw_blueprint, placing
from trilith.runtime.bricks import Catalogue, discover
from trilith.runtime.devices import count_gpus
from trilith.runtime.ensembles import choose_version, explain_choice, refuse_circle
from trilith.runtime.life import Settings, explain, make_plan, open_host
from trilith.runtime.logs import LogOptions
from trilith.runtime.records import needs_among


def check_repositories(
    repositories: Sequence[Path],
    *,
    complete: bool = True,
    backend_settings: Mapping[str, Mapping[str, str]] | None = None,
    configuration_name: str = "",
    namespaces: bool = False,
) -> dict[str, str]:
    """Read, complete and validate the configuration of every model.

    Args:
        repositories: folders of model folders.
        complete: whether backends fill in what is left open.
        backend_settings: by backend; those under the empty name hold for all.
        configuration_name: prefer ``configs/NAME.pbtxt`` of a model over its ``config.pbtxt``.
        namespaces: whether each repository has names of its own.

    Returns:
        Every model by its key, with all that is wrong with it, or an empty string.

    Raises:
        ConfigurationError: repositories are missing or cannot be read.
    """
    inventory = scan(repositories, configuration_name=configuration_name, namespaces=namespaces)
    catalogue = discover()
    settings = Settings(
        complete=complete,
        backend_settings=backend_settings or {},
        gpu_count=count_gpus(),
        log=LogOptions(info=False),
    )
    findings = dict(inventory.refused)
    folders = {folder.key: folder for folder in inventory.models}
    finished = Finished(folders, findings)
    settings = replace(settings, find_served=finished.find)
    for first in folders:
        for name in load_order(first, finished.needs_of):
            if name not in findings:
                findings[name] = _check(folders[name], catalogue, settings, finished)
    settings.environments.remove()
    return dict(sorted(findings.items()))


class Finished:
    """Configurations that were found right, for the ensembles that are made of them."""

    def __init__(self, folders: Mapping[str, ModelFolder], findings: Mapping[str, str]) -> None:
        """Start with none.

        Args:
            folders: of all models by key.
            findings: what is wrong with those that were checked.
        """
        self._folders = folders
        self._findings = findings
        self._configurations: dict[str, list[tuple[int, ModelConfiguration]]] = {}

    def add(self, key: str, version: int, configuration: ModelConfiguration) -> None:
        """Note a configuration."""
        self._configurations.setdefault(key, []).append((version, configuration))

    def find(self, ensemble: str, name: str, version: int) -> ModelConfiguration:
        """Find what a step of an ensemble asks for.

        Raises:
            LoadError: there is none, or it needs the ensemble in turn.
        """
        key = resolve(name, split_key(ensemble)[1], self._folders.keys())
        refuse_circle(ensemble, key, self.needs_of)
        failure = self._findings.get(key, "") or explain_choice(key, self._folders.keys())
        return choose_version(name, version, self._configurations.get(key, ()), failure)

    def needs_of(self, key: str) -> list[str]:
        """Tell which models one needs, as far as there are any."""
        return needs_among(self._folders, key) if key in self._folders else []


def _check(folder: ModelFolder, catalogue: Catalogue, settings: Settings, finished: Finished) -> str:
    try:
        blueprint = draw_blueprint(folder, catalogue)
        for version in blueprint.versions:
            host = open_host(folder, blueprint, version, settings)
            try:
                if settings.complete:
                    with placing(blueprint, version):
                        document = host.complete(dict(blueprint.draft.document))
                    blueprint = replace(blueprint, document=document)
                plan = make_plan(folder, blueprint, version, settings)
                finished.add(folder.key, version, plan.configuration)
            finally:
                host.close(0.0)
    except Exception as error:  # noqa: BLE001  whatever a brick raises, the others are checked
        return explain(error)
    return ""
