"""Requests that belong together: one instance, in order, what the model is told, what is kept for it."""

import json
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.sequences import write_sequence_models
from support.server import ServerProcess, wait_until

TIMEOUT_SECONDS = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("sequences")
    write_sequence_models(repository)
    with ServerProcess(repository) as process:
        yield process


def add(client: Client, model: str, value: int, sequence: int | str, flags: str = "") -> dict[str, Any]:
    """Send a number to a sequence; ``flags`` may hold ``s`` for its start and ``e`` for its end."""
    array = np.array([value] if model == "unbatched" else [[value]], np.int32)
    named = {"sequence_start": "s" in flags, "sequence_end": "e" in flags}
    answer = client.send(model, {"INPUT0": array}, sequence_id=sequence, **named)
    result: dict[str, Any] = {name: value.item() for name, value in answer.items()}
    if "TOLD" in result:
        result |= json.loads(result["TOLD"])
    return result


@pytest.mark.parametrize("model", ["direct", "oldest", "unbatched"])
def test_a_sequence_meets_its_model_in_order_with_its_controls(client: Client, model: str) -> None:
    answers = [add(client, model, value, 7, flags) for value, flags in [(1, "s"), (2, ""), (3, "e")]]
    assert [answer["SUM"] for answer in answers] == [1, 3, 6]
    assert [answer["START"] for answer in answers] == [1.0, 0.0, 0.0]
    assert [answer["END"] for answer in answers] == [False, False, True]
    assert [answer["flags"] for answer in answers] == [1, 0, 2]
    assert all(answer["READY"] == 1 and answer["CORRID"] == 7 for answer in answers)


def test_a_sequence_may_have_a_text_for_its_id(client: Client) -> None:
    answers = [add(client, "text", value, "größe", flags) for value, flags in [(1, "s"), (2, "e")]]
    assert [answer["SUM"] for answer in answers] == [1, 3]
    assert answers[1]["CORRID"] == "größe"


def test_a_row_without_a_request_is_filled_and_marked(client: Client) -> None:
    add(client, "direct", 1, 11, "s")
    add(client, "direct", 2, 12, "s")
    assert add(client, "direct", 3, 12, "e")["rows"] == [False, True]
    assert add(client, "direct", 4, 11, "e")["SUM"] == 5


def test_sequences_spread_over_instances_and_stay_there(client: Client) -> None:
    first = [add(client, "spread", 1, identifier, "s")["instance"] for identifier in (1, 2, 3, 4)]
    assert first[0] != first[1]
    again = [add(client, "spread", 1, identifier, "e")["instance"] for identifier in (1, 2, 3, 4)]
    assert again == first


@pytest.mark.parametrize("model", ["state_python", "state_onnx", "state_seen"])
def test_a_state_begins_as_configured_and_is_kept_between_requests(client: Client, model: str) -> None:
    totals = [add(client, model, value, 21, flags) for value, flags in [(1, "s"), (2, ""), (3, "e")]]
    assert [total["OUTPUT0"] for total in totals] == [101, 103, 106]
    assert all(("STATE_OUT" in total) == (model == "state_seen") for total in totals)
    assert add(client, model, 5, 21, "se")["OUTPUT0"] == 105


def test_a_state_is_kept_whatever_outputs_are_asked_for(client: Client) -> None:
    value = client.inputs({"INPUT0": np.array([[1]], np.int32)})
    for flags in ({"sequence_start": True}, {}):
        client.infer("state_seen", value, sequence_id=22, outputs=[client.output("OUTPUT0")], **flags)
    assert add(client, "state_seen", 1, 22, "e") == {"OUTPUT0": 103, "STATE_OUT": 103}


def test_states_of_sequences_side_by_side_do_not_mix(server: ServerProcess) -> None:
    def run(identifier: int) -> list[int]:
        with Client("http", server) as client:
            flags = ["s", *[""] * 8, "e"]
            return [
                add(client, "state_onnx", identifier, 100 + identifier, flag)["OUTPUT0"] for flag in flags
            ]

    with ThreadPoolExecutor(12) as pool:
        for identifier, totals in enumerate(pool.map(run, range(12))):
            assert totals == [100 + identifier * count for count in range(1, 11)]


def test_a_request_that_is_handed_back_runs_again_until_it_is_answered(client: Client) -> None:
    for runs in (1, 5):
        answer = client.send("iterative", {"INPUT0": np.array([[runs]], np.int32)})
        assert answer["OUTPUT0"].item() == runs


def test_a_decoupled_model_answers_at_each_run_of_a_request(server: ServerProcess) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(callback=lambda result, error: answers.put(error or result))
        value = tritonclient.grpc.InferInput("INPUT0", [1, 1], "INT32")
        value.set_data_from_numpy(np.array([[4]], np.int32))
        for name in ("a", "b"):
            client.async_stream_infer("steps", [value], request_id=name)
        results = [answers.get(timeout=TIMEOUT_SECONDS) for _ in range(8)]
        client.stop_stream()
    steps: dict[str, list[int]] = {"a": [], "b": []}
    for result in results:
        steps[result.get_response().id].append(result.as_numpy("OUTPUT0").item())
    assert steps == {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}


