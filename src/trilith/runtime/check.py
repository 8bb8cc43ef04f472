"""Reads and validates every configuration without serving anything."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trilith.repository import ModelFolder, scan
from trilith.runtime.bricks import Catalogue, discover
from trilith.runtime.devices import count_gpus
from trilith.runtime.life import Settings, draw_blueprint, explain, make_plan, open_host
from trilith.runtime.logs import LogOptions


def check_repositories(
    repositories: Sequence[Path],
    *,
    complete: bool = True,
    backend_settings: Mapping[str, Mapping[str, str]] | None = None,
    configuration_name: str = "",
) -> dict[str, str]:
    """Read, complete and validate the configuration of every model.

    Args:
        repositories: folders of model folders.
        complete: whether backends fill in what is left open.
        backend_settings: by backend; those under the empty name hold for all.
        configuration_name: prefer ``configs/NAME.pbtxt`` of a model over its ``config.pbtxt``.

    Returns:
        Every model by name, with all that is wrong with it, or an empty string.

    Raises:
        ConfigurationError: repositories are missing or cannot be read.
    """
    inventory = scan(repositories, configuration_name=configuration_name)
    catalogue = discover()
    settings = Settings(
        complete=complete,
        backend_settings=backend_settings or {},
        gpu_count=count_gpus(),
        log=LogOptions(info=False),
    )
    findings = dict(inventory.refused)
    for folder in inventory.models:
        findings[folder.name] = _check(folder, catalogue, settings)
    settings.environments.remove()
    return dict(sorted(findings.items()))


def _check(folder: ModelFolder, catalogue: Catalogue, settings: Settings) -> str:
    try:
        blueprint = draw_blueprint(folder, catalogue)
        for version in blueprint.versions:
            host = open_host(folder, blueprint, version, settings)
            try:
                if settings.complete:
                    document = host.complete(dict(blueprint.draft.document))
                    blueprint = replace(blueprint, document=document)
                make_plan(folder, blueprint, version, settings)
            finally:
                host.close(0.0)
    except Exception as error:  # noqa: BLE001  whatever a brick raises, the others are checked
        return explain(error)
    return ""
