"""One model, from its folder to READY and back, in this process and in worker processes."""

import logging
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.doubles import native
from tests.unit.runtime.conftest import MakeFolder, MakeLife, parameter

from trilith.runtime.life import ModelLife

both = pytest.mark.parametrize("isolation", ["thread", "process"])


def tensor(first: float) -> NDArray[Any]:
    return np.array([[first, 0, 0, 0]], np.float32)


def state(server: native.Server, version: int | None = 1, name: str = "a") -> tuple[str, str]:
    return server.states[name, version]


@both
def test_a_model_becomes_ready_and_answers(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    life = make_life(isolation=isolation)
    assert state(server) == ("LOADING", "")
    assert life.load()
    assert state(server) == ("READY", "")
    reply = server.models["a", 1].submit(IN=tensor(7)).wait()
    assert reply.outputs["OUT"].flat[0] == 7


@both
def test_what_a_model_raises_fails_its_request_and_the_next_is_served(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    make_life(isolation=isolation).load()
    model = server.models["a", 1]
    busy = model.submit(IN=tensor(-1)).wait()
    assert (busy.error, busy.code) == ("it is busy", "UNAVAILABLE")
    broken = model.submit(IN=tensor(-2)).wait()
    assert (broken.error, broken.code) == ("instance 'a_0' failed: KeyError: 'OUT'", "INTERNAL")
    left = model.submit(IN=tensor(-3)).wait()
    assert (left.error, left.code) == ("instance 'a_0' failed: SystemExit: 4", "INTERNAL")
    assert model.submit(IN=tensor(5)).wait().outputs["OUT"].flat[0] == 5


@both
@pytest.mark.parametrize(
    ("trait", "reason"),
    [("refuse-load", "the weights are cut short"), ("crash-load", "ZeroDivisionError: by zero")],
)
def test_a_load_that_fails_leaves_its_reason_in_the_index(
    server: native.Server, make_life: MakeLife, isolation: str, trait: str, reason: str
) -> None:
    life = make_life(parameter("do", trait), isolation)
    assert not life.load()
    assert state(server) == ("UNAVAILABLE", reason)
    assert life.failure == reason


@both
def test_a_completion_that_fails_leaves_its_reason(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    life = make_life(isolation=isolation)
    (life.folder.directory / "refuse-complete").touch()
    assert not life.load()
    assert state(server) == ("UNAVAILABLE", "the model's file is not readable")


def test_a_worker_that_dies_while_loading_is_named_with_its_exit_status(
    server: native.Server, make_life: MakeLife
) -> None:
    assert not make_life(parameter("do", "die-at-load"), "process").load()
    assert "ended with exit status 3 before the model was loaded" in state(server)[1]


@both
def test_one_instance_that_cannot_be_made_fails_the_load(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    config = parameter("do", "refuse-a_0_1") + "instance_group [{ count: 3 kind: KIND_CPU }]"
    assert not make_life(config, isolation).load()
    assert state(server) == ("UNAVAILABLE", "no room for this instance")


@both
def test_every_instance_serves(server: native.Server, make_life: MakeLife, isolation: str) -> None:
    life = make_life("instance_group [{ count: 2 kind: KIND_CPU }]", isolation)
    assert life.load()
    replies = [server.models["a", 1].submit(IN=tensor(number)) for number in range(20)]
    assert [reply.wait().outputs["OUT"].flat[0] for reply in replies] == list(range(20))


def test_each_instance_in_workers_has_a_process_of_its_own(
    server: native.Server, make_life: MakeLife
) -> None:
    make_life("instance_group [{ count: 2 kind: KIND_CPU }]", "process").load()
    replies = [server.models["a", 1].submit(IN=tensor(-10)) for _ in range(50)]
    assert len({reply.wait().outputs["OUT"].flat[0] for reply in replies}) <= 2


def test_mistakes_in_a_configuration_are_all_in_the_reason(
    server: native.Server, make_life: MakeLife
) -> None:
    life = make_life("max_batch_siz: 8\ninputt []\n")
    assert not life.load()
    status, reason = state(server)
    assert status == "UNAVAILABLE"
    assert "max_batch_siz" in reason
    assert "config.pbtxt" in reason


def test_without_completion_what_is_not_written_is_missing(
    server: native.Server, make_life: MakeLife
) -> None:
    assert not make_life(complete=False).load()
    assert "input" in state(server)[1]


def test_a_model_without_versions_says_so(server: native.Server, make_life: MakeLife) -> None:
    assert not make_life(versions=()).load()
    status, reason = state(server, None)
    assert status == "UNAVAILABLE"
    assert "there is no version to serve" in reason


def test_an_unknown_isolation_is_a_problem_of_the_configuration(
    server: native.Server, make_life: MakeLife
) -> None:
    assert not make_life(isolation="container").load()
    assert "isolation is 'container'; it must be 'thread' or 'process'" in state(server)[1]


def test_versions_that_the_policy_leaves_out_are_forgotten(
    server: native.Server, make_life: MakeLife
) -> None:
    assert make_life(versions=(1, 2, 3)).load()
    assert server.states == {("a", 3): ("READY", "")}


def test_versions_come_together(server: native.Server, make_life: MakeLife) -> None:
    assert make_life("version_policy { all {} }", versions=(1, 2)).load()
    assert server.states == {("a", 1): ("READY", ""), ("a", 2): ("READY", "")}
    assert server.models["a", 2].submit(IN=tensor(3)).wait().outputs["OUT"].flat[0] == 3


def test_when_one_version_fails_none_is_served(server: native.Server, make_life: MakeLife) -> None:
    life = make_life("version_policy { all {} }", "process", versions=(1, 2))
    (life.folder.directory / "2" / "die-at-load").touch()
    assert not life.load()
    assert {entry[0] for entry in server.states.values()} == {"UNAVAILABLE"}
    assert not server.models["a", 1].published


def test_when_an_instance_of_one_version_finds_no_place_none_is_served(
    server: native.Server, make_life: MakeLife, caplog: pytest.LogCaptureFixture
) -> None:
    server.unfit.add(2)
    assert not make_life("version_policy { all { } }", versions=(1, 2)).load()
    assert state(server)[0] == state(server, 2)[0] == "UNAVAILABLE"
    assert state(server, 2)[1] == "an instance asks for more than there is"
    assert not server.serving
    assert "Traceback" not in caplog.text


@both
def test_unloading_waits_for_what_is_in_flight(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    life = make_life(isolation=isolation)
    life.load()
    replies = [server.models["a", 1].submit(IN=tensor(number)) for number in range(50)]
    assert life.unload(20.0)
    assert all(reply.done.is_set() and not reply.error for reply in replies)
    assert state(server) == ("UNAVAILABLE", "unloaded")
    assert [entry[2] for entry in server.history][-2:] == ["UNLOADING", "UNAVAILABLE"]


def test_a_model_that_fails_while_it_is_closed_ends_all_the_same(
    make_life: MakeLife, caplog: pytest.LogCaptureFixture
) -> None:
    life = make_life(parameter("do", "crash-close"))
    life.load()
    with caplog.at_level(logging.ERROR):
        assert life.unload(5.0)
    assert "failed while it was closed" in caplog.text


def test_a_model_that_was_unloaded_while_it_was_loading_is_not_published(
    server: native.Server, make_life: MakeLife, caplog: pytest.LogCaptureFixture
) -> None:
    life = make_life()
    life.unload(0.0)
    with caplog.at_level(logging.INFO):
        assert not life.load()
    assert "unloaded while it was loading" in state(server)[1]
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert "loading model 'a' was broken off" in caplog.text


def test_what_a_backend_finds_wrong_with_a_configuration_is_placed_in_it(
    server: native.Server, make_life: MakeLife
) -> None:
    assert not make_life(f"{parameter('do', 'contradict')}\nmax_batch_size: 2").load()
    place, _, rest = state(server)[1].partition("config.pbtxt")
    assert place.endswith("/a/")
    assert rest == ":5: max_batch_size: does not fit the model; write 4"


def test_what_a_backend_finds_wrong_names_the_version_where_there_are_several(
    server: native.Server, make_life: MakeLife
) -> None:
    config = f"{parameter('do', 'contradict')}\nversion_policy {{ all {{ }} }}\nmax_batch_size: 2"
    assert not make_life(config, versions=(1, 2)).load()
    assert "max_batch_size: version 1: does not fit the model" in state(server)[1]


def test_a_backend_that_is_not_installed_is_named(server: native.Server, make_folder: MakeFolder) -> None:
    from trilith.runtime.bricks import Catalogue  # noqa: PLC0415
    from trilith.runtime.life import Settings  # noqa: PLC0415

    life = ModelLife(make_folder(), server, Catalogue(()), Settings())
    assert not life.load()
    assert "echo" in state(server)[1]
