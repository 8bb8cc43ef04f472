"""The repository agents of one load of a model: asked before it, told of its end and of the model's.

Which agents there are stands in the configuration as it lies in the repository, whatever they make of it.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trilith.config import Draft
from trilith.config.findings import Findings
from trilith.config.spelling import suggest
from trilith.contract import AgentAction, AgentModel, BrickKind, LoadError, RepositoryAgent

if TYPE_CHECKING:
    from trilith.runtime.bricks import Brick, Catalogue

FIELD = "model_repository_agents"

log = logging.getLogger(__name__)


class AgentError(LoadError):
    """An agent does not let a model be loaded."""


@dataclass(frozen=True)
class _Invoked:
    """An agent that was asked about a load."""

    name: str
    agent: RepositoryAgent
    model: AgentModel


class Agents:
    """The agents of one load, in order. Each of them is told every action once, and none out of turn."""

    def __init__(self) -> None:
        """Ask nobody yet."""
        self._lock = threading.Lock()
        self._invoked: list[_Invoked] = []
        self._last: AgentAction | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._invoked)

    def load(self, draft: Draft, directory: Path, catalogue: "Catalogue") -> Path:
        """Ask each agent whether the model may be loaded; the folder to load it from.

        Args:
            draft: the configuration where the model was found.
            directory: that folder.
            catalogue: of the installed agents.

        Raises:
            ConfigurationError: it names agents that there are not; all of them are named.
            AgentError: one does not let it; those after it are not asked.
        """
        chosen = _choose(draft, catalogue.of_kind(BrickKind.AGENT))
        self._last = AgentAction.LOAD
        for name, brick, parameters in chosen:
            try:
                agent: RepositoryAgent = brick.make()
                model = AgentModel(draft.name, directory, parameters, draft.document)
                self._invoked.append(_Invoked(name, agent, model))
                directory = agent.act(AgentAction.LOAD, model) or directory
                _require_folder(directory)
            except Exception as error:
                reason = str(error) if isinstance(error, LoadError) else f"{type(error).__name__}: {error}"
                message = f"agent '{name}' does not let model '{draft.name}' be loaded: {reason}"
                raise AgentError(message) from error
        return directory

    def end_load(self, *, complete: bool) -> None:
        """Tell those that were asked how the load ended, the last one first."""
        action = AgentAction.LOAD_COMPLETE if complete else AgentAction.LOAD_FAIL
        self._tell(AgentAction.LOAD, action, self._invoked[::-1])

    def begin_unload(self) -> None:
        """Tell that the model is about to be let go of, where its load was complete."""
        self._tell(AgentAction.LOAD_COMPLETE, AgentAction.UNLOAD, self._invoked)

    def end_unload(self) -> None:
        """Tell that the model is gone, the last one first."""
        self._tell(AgentAction.UNLOAD, AgentAction.UNLOAD_COMPLETE, self._invoked[::-1])

    def abandon(self) -> None:
        """Tell that nothing came of the load, or of what was loaded."""
        self.end_load(complete=False)
        self.begin_unload()
        self.end_unload()

    def _tell(self, before: AgentAction, action: AgentAction, agents: Sequence[_Invoked]) -> None:
        with self._lock:
            if self._last is not before:
                return
            self._last = action
        for one in agents:
            try:
                one.agent.act(action, one.model)
            except Exception:
                log.exception("agent '%s' of model '%s' failed at %s", one.name, one.model.name, action)


def _require_folder(directory: Path) -> None:
    if not directory.is_dir():
        raise LoadError(f"it gave '{directory}', which is no folder")


def _choose(draft: Draft, installed: "dict[str, Brick]") -> list[tuple[str, "Brick", dict[str, str]]]:
    findings = Findings(draft)
    chosen = []
    entries: list[dict[str, Any]] = draft.document.get(FIELD, {}).get("agents", [])
    for index, entry in enumerate(entries):
        name = entry.get("name", "")
        field = f"{FIELD}.agents[{index}]"
        if not name:
            findings.add(field, "the agent has no name", 'write name: "checksum", say')
        elif name not in installed:
            known = ", ".join(f"'{one}'" for one in sorted(installed)) or "none"
            message = f"there is no repository agent '{name}' (installed: {known})"
            findings.add(f"{field}.name", message, suggest(name, installed))
        else:
            chosen.append((name, installed[name], dict(entry.get("parameters", {}))))
    findings.raise_if_any()
    return chosen
