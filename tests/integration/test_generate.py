"""The generate extension, over models of every kind."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.server import ServerProcess, wait_until
from support.streams import Stream, write_models


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("generate")
    write_models(repository, "process")
    with ServerProcess(repository) as process:
        yield process


def generate(server: ServerProcess, model: str, **members: Any) -> tuple[int, dict[str, Any]]:
    status, body = server.request("POST", f"/v2/models/{model}/generate", json.dumps(members).encode())
    return status, json.loads(body)


def generate_stream(server: ServerProcess, **members: Any) -> tuple[int, str, list[dict[str, Any]]]:
    connection = http.client.HTTPConnection(server.http)
    connection.request("POST", "/v2/models/streaming/versions/1/generate_stream", json.dumps(members))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    kind = answer.headers["Content-Type"]
    if "json" in kind:
        return answer.status, kind, [json.loads(text)]
    events = text.split("\n\n")
    assert events.pop() == ""
    return answer.status, kind, [json.loads(event.removeprefix("data: ")) for event in events]


def test_members_become_inputs_and_parameters_and_outputs_become_members(streams: ServerProcess) -> None:
    status, body = generate(streams, "sending", id="7", COUNT=3, parameters={"mode": "at_once"})
    assert status == 200
    assert body == {"id": "7", "model_name": "sending", "model_version": "1", "told": "at once", "OUT": 1}


def test_a_decoupled_model_that_answers_once_can_be_asked_without_a_stream(streams: ServerProcess) -> None:
    assert generate(streams, "streaming", COUNT=1)[1]["OUT"] == 0


@pytest.mark.parametrize("count", [0, 2])
def test_no_or_several_responses_are_told_as_an_error_with_status_200(
    streams: ServerProcess, count: int
) -> None:
    status, body = generate(streams, "streaming", COUNT=count)
    assert status == 200
    assert "exactly 1 response" in body["error"]


def test_an_error_of_the_model_sets_the_status(streams: ServerProcess) -> None:
    assert generate(streams, "streaming", COUNT=0, mode="fail") == (404, {"error": "no further"})


def test_responses_come_as_events(streams: ServerProcess) -> None:
    status, kind, events = generate_stream(streams, COUNT=[3], mode="count_to_last")
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    assert [event["OUT"] for event in events] == [0, 1, 2]


def test_an_error_in_a_stream_is_an_event(streams: ServerProcess) -> None:
    status, _, events = generate_stream(streams, COUNT=1, mode="fail")
    assert status == 200
    assert events[-1] == {"error": "no further"}


@pytest.mark.parametrize(
    ("members", "named"),
    [({}, "COUNT"), ({"COUNT": [1, 2]}, "COUNT"), ({"COUNT": "x"}, "COUNT"), ({"COUNT": 1, "x": {}}, "x")],
)
def test_what_is_refused_before_it_reaches_the_model_is_no_stream(
    streams: ServerProcess, members: dict[str, Any], named: str
) -> None:
    status, kind, bodies = generate_stream(streams, **members)
    assert (status, kind) == (400, "application/json")
    assert named in bodies[0]["error"]


def test_an_unknown_model_and_a_wrong_method_are_told_as_everywhere(streams: ServerProcess) -> None:
    assert generate(streams, "nobody", COUNT=1)[0] == 404
    assert streams.get("/v2/models/streaming/generate")[0] == 405


def test_a_client_that_goes_away_cancels_its_stream(streams: ServerProcess) -> None:
    connection = http.client.HTTPConnection(streams.http)
    body = json.dumps({"COUNT": 1, "mode": "wait_for_cancellation"})
    connection.request("POST", "/v2/models/streaming/generate_stream", body)
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: ")
    answer.close()
    connection.close()
    with Stream(streams) as stream:

        def is_told() -> bool:
            stream.ask(0, "tell")
            return stream.next()[2]["told"] == "cancelled"

        wait_until(is_told, "the model to learn that its client has gone")
