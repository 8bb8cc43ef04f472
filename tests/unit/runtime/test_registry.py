"""All models of a server by name: loaded, reloaded, unloaded, looked for."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.doubles import native
from tests.unit.runtime.conftest import CATALOGUE, WORKER_COMMAND, MakeFolder, parameter

from trilith.contract import ErrorCode
from trilith.repository.overrides import Override
from trilith.runtime.life import Settings
from trilith.runtime.loader import Loader
from trilith.runtime.records import Place, Refusal
from trilith.runtime.registry import Registry

INPUT = np.ones((1, 4), np.float32)
THREAD = parameter("isolation", "thread")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    return path


@pytest.fixture
def registry(server: native.Server, repository: Path) -> Iterator[Registry]:
    settings = Settings(worker_command=WORKER_COMMAND)
    made = Registry(server, CATALOGUE, settings, Place((repository,)), Loader(2))
    yield made
    made.unload_all(5.0)


def load(registry: Registry, name: str = "a", override: Override | None = None) -> Refusal | None:
    return wait(lambda done: registry.load(name, override or Override(), done))


def unload(registry: Registry, name: str = "a", *, dependents: bool = False) -> Refusal | None:
    return wait(lambda done: registry.unload(name, done, dependents=dependents))


def wait(begin: object) -> Refusal | None:
    told: list[Refusal | None] = []
    event = threading.Event()

    def done(refusal: Refusal | None = None) -> None:
        told.append(refusal)
        event.set()

    begin(done)  # type: ignore[operator]
    assert event.wait(20)
    return told[0]


def poll(registry: Registry) -> list[str]:
    """Look at the repositories, and wait until what was found is settled."""
    settled: list[str] = []
    news = threading.Condition()

    def done(name: str) -> None:
        with news:
            settled.append(name)
            news.notify_all()

    names = registry.poll(done)
    with news:
        assert news.wait_for(lambda: len(settled) == len(names), 20)
    return sorted(names)


def depart(registry: Registry) -> None:
    """Wait until everything that was unloaded is gone."""
    for thread in threading.enumerate():
        if thread.name.startswith("unload-"):
            thread.join(20)
    assert not registry.departing()


def write_config(repository: Path, text: str, name: str = "a") -> None:
    path = repository / name / "config.pbtxt"
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(f'backend: "echo"\n{THREAD}{text}')
    os.utime(path, ns=(before + 1, before + 1))


def test_a_model_is_loaded_answers_and_is_unloaded(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    make_folder("a", THREAD)
    assert load(registry) is None
    assert server.serving["a", 1].submit(IN=INPUT).wait().outputs["OUT"].flat[0] == 1
    assert unload(registry) is None
    depart(registry)
    assert server.states == {("a", 1): ("UNAVAILABLE", "unloaded")}


def test_a_model_that_is_nowhere_is_refused_and_leaves_no_trace(
    registry: Registry, server: native.Server
) -> None:
    refusal = load(registry, "nowhere")
    assert refusal is not None
    assert refusal.code is ErrorCode.INTERNAL
    assert (
        "failed to load 'nowhere', failed to poll from model repository: there is no folder"
        in refusal.message
    )
    assert server.states == {}
    assert unload(registry, "nowhere") is None


@pytest.mark.parametrize("name", ["", " ", "..", "../a", "a/b", ".hidden"])
def test_names_that_lead_out_of_the_repository_are_refused(registry: Registry, name: str) -> None:
    refusal = load(registry, name)
    assert refusal is not None
    assert "cannot be the name of a model" in refusal.message


def test_mistakes_in_a_configuration_are_all_in_the_answer(
    registry: Registry, make_folder: MakeFolder
) -> None:
    make_folder("a", "max_batch_siz: 8\ninputt []\n")
    refusal = load(registry)
    assert refusal is not None
    assert refusal.code is ErrorCode.INTERNAL
    assert "max_batch_siz" in refusal.message
    assert "inputt" in refusal.message


def test_loading_again_without_a_change_does_nothing(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    make_folder("a", THREAD)
    load(registry)
    first = server.serving["a", 1]
    load(registry)
    assert server.serving["a", 1] is first


def test_a_changed_model_displaces_the_one_before_which_finishes_its_requests(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", THREAD)
    load(registry)
    first = server.serving["a", 1]
    replies = [first.submit(IN=INPUT) for _ in range(20)]
    (repository / "a" / "1" / "weights").write_text("new")
    assert load(registry) is None
    second = server.serving["a", 1]
    assert second is not first
    replies.append(second.submit(IN=INPUT))
    assert all(not reply.wait().error for reply in replies)
    depart(registry)
    assert first.closed
    assert server.states == {("a", 1): ("READY", "")}
    assert [entry[2] for entry in server.history if entry[0] == "a"].count("UNAVAILABLE") == 0


def test_a_failed_reload_leaves_the_old_version_serving_and_says_so(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", THREAD)
    load(registry)
    first = server.serving["a", 1]
    write_config(repository, parameter("do", "refuse-load"))
    refusal = load(registry)
    assert refusal is not None
    assert refusal.code is ErrorCode.INVALID_ARG
    assert "load failed for model 'a': the weights are cut short" in refusal.message
    assert server.serving["a", 1] is first
    state, reason = server.states["a", 1]
    assert state == "READY"
    assert "what was loaded before goes on: the weights are cut short" in reason
    assert not first.submit(IN=INPUT).wait().error
    write_config(repository, "")
    assert load(registry) is None
    assert server.states["a", 1] == ("READY", "")


def test_versions_that_come_and_go_are_followed(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", f"{THREAD}version_policy {{ all {{}} }}", versions=(1, 2))
    load(registry)
    (repository / "a" / "1").rmdir()
    (repository / "a" / "3").mkdir()
    assert load(registry) is None
    depart(registry)
    assert server.states == {
        ("a", 1): ("UNAVAILABLE", "unloaded"),
        ("a", 2): ("READY", ""),
        ("a", 3): ("READY", ""),
    }


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_only_instances_are_added_and_removed_where_only_their_number_changed(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path, isolation: str
) -> None:
    config = parameter("isolation", isolation) + "instance_group [{ count: 1 kind: KIND_CPU }]"
    make_folder("a", config)
    load(registry)
    first = server.serving["a", 1]
    for count in (3, 2):
        text = config.replace("count: 1", f"count: {count}")
        (repository / "a" / "config.pbtxt").write_text(f'backend: "echo"\n{text} # {count * "!"}')
        assert load(registry) is None
        assert server.serving["a", 1] is first
        assert first.described["instance_group"][0]["count"] == count
        replies = [first.submit(IN=INPUT) for _ in range(20)]
        assert all(not reply.wait().error for reply in replies)
    names = {thread.name for thread in threading.enumerate()}
    running = {name.removesuffix("-link") for name in names if name.startswith("a_0_")}
    assert running == {"a_0_0", "a_0_1"}


def test_an_instance_that_cannot_be_made_leaves_the_others_serving(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    refusing = parameter("do", "refuse-a_0_1")
    make_folder("a", THREAD + refusing)
    load(registry)
    first = server.serving["a", 1]
    write_config(repository, refusing + "instance_group [{ count: 2 kind: KIND_CPU }]")
    refusal = load(registry)
    assert refusal is not None
    assert "no room for this instance" in refusal.message
    assert not first.submit(IN=INPUT).wait().error


def test_a_configuration_override_holds_until_the_next_load(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    make_folder("a", THREAD)
    load(registry)
    given = {"backend": "echo", "max_batch_size": 3, "parameters": {"isolation": {"string_value": "thread"}}}
    assert load(registry, override=Override(json.dumps(given))) is None
    assert server.serving["a", 1].spec["max_batch_size"] == 3
    assert load(registry) is None
    assert server.serving["a", 1].spec["max_batch_size"] == 8


def test_an_override_that_is_no_configuration_is_the_clients_mistake(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    make_folder("a", THREAD)
    load(registry)
    refusal = load(registry, override=Override('{"max_batch_siz": 3}'))
    assert refusal is not None
    assert refusal.code is ErrorCode.INVALID_ARG
    assert "max_batch_siz" in refusal.message
    assert server.states["a", 1][0] == "READY"


def test_a_model_of_given_files_takes_them_along_when_it_goes(
    registry: Registry, server: native.Server
) -> None:
    given = {"backend": "echo", "parameters": {"isolation": {"string_value": "thread"}}}
    override = Override(json.dumps(given), {"2/model.echo": b"weights"})
    assert load(registry, "new", override) is None
    (life,) = registry.lives()
    assert (life.folder.directory / "2" / "model.echo").read_bytes() == b"weights"
    assert server.states == {("new", 2): ("READY", "")}
    unload(registry, "new")
    depart(registry)
    assert not life.folder.directory.parent.exists()


def test_looking_follows_models_that_come_change_and_go(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", THREAD)
    assert poll(registry) == ["a"]
    assert poll(registry) == []
    first = server.serving["a", 1]
    (repository / "a" / "1" / "weights").write_text("new")
    make_folder("b", THREAD)
    assert poll(registry) == ["a", "b"]
    assert server.serving["a", 1] is not first
    for path in sorted((repository / "b").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (repository / "b").rmdir()
    assert poll(registry) == ["b"]
    depart(registry)
    wait(registry.refresh)
    assert server.states == {("a", 1): ("READY", "")}


def test_what_failed_is_tried_again_at_the_next_look(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    folder = make_folder("a", THREAD)
    (folder.directory / "refuse-complete").touch()
    assert poll(registry) == ["a"]
    assert server.states["a", 1][0] == "UNAVAILABLE"
    assert poll(registry) == ["a"]
    (folder.directory / "refuse-complete").unlink()
    assert poll(registry) == ["a"]
    assert poll(registry) == []
    assert server.states["a", 1] == ("READY", "")


def test_a_repository_that_is_away_unloads_nothing(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", THREAD)
    poll(registry)
    repository.rename(repository.with_name("away"))
    assert poll(registry) == []
    assert server.states["a", 1] == ("READY", "")


def test_the_index_names_what_was_never_loaded_and_forgets_what_went(
    registry: Registry, server: native.Server, make_folder: MakeFolder, repository: Path
) -> None:
    make_folder("a", versions=())
    wait(registry.refresh)
    assert server.states == {("a", None): ("UNKNOWN", "")}
    (repository / "a" / "config.pbtxt").unlink()
    (repository / "a").rmdir()
    wait(registry.refresh)
    assert server.states == {}


def test_loads_and_unloads_of_one_model_end_in_the_order_in_which_they_came(
    registry: Registry, server: native.Server, make_folder: MakeFolder
) -> None:
    make_folder("a", THREAD)
    ended: list[str] = []
    last = threading.Event()
    for turn in range(10):
        registry.load("a", Override(), lambda refusal, turn=turn: ended.append(f"load {turn} {refusal}"))  # type: ignore[misc]
        registry.unload("a", lambda refusal, turn=turn: ended.append(f"unload {turn} {refusal}"))  # type: ignore[misc]
    registry.unload("a", lambda _refusal: last.set())
    assert last.wait(20)
    assert ended == [f"{what} {turn} None" for turn in range(10) for what in ("load", "unload")]
    depart(registry)
    assert server.states["a", 1] == ("UNAVAILABLE", "unloaded")
