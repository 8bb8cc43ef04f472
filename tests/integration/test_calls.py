"""Models that ask other models, in worker processes and in threads of the server."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.server import ServerProcess
from support.streams import Stream, numbers, write_models


@pytest.fixture(scope="module")
def streams(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("calls")
    write_models(repository, isolation)
    with ServerProcess(repository) as process:
        yield process


@pytest.fixture
def stream(streams: ServerProcess) -> Iterator[Stream]:
    with Stream(streams) as opened:
        yield opened


def ask(stream: Stream, count: int, asked: str = "calling", **parameters: str) -> tuple[int, dict[str, Any]]:
    """Ask a model that asks another one; the sum that it gives, and what it tells."""
    result = stream.client.infer(asked, numbers(count), parameters=parameters)
    told = {
        name: getattr(value, value.WhichOneof("parameter_choice"))
        for name, value in result.get_response().parameters.items()
    }
    return int(result.as_numpy("OUT")[0]), told


def count_successes(stream: Stream, model: str) -> int:
    statistics = stream.client.get_inference_statistics(model)
    return int(statistics.model_stats[0].inference_stats.success.count)


def test_a_model_asks_another_one_and_that_is_counted(stream: Stream) -> None:
    before = count_successes(stream, "sending")
    assert ask(stream, 1, model="sending", its_mode="at_once") == (1, {"responses": 1})
    assert count_successes(stream, "sending") == before + 1


def test_many_requests_may_be_awaited_together(stream: Stream) -> None:
    assert ask(stream, 1, model="sending", mode="async") == (20, {"responses": 20})


@pytest.mark.parametrize("mode", ["stream", "async_stream"])
def test_responses_of_a_decoupled_model_come_one_by_one(stream: Stream, mode: str) -> None:
    total, told = ask(stream, 5, model="streaming", mode=mode)
    assert (total, told["responses"]) == (10, 6)
    assert told.get("again", 6) == 6


def test_a_decoupled_model_is_asked_only_by_who_takes_many_responses(stream: Stream) -> None:
    _, told = ask(stream, 1, model="streaming")
    assert "decoupled=True" in told["error"]


def test_errors_of_the_other_model_keep_their_code(stream: Stream) -> None:
    _, told = ask(stream, 1, model="streaming", mode="stream", its_mode="fail")
    assert (told["error"], told["code"], told["responses"]) == ("no further", 2, 2)


def test_an_unknown_model_is_an_error_and_not_ready(stream: Stream) -> None:
    _, told = ask(stream, 1, model="nobody")
    assert "nobody" in told["error"]
    assert ask(stream, 1, model="nobody", mode="ready")[1]["ready"] is False
    assert ask(stream, 1, model="sending", mode="ready")[1]["ready"] is True


@pytest.mark.parametrize("circle", [("calling", ""), ("calling_back", "calling")])
def test_a_circle_that_would_never_end_is_reported(stream: Stream, circle: tuple[str, str]) -> None:
    first, then = circle
    _, told = ask(stream, 1, model=first, then=then, its_mode="exec")
    assert "would never answer" in told["error"]


def test_a_second_instance_answers_what_the_first_one_asks(stream: Stream) -> None:
    assert ask(stream, 1, "calling_twice", model="calling_twice", then="sending", its_mode="exec") == (
        1,
        {"responses": 1},
    )
