"""Ensembles by the real clients: what they answer, what is counted, what they say when a step fails."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from support.clients import KINDS, Client
from support.ensembles import write_ensembles
from support.server import ServerProcess
from support.shared import Region, placed_input, placed_output
from support.streams import Stream

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("ensembles")
    write_ensembles(repository)
    with ServerProcess(
        repository, "--allow-client-shm=true", tolerates=r"model 'failing': execute\(\) raised"
    ) as process:
        yield process


def refuse(client: Client, model: str, arrays: dict[str, Any], **named: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        client.send(model, arrays, **named)
    return str(caught.value.message())


@pytest.mark.parametrize("model", ["chain", "nested"])
def test_a_tensor_goes_through_every_step(client: Client, model: str) -> None:
    np.testing.assert_array_equal(client.send(model, {"INPUT0": ROWS})["OUTPUT0"], ROWS)


def test_branches_meet_again(client: Client) -> None:
    outputs = client.send("branches", {"INPUT0": ROWS})
    assert sorted(outputs) == ["A", "B", "left"]
    for output in outputs.values():
        np.testing.assert_array_equal(output, ROWS)


def test_a_tensor_between_steps_may_be_an_output_of_its_own(client: Client) -> None:
    """Triton ends in a deadlock here."""
    outputs = client.send("branches", {"INPUT0": ROWS}, outputs=[client.output("left")])
    assert list(outputs) == ["left"]


def test_outputs_are_classified_as_those_of_a_model(client: Client) -> None:
    outputs = client.send("chain", {"INPUT0": ROWS}, outputs=[client.output("OUTPUT0", classes=1)])
    assert [row[0] for row in outputs["OUTPUT0"].tolist()] == [b"2.000000:2", b"5.000000:2"]


def test_an_ensemble_is_described_like_a_model(client: Client) -> None:
    metadata = client.describe("get_model_metadata", "streaming")
    assert (metadata["platform"], metadata["versions"]) == ("ensemble", ["1"])
    assert client.is_model_ready("chain")
    described = client.describe("get_model_config", "streaming")
    config = described.get("config", described)
    assert config["model_transaction_policy"]["decoupled"] is True
    assert [step["model_name"] for step in config["ensemble_scheduling"]["step"]] == ["counting", "echo"]
    assert "optimization" not in config


def test_an_ensemble_is_counted_once_with_the_times_of_its_steps(http: Client) -> None:
    def count(model: str) -> dict[str, Any]:
        found: dict[str, Any] = http.get_inference_statistics(model)["model_stats"][0]
        return found

    before, step = count("telling"), count("one")
    http.send("telling", {"INPUT0": ROWS[:1]})
    after = count("telling")
    assert after["inference_count"] == before["inference_count"] + 1
    assert after["execution_count"] == before["execution_count"] + 1
    assert count("one")["inference_count"] == step["inference_count"] + 1
    times = after["inference_stats"]
    assert 0 < times["compute_infer"]["ns"] < times["success"]["ns"]


def test_steps_see_what_the_client_said(http: Client) -> None:
    named = {"sequence_id": 9, "sequence_start": True, "parameters": {"key": 3}, "request_id": "seven"}
    result = http.infer("telling", http.inputs({"INPUT0": ROWS[:1]}), **named)
    told = json.loads(result.as_numpy("TOLD")[0, 0])
    assert (told["correlation_id"], told["flags"], told["id"]) == (9, 1, "seven")
    assert json.loads(told["parameters"]) == {"key": 3}
    assert result.get_response()["parameters"] == {
        "sequence_id": 9,
        "sequence_start": True,
        "sequence_end": False,
    }


@pytest.mark.parametrize(
    ("how", "message"), [("NOT_FOUND", "told to say NOT_FOUND"), ("raise", "the model raised this")]
)
def test_an_error_of_a_step_names_it(client: Client, how: str, message: str) -> None:
    found = refuse(client, "breaking", {"INPUT0": ROWS}, parameters={"how": how})
    assert "in ensemble 'breaking', step[1] (model 'failing'): " in found
    assert message in found


def test_a_request_that_does_not_fit_is_refused_by_the_ensemble(client: Client) -> None:
    found = refuse(client, "chain", {"INPUT1": ROWS})
    assert "model 'chain' has no input 'INPUT1'" in found


def test_a_sequence_reaches_the_step_that_knows_of_sequences(client: Client) -> None:
    identifier = 100 + KINDS.index(client.kind)
    sums = []
    for number, (start, end) in enumerate([(True, False), (False, False), (False, True)], start=1):
        array = np.array([[number]], np.int32)
        named = {"sequence_id": identifier, "sequence_start": start, "sequence_end": end}
        sums.append(int(client.send("summing", {"INPUT0": array}, **named)["SUM"].item()))
    assert sums == [1, 3, 6]
    unknown = {"sequence_id": identifier, "sequence_start": False, "sequence_end": False}
    found = refuse(client, "summing", {"INPUT0": np.array([[1]], np.int32)}, **unknown)
    assert "step[1] (model 'counter')" in found
    assert "must have the start flag" in found


def test_a_model_may_ask_an_ensemble(client: Client) -> None:
    outputs = client.send("asking", {"INPUT0": ROWS}, parameters={"model": "nested"})
    np.testing.assert_array_equal(outputs["OUTPUT0"], ROWS)


def test_a_circle_through_an_ensemble_is_found_and_not_waited_for(client: Client) -> None:
    found = refuse(client, "asking", {"INPUT0": ROWS}, parameters={"model": "circle"})
    assert "in ensemble 'circle', step[1] (model 'asking'): " in found
    assert "never answer" in found


def test_tensors_of_an_ensemble_may_lie_in_shared_memory(client: Client) -> None:
    with Region(f"ensemble-{client.kind}", 2 * ROWS.nbytes) as region:
        region.register(client)
        region.write(ROWS)
        given = placed_input(client, "INPUT0", ([2, 3], "FP32"), region.name, size=ROWS.nbytes)
        size = ROWS.nbytes
        asked = placed_output(client, "OUTPUT0", region.name, size, size)
        client.infer("chain", [given], outputs=[asked])
        np.testing.assert_array_equal(region.read(np.float32, (2, 3), size), ROWS)
        region.unregister(client)


@pytest.mark.parametrize(("count", "mode"), [(0, "count"), (1, "count_to_last"), (40, "count")])
def test_each_response_of_a_decoupled_step_comes_out_in_order(
    server: ServerProcess, count: int, mode: str
) -> None:
    with Stream(server) as stream:
        stream.ask(count, mode, model="streaming")
        numbers = [number for number, _ in stream.all() if number is not None]
    assert numbers == list(range(count))


def test_an_error_of_a_decoupled_step_ends_the_stream(server: ServerProcess) -> None:
    with Stream(server) as stream:
        stream.ask(2, "fail", model="streaming")
        with pytest.raises(InferenceServerException, match=r"step\[0\] \(model 'counting'\): no further"):
            list(stream.all())


def test_a_stream_of_events_comes_from_an_ensemble(server: ServerProcess) -> None:
    body = json.dumps({"COUNT": 3}).encode()
    status, text = server.request("POST", "/v2/models/streaming/generate_stream", body)
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith(b"data: ")]
    assert (status, [event["OUT"] for event in events]) == (200, [0, 1, 2])


def test_a_plain_request_to_a_decoupled_ensemble_is_refused(client: Client) -> None:
    assert "decoupled" in refuse(client, "streaming", {"COUNT": np.array([1], np.int32)})
