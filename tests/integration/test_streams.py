"""Decoupled models and response senders, in worker processes and in threads of the server."""

from collections.abc import Iterator

import pytest
from tritonclient.utils import InferenceServerException

from support.server import ServerProcess
from support.streams import Stream, numbers, write_models

TOLERATED = r"execute\(\) raised|worker process \d+ of instance"


@pytest.fixture(scope="module")
def streams(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("streams")
    write_models(repository, isolation)
    with ServerProcess(repository, tolerates=TOLERATED) as process:
        yield process


@pytest.fixture
def stream(streams: ServerProcess) -> Iterator[Stream]:
    with Stream(streams) as opened:
        yield opened


def test_responses_come_in_order_and_an_empty_one_ends_them_where_it_is_asked_for(stream: Stream) -> None:
    stream.ask(3)
    assert list(stream.all()) == [(0, False), (1, False), (2, False), (None, True)]


def test_no_empty_response_comes_where_the_last_one_had_the_flag(stream: Stream) -> None:
    stream.ask(2, "count_to_last")
    assert list(stream.all()) == [(0, False), (1, True)]
    # Responses to requests that are open at the same time may come in any order; this one comes alone.
    stream.ask(0, "tell")
    assert list(stream.all()) == [(0, True)]


def test_no_empty_response_comes_where_it_is_not_asked_for(stream: Stream) -> None:
    stream.ask(1, empty_final=False)
    assert stream.next()[:2] == (0, False)
    stream.ask(0, empty_final=False)
    stream.ask(7, "tell")
    assert stream.next()[:2] == (7, True)


def test_a_request_may_have_no_response_at_all(stream: Stream) -> None:
    stream.ask(0)
    assert list(stream.all()) == [(None, True)]


def test_many_responses_come_whole(stream: Stream) -> None:
    stream.ask(5000)
    assert [number for number, final in stream.all() if not final] == list(range(5000))


def test_an_error_ends_a_stream_of_responses(stream: Stream) -> None:
    stream.ask(1, "fail")
    assert stream.next()[:2] == (0, False)
    with pytest.raises(InferenceServerException, match="no further"):
        stream.next()


def test_a_response_after_the_final_one_is_refused(stream: Stream) -> None:
    stream.ask(4, "speak_after_final")
    assert list(stream.all()) == [(4, True)]
    told = ""
    while not told:
        stream.ask(0, "tell")
        told = stream.next()[2]["told"]
    assert told == "Unable to send response. Response sender has been closed."


def test_an_open_request_does_not_hold_up_the_next_ones(stream: Stream) -> None:
    stream.ask(1, "hold")
    assert stream.next()[:2] == (1, False)
    stream.ask(2, "hold")
    assert stream.next()[:2] == (2, False)
    stream.ask(3, "release")
    assert [stream.next()[:2] for _ in range(3)] == [(3, True)] * 3


def test_cancelling_a_stream_reaches_the_model(streams: ServerProcess, stream: Stream) -> None:
    with Stream(streams) as other:
        other.ask(1, "wait_for_cancellation")
        assert other.next()[:2] == (1, False)
    told = ""
    while told != "cancelled":
        stream.ask(0, "tell")
        told = stream.next()[2]["told"]


def test_what_execute_raises_fails_the_request(stream: Stream) -> None:
    stream.ask(1, "raise")
    with pytest.raises(InferenceServerException, match="as the test wants it"):
        stream.next()


def test_a_sender_that_is_let_go_fails_its_request(stream: Stream) -> None:
    stream.ask(1, "forget")
    with pytest.raises(InferenceServerException, match="without the final flag"):
        stream.next()


def test_a_decoupled_model_takes_no_single_request(streams: ServerProcess, stream: Stream) -> None:
    with pytest.raises(InferenceServerException, match="ModelStreamInfer") as caught:
        stream.client.infer("streaming", numbers(1))
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"
    body = b'{"inputs":[{"name":"COUNT","shape":[1],"datatype":"INT32","data":[1]}]}'
    status, _ = streams.request("POST", "/v2/models/streaming/infer", body)
    assert status == 501


def test_a_model_that_answers_once_may_do_so_after_execute_has_returned(stream: Stream) -> None:
    result = stream.client.infer("sending", numbers(1))
    told = result.get_response().parameters["told"].string_param
    assert told == (
        "Unable to send response. Non-decoupled model cannot send complete final before sending a response."
    )
    result = stream.client.infer("sending", numbers(1), parameters={"mode": "at_once"})
    assert result.get_response().parameters["told"].string_param == "at once"
    with pytest.raises(InferenceServerException, match="returned None"):
        stream.client.infer("sending", numbers(1), parameters={"mode": "never"})


# A thread cannot die alone.
@pytest.mark.parametrize("isolation", ["process"], indirect=True)
def test_a_worker_that_dies_fails_its_open_requests_and_comes_back(stream: Stream) -> None:
    stream.ask(1, "hold")
    assert stream.next()[:2] == (1, False)
    stream.ask(2, "die")
    assert stream.next()[:2] == (2, False)
    for _ in range(2):
        with pytest.raises(InferenceServerException, match="ended while it ran this request"):
            stream.next()
    stream.ask(1)
    assert list(stream.all()) == [(0, False), (None, True)]
