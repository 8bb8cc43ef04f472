"""Who is asked before a model is loaded, and told when it goes: to check, fetch or decrypt its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class AgentAction(StrEnum):
    """What happens to a model.

    ``LOAD`` is followed by ``LOAD_COMPLETE`` or ``LOAD_FAIL``, the former at some time by ``UNLOAD`` and
    that by ``UNLOAD_COMPLETE``. Agents are told in the order of the configuration, and of what is complete or
    has failed in the opposite order.
    """

    LOAD = "LOAD"
    LOAD_COMPLETE = "LOAD_COMPLETE"
    LOAD_FAIL = "LOAD_FAIL"
    UNLOAD = "UNLOAD"
    UNLOAD_COMPLETE = "UNLOAD_COMPLETE"


@dataclass(frozen=True)
class AgentModel:
    """The model that an agent is asked about."""

    name: str
    directory: Path
    """Its folder, as the agents before have left it; for every action the one that came with ``LOAD``."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the configuration tells this agent."""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The whole configuration, as it was written where the model was found."""


class RepositoryAgent(Protocol):
    """The object behind an entry point ``agent.NAME`` of the group ``trilith.bricks``.

    One is made for each load of a model that names it, so that it may keep what it needs until the model is
    gone. It is called from one thread at a time.
    """

    def act(self, action: AgentAction, model: AgentModel) -> Path | None:
        """Take part in what happens to a model.

        Returns:
            To ``LOAD``: another folder to load the model from, ``None`` to leave it where it is. The agent
            keeps that folder until ``LOAD_FAIL`` or ``UNLOAD_COMPLETE``. To all else: ``None``.

        Raises:
            LoadError: to ``LOAD``: the model must not be loaded; the message says why. What is raised to all
                else is logged, and nothing more.
        """
