"""Repository agents: asked before a load, told of its end and of the model's."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.doubles import native
from tests.doubles.agents import Diary
from tests.unit.runtime.conftest import CATALOGUE, MakeFolder, parameter

from trilith.contract import BrickKind, Manifest
from trilith.runtime.bricks import Brick
from trilith.runtime.life import ModelLife, Settings

AGENT = Brick(Manifest("diary", BrickKind.AGENT, "Writes down"), "tests.doubles.agents:Diary")
WITH_AGENT = replace(CATALOGUE, bricks=(*CATALOGUE.bricks, AGENT))

Make = Callable[[str], ModelLife]
ONE = [("one", "LOAD"), ("one", "LOAD_COMPLETE"), ("one", "UNLOAD"), ("one", "UNLOAD_COMPLETE")]


@pytest.fixture
def make(server: native.Server, make_folder: MakeFolder) -> Iterator[Make]:
    """Make the life of a model with that configuration."""
    lives: list[ModelLife] = []

    def run(config: str) -> ModelLife:
        Diary.told.clear()
        isolation = parameter("isolation", "thread")
        lives.append(ModelLife(make_folder(config=isolation + config), server, WITH_AGENT, Settings()))
        return lives[-1]

    yield run
    for life in lives:
        life.unload(5.0)


def agents(*entries: dict[str, str], name: str = "diary") -> str:
    return f"model_repository_agents {{ {' '.join(_write(name, entry) for entry in entries)} }}"


def _write(name: str, parameters: dict[str, str]) -> str:
    pairs = "".join(f' parameters {{ key: "{key}" value: "{value}" }}' for key, value in parameters.items())
    return f'agents {{ name: "{name}"{pairs} }}'


def test_agents_are_told_in_order_and_of_what_is_complete_in_the_opposite_order(make: Make) -> None:
    life = make(agents({"tag": "one"}, {"tag": "two"}))
    assert life.load()
    assert life.unload(5.0)
    assert Diary.told == [
        *[("one", "LOAD"), ("two", "LOAD"), ("two", "LOAD_COMPLETE"), ("one", "LOAD_COMPLETE")],
        *[("one", "UNLOAD"), ("two", "UNLOAD"), ("two", "UNLOAD_COMPLETE"), ("one", "UNLOAD_COMPLETE")],
    ]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"refuse": "not on a Sunday"}, "not on a Sunday"),
        ({"crash": ""}, "ZeroDivisionError: by zero"),
        ({"elsewhere": "/nowhere/at/all"}, "it gave '/nowhere/at/all', which is no folder"),
    ],
)
def test_an_agent_that_refuses_keeps_the_model_from_loading_and_the_rest_from_being_asked(
    server: native.Server, make: Make, how: dict[str, str], reason: str
) -> None:
    life = make(agents({"tag": "one"}, {"tag": "two", **how}, {"tag": "three"}))
    assert not life.load()
    message = f"agent 'diary' does not let model 'a' be loaded: {reason}"
    assert server.states["a", 1] == ("UNAVAILABLE", message)
    assert life.is_refused
    assert Diary.told == [("one", "LOAD"), ("two", "LOAD"), ("two", "LOAD_FAIL"), ("one", "LOAD_FAIL")]


def test_a_model_that_does_not_load_is_told_to_its_agents(make: Make) -> None:
    life = make(agents({"tag": "one"}) + parameter("do", "refuse-load"))
    assert not life.load()
    assert Diary.told == [("one", "LOAD"), ("one", "LOAD_FAIL")]
    life.unload(5.0)
    assert len(Diary.told) == 2


def test_a_model_is_loaded_from_where_an_agent_left_it(
    server: native.Server, make: Make, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere"
    life = make(agents({"tag": "one", "elsewhere": str(place), "copy": ""}))
    assert life.load()
    assert server.states["a", 7] == ("READY", "")
    assert ("a", 1) not in server.states
    (version,) = life.versions
    assert version.configuration.max_batch_size == 3
    life.unload(5.0)
    # What stands in the new place names no agents; those of the old place see it out.
    assert Diary.told == ONE


def test_an_agent_that_stumbles_later_is_logged_and_holds_up_nobody(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    life = make(agents({"tag": "one", "raise-later": ""}))
    assert life.load()
    assert life.unload(5.0)
    assert Diary.told == ONE
    assert "agent 'diary' of model 'a' failed at LOAD_COMPLETE" in caplog.text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (agents({}, name="dairy"), ["agents[0].name", "no repository agent 'dairy' (installed: 'diary')"]),
        (agents({}, name=""), ["agents[0]", "the agent has no name"]),
    ],
)
def test_agents_that_are_not_there_are_named_with_their_line(
    make: Make, text: str, parts: Sequence[str]
) -> None:
    life = make(f"max_batch_size: 2\n{text}")
    assert not life.load()
    assert "config.pbtxt:4: model_repository_agents." in life.failure
    assert all(part in life.failure for part in parts)
    assert Diary.told == []


def test_a_model_without_agents_asks_nobody(make: Make) -> None:
    life = make("")
    assert life.load()
    assert Diary.told == []