def test_requests_of_a_stream_are_answered_in_the_order_of_their_sequence(server: ServerProcess) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client:
        client.start_stream(callback=lambda result, error: answers.put(error or result))
        value = tritonclient.grpc.InferInput("INPUT0", [1, 1], "INT32")
        value.set_data_from_numpy(np.array([[1]], np.int32))
        for number in range(20):
            flags = {"sequence_start": number < 2, "sequence_end": number >= 18}
            client.async_stream_infer("oldest", [value], sequence_id=31 + number % 2, **flags)
        results = [answers.get(timeout=TIMEOUT_SECONDS) for _ in range(20)]
        client.stop_stream()
    totals: dict[int, list[int]] = {31: [], 32: []}
    for result in results:
        told = json.loads(result.as_numpy("TOLD").item())
        totals[told["CORRID"]].append(result.as_numpy("SUM").item())
    assert totals == {31: list(range(1, 11)), 32: list(range(1, 11))}


MISTAKES = {
    "no start": ("direct", 41, {}, "first request of a sequence must have the start flag"),
    "no id": ("direct", 0, {"sequence_start": True}, "must have a correlation id other than 0"),
    "a text": ("direct", "a", {"sequence_start": True}, "a correlation id that is a text was given"),
    "a number": ("text", 41, {"sequence_start": True}, "a correlation id that is a number was given"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_as_one_of_the_client(client: Client, mistake: str) -> None:
    model, identifier, flags, message = MISTAKES[mistake]
    value = client.inputs({"INPUT0": np.array([[1]], np.int32)})
    with pytest.raises(InferenceServerException, match=message) as caught:
        client.infer(model, value, sequence_id=identifier, **flags)
    assert caught.value.status() in ("400", "StatusCode.INVALID_ARGUMENT")


def test_a_request_of_several_rows_is_refused(client: Client) -> None:
    value = client.inputs({"INPUT0": np.array([[1], [2]], np.int32)})
    with pytest.raises(InferenceServerException, match="take a batch size of 1"):
        client.infer("direct", value, sequence_id=42, sequence_start=True)


def test_a_sequence_without_requests_gives_its_slot_to_the_next(client: Client) -> None:
    add(client, "single", 1, 51, "s")
    assert add(client, "single", 2, 52, "se")["SUM"] == 2
    with pytest.raises(InferenceServerException, match="idle too long"):
        add(client, "single", 3, 51)


def test_a_sequence_whose_client_goes_leaves_the_backlog(server: ServerProcess) -> None:
    with tritonclient.grpc.InferenceServerClient(server.grpc) as client, Client("grpc", server) as other:
        add(other, "patient", 1, 61, "s")
        value = tritonclient.grpc.InferInput("INPUT0", [1, 1], "INT32")
        value.set_data_from_numpy(np.array([[1]], np.int32))
        answers: queue.Queue[Any] = queue.Queue()
        flags = {"sequence_id": 62, "sequence_start": True}
        call = client.async_infer("patient", [value], lambda **answer: answers.put(answer["error"]), **flags)
        wait_until(lambda: count_pending(server, "patient") == 1, "the second sequence to wait")
        call.cancel()
        assert isinstance(answers.get(timeout=TIMEOUT_SECONDS), InferenceServerException)
        wait_until(lambda: count_pending(server, "patient") == 0, "the second sequence to go")
        assert add(other, "patient", 2, 61, "e")["SUM"] == 3
        assert add(other, "patient", 3, 63, "se")["SUM"] == 3


def count_pending(server: ServerProcess, model: str) -> int:
    """Count the requests that wait."""
    text = server.get("/metrics", door="metrics")[1].decode()
    mark = f'nv_inference_pending_request_count{{model="{model}",version="1"}} '
    return int(next(line for line in text.splitlines() if line.startswith(mark)).removeprefix(mark))


def test_rows_that_only_fill_are_not_counted(server: ServerProcess) -> None:
    with Client("http", server) as client:
        before = count_inferences(client)
        add(client, "direct", 1, 71, "s")
        add(client, "direct", 2, 72, "s")
        add(client, "direct", 3, 72, "e")
        add(client, "direct", 4, 71, "e")
        assert count_inferences(client) == before + 4


def count_inferences(client: Client) -> int:
    statistics = client.get_inference_statistics("direct")["model_stats"][0]
    count: int = statistics["inference_count"]
    return count


def test_the_configuration_shows_what_was_left_open(server: ServerProcess) -> None:
    shown = json.loads(server.get("/v2/models/oldest/config")[1])["sequence_batching"]
    assert shown["oldest"]["preferred_batch_size"] == [4]
