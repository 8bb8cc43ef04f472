"""Models of one name in several repositories."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doubles import native
from tests.unit.runtime.conftest import CATALOGUE, WORKER_COMMAND, parameter

from trilith.repository.overrides import Override
from trilith.runtime.life import Settings
from trilith.runtime.loader import Loader
from trilith.runtime.records import Done, Gathering, Place, Refusal
from trilith.runtime.registry import Registry

THREAD = parameter("isolation", "thread")
TENSORS = "\n".join(
    f'{kind} {{ name: "{name}" data_type: TYPE_FP32 dims: 4 }}'
    for kind, name in (("input", "IN"), ("output", "OUT"))
)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "one", tmp_path / "two"


@pytest.fixture
def registry(server: native.Server, places: tuple[Path, Path]) -> Iterator[Registry]:
    for place in places:
        place.mkdir()
    settings = Settings(worker_command=WORKER_COMMAND)
    made = Registry(server, CATALOGUE, settings, Place(places, namespaces=True), Loader(2))
    yield made
    made.unload_all(5.0)


def write(place: Path, name: str, text: str = "") -> str:
    """Write a model; its key."""
    (place / name / "1").mkdir(parents=True)
    (place / name / "config.pbtxt").write_text(text or f'backend: "echo"\n{THREAD}{TENSORS}')
    return f"{place}/{name}"


def write_ensemble(place: Path, name: str, member: str) -> str:
    maps = 'input_map { key: "IN" value: "IN" } output_map { key: "OUT" value: "OUT" }'
    step = f'step {{ model_name: "{member}" model_version: -1 {maps} }}'
    return write(place, name, f'platform: "ensemble"\n{TENSORS}\nensemble_scheduling {{ {step} }}\n')


def wait(begin: Callable[[Done], Any]) -> Refusal | None:
    told: list[Refusal | None] = []
    event = threading.Event()

    def done(refusal: Refusal | None) -> None:
        told.append(refusal)
        event.set()

    begin(done)
    assert event.wait(20)
    return told[0]


def load(registry: Registry, name: str, override: Override | None = None) -> Refusal | None:
    return wait(lambda done: registry.load(name, override or Override(), done))


def unload(registry: Registry, name: str) -> Refusal | None:
    return wait(lambda done: registry.unload(name, done))


def depart(registry: Registry) -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("unload-"):
            thread.join(20)
    assert not registry.departing()


def step_of(server: native.Server, key: str) -> str:
    """In which namespace an ensemble finds the model of its step."""
    namespace: str = server.serving[key, 1].spec["ensemble"][0]["namespace"]
    return namespace


def serving(server: native.Server) -> set[str]:
    return {key for key, _ in server.serving}


def test_a_load_and_an_unload_are_about_every_model_of_the_name(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    keys = {write(place, "m") for place in places}
    assert load(registry, "m") is None
    assert serving(server) == keys
    assert unload(registry, "m") is None
    depart(registry)
    assert serving(server) == set()
    assert server.states == dict.fromkeys(((key, 1) for key in keys), ("UNAVAILABLE", "unloaded"))


def test_what_fails_in_one_repository_does_not_keep_the_other_from_being_loaded(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    good, bad = write(places[0], "m"), write(places[1], "m", "max_batch_siz: 8\n")
    refusal = load(registry, "m")
    assert refusal is not None
    assert f"failed to load '{bad}'" in refusal.message
    assert good not in refusal.message
    assert serving(server) == {good}


def test_the_steps_of_an_ensemble_are_found_beside_it_or_else_where_there_is_but_one(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    for place in places:
        write(place, "m")
    write(places[1], "only")
    ensembles = [write_ensemble(place, f"of_{place.name}", "m") for place in places]
    across = write_ensemble(places[0], "across", "only")
    for key in (*ensembles, across):
        assert load(registry, Path(key).name) is None
    assert [step_of(server, key) for key in ensembles] == [str(place) for place in places]
    assert step_of(server, across) == str(places[1])
    shown = server.serving[across, 1].spec["config_json"]
    assert f'"model_namespace":"{places[1]}"' in shown
    assert unload(registry, "m") is None
    depart(registry)
    assert serving(server) == {across, f"{places[1]}/only"}, "ensembles go with what they need"
    assert load(registry, "m") is None
    assert wait(lambda done: registry.unload("nothing", done)) is None, "what was to come back has"


def test_an_ensemble_goes_over_to_the_model_that_comes_to_lie_beside_it(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    write(places[1], "m")
    across = write_ensemble(places[0], "across", "m")
    assert load(registry, "across") is None
    assert step_of(server, across) == str(places[1])
    write(places[0], "m")
    assert load(registry, "m") is None
    assert wait(lambda done: registry.load("across", Override(), done)) is None
    assert step_of(server, across) == str(places[0])


@pytest.mark.usefixtures("registry")
def test_a_step_whose_name_is_that_of_several_models_elsewhere_is_refused(
    server: native.Server, places: tuple[Path, Path], tmp_path: Path
) -> None:
    third = tmp_path / "three"
    third.mkdir()
    for place in places:
        write(place, "m")
    write_ensemble(third, "lost", "m")
    made = Registry(server, CATALOGUE, Settings(), Place((*places, third), namespaces=True), Loader(1))
    refusal = load(made, "lost")
    assert refusal is not None
    assert f"several repositories, {places[0]}, {places[1]}, and not in the ensemble's own" in refusal.message
    made.unload_all(5.0)


def test_a_model_of_files_that_a_client_brings_is_of_no_repository(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    inside = write(places[0], "m")
    configuration = (
        '{"backend": "echo", "parameters": {"isolation": {"string_value": "thread"}},'
        '"input": [{"name": "IN", "data_type": "TYPE_FP32", "dims": [4]}],'
        '"output": [{"name": "OUT", "data_type": "TYPE_FP32", "dims": [4]}]}'
    )
    assert load(registry, "m", Override(configuration, {"1/model.echo": b""})) is None
    assert serving(server) == {"m"}
    assert load(registry, "m") is None
    assert serving(server) == {"m", inside}
    assert unload(registry, "m") is None
    assert serving(server) == set()


def test_a_look_at_the_repositories_finds_models_that_came_and_went_in_each(
    registry: Registry, server: native.Server, places: tuple[Path, Path]
) -> None:
    first = write(places[0], "m")

    def look() -> None:
        settled = threading.Semaphore(0)
        for _ in registry.poll(lambda _key: settled.release()):
            assert settled.acquire(timeout=20)

    look()
    assert serving(server) == {first}
    second = write(places[1], "m")
    look()
    assert serving(server) == {first, second}
    for file in sorted((places[0] / "m").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (places[0] / "m").rmdir()
    look()
    assert serving(server) == {second}


def test_of_several_ends_the_last_one_is_told_with_all_reasons() -> None:
    told: list[Refusal | None] = []
    gathering = Gathering(3, told.append)
    for refusal in (Refusal("one"), None):
        gathering.note(refusal)
    assert told == []
    gathering.note(Refusal("two"))
    assert told == [Refusal("one\ntwo")]
