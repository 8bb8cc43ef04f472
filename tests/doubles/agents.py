"""Repository agents for tests: each writes down what it was told."""

import shutil
from pathlib import Path
from typing import ClassVar

from trilith.contract import AgentAction, AgentModel, LoadError


class Diary:
    """Writes down every action; its parameters say what else it does."""

    told: ClassVar[list[tuple[str, str]]] = []
    """Tag of the agent and action, of all agents together."""

    def act(self, action: AgentAction, model: AgentModel) -> Path | None:
        self.told.append((model.parameters.get("tag", ""), str(action)))
        if action is AgentAction.LOAD:
            return self._load(model)
        if "raise-later" in model.parameters:
            raise RuntimeError("it stumbled")
        return None

    def _load(self, model: AgentModel) -> Path | None:
        if "refuse" in model.parameters:
            raise LoadError(model.parameters["refuse"])
        if "crash" in model.parameters:
            raise ZeroDivisionError("by zero")
        if "elsewhere" not in model.parameters:
            return None
        place = Path(model.parameters["elsewhere"])
        if "copy" in model.parameters:
            shutil.copytree(model.directory, place)
            (place / "1").rename(place / "7")
            (place / "config.pbtxt").write_text('backend: "echo" max_batch_size: 3')
        return place
