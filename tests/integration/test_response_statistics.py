"""What the statistics extension says of the single responses of decoupled models, over both wires."""

from collections.abc import Iterator
from typing import Any

import pytest
import tritonclient.http as httpclient
from tritonclient.utils import InferenceServerException

from support.server import ServerProcess
from support.streams import Stream, numbers, write_models

TOLERATED = r"execute\(\) raised"
KINDS = ("compute_infer", "compute_output", "success", "fail", "empty_response", "cancel")


@pytest.fixture(scope="module")
def server(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("streams")
    write_models(repository, isolation)
    with ServerProcess(repository, tolerates=TOLERATED) as process:
        yield process


def over_http(server: ServerProcess, model: str) -> dict[str, Any]:
    with httpclient.InferenceServerClient(server.http) as client:
        stats: dict[str, Any] = client.get_inference_statistics(model)["model_stats"][0]["response_stats"]
    return stats


def over_grpc(stream: Stream, model: str) -> dict[str, Any]:
    stats = stream.client.get_inference_statistics(model).model_stats[0].response_stats
    return {
        index: {kind: {"count": getattr(entry, kind).count, "ns": getattr(entry, kind).ns} for kind in KINDS}
        for index, entry in stats.items()
    }


def test_responses_are_counted_by_their_index(server: ServerProcess) -> None:
    with Stream(server) as stream:
        stream.ask(2)
        assert list(stream.all()) == [(0, False), (1, False), (None, True)]
        stream.ask(1, "fail")
        assert stream.next()[:2] == (0, False)
        with pytest.raises(InferenceServerException, match="no further"):
            stream.next()
        # One request after another, so that all is counted of the first two by now.
        stream.ask(0)
        assert list(stream.all()) == [(None, True)]
        told = over_grpc(stream, "streaming")
    assert told == over_http(server, "streaming")
    assert sorted(told) == ["0", "1", "2"]
    counts = {index: [entry[kind]["count"] for kind in KINDS] for index, entry in told.items()}
    assert counts["0"] == [3, 2, 2, 0, 1, 0]
    assert counts["1"] == [2, 1, 1, 1, 0, 0]
    assert counts["2"][0] >= 1
    first = told["0"]
    assert first["success"]["ns"] + first["empty_response"]["ns"] == (
        first["compute_infer"]["ns"] + first["compute_output"]["ns"]
    )
    assert first["compute_infer"]["ns"] > 0


def test_a_model_that_answers_once_has_none(server: ServerProcess) -> None:
    with Stream(server) as stream:
        stream.client.infer("sending", numbers(1))
        assert over_grpc(stream, "sending") == {}
    assert over_http(server, "sending") == {}
