"""Models that answer wrongly, raise, or harm themselves: their requests fail, and nothing else does."""

import time

import numpy as np
import pytest

from integration.robustness.asking import Channel, infer_json, message, refusal, tensor, wish
from support.server import ServerProcess, wait_until

FAILURES = {
    "raise": "ValueError: 1 requests are too many (1/model.py",
    "raise_bare": "BaseException: not even an Exception",
    "raise_unprintable": "raised Unprintable",
    "raise_unprintable_bare": "UnprintableBare",
    "raise_surrogate": "is no text",
    "surrogates": "is no text",
    "sys_exit": "SystemExit: 3",
    "recurse": "RecursionError",
    "allocate": "MemoryError",
    "none": "execute() returned None, expected a list",
    "too_few": "returned 0 responses, expected a list with one InferenceResponse for each of the 1 requests",
    "too_many": "returned 2 responses",
    "strange": "an object of type object for this request",
    "list_of_none": "None for this request",
    "other_name": "output 'OTHER' where 'OUT' was expected",
    "other_datatype": "'OUT' as INT64, FP32 was expected",
    "other_rank": "shape [1,4], [-1] was expected",
    "objects": "no words",
    "complex": "complex128",
}


def ask(server: ServerProcess, do: str) -> tuple[int, dict[str, object]]:
    return infer_json(server, "naughty", {"parameters": {"do": do}, "inputs": [tensor(shape=(4,))]})


def assert_echoes(server: ServerProcess) -> None:
    """The model answers further requests, each with its own values."""
    for number in range(3):
        request = {"inputs": [tensor(shape=(4,), data=[number] * 4)]}
        status, answer = infer_json(server, "naughty", request)
        assert (status, answer["outputs"][0]["data"]) == (200, [number] * 4)


@pytest.mark.parametrize("do", FAILURES)
def test_a_model_that_fails_is_told_of_with_500_and_answers_the_next(server: ServerProcess, do: str) -> None:
    status, error = refusal(ask(server, do))
    assert status == 500
    assert FAILURES[do] in error
    assert_echoes(server)


def test_grpc_tells_the_same_however_long_it_is(channel: Channel) -> None:
    code, error = channel.refused(wish("long_message"))
    assert code == "INTERNAL"
    assert "execute() raised ValueError: xxx" in error
    assert channel.refused(wish("surrogates"))[0] == "INTERNAL"


def test_a_model_may_write_to_its_inputs(server: ServerProcess) -> None:
    assert ask(server, "write")[1]["outputs"][0]["data"] == [-1] * 4
    assert_echoes(server)


def test_a_model_may_keep_its_inputs(channel: Channel) -> None:
    for size in (4, 1 << 17):
        for number in range(4):
            content = np.full(size, number, np.float32).tobytes()
            kept = message("naughty", (("IN", "FP32", [size]),), (content,))
            kept.parameters["do"].string_param = "keep"
            channel.call(kept)
    same, count = np.frombuffer(channel.call(wish("compare_kept")).raw_output_contents[0], np.float32)
    assert (same, count) == (1, 8)


def test_what_a_model_does_to_an_array_after_answering_with_it_changes_nothing(server: ServerProcess) -> None:
    assert ask(server, "change_after_answering")[1]["outputs"][0]["data"] == [1, 2, 3, 4]
    assert_echoes(server)


@pytest.mark.parametrize("do", ["change_signals", "start_program", "fork", "fork_and_answer_much"])
def test_what_a_model_does_to_its_process_disturbs_no_request(server: ServerProcess, do: str) -> None:
    assert ask(server, do)[0] == 200
    assert_echoes(server)


def test_a_client_that_gives_up_is_told_to_the_model(channel: Channel) -> None:
    # Long enough for a slow machine to begin.
    assert channel.refused(wish("hang_until_cancelled"), timeout=2.0)[0] == "DEADLINE_EXCEEDED"

    def told() -> bool:
        answer = channel.call(wish("tell"))
        return np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [1]

    wait_until(told, "the model to see the cancellation")


def test_other_models_serve_while_one_hangs(server: ServerProcess, channel: Channel) -> None:
    began = time.monotonic()
    assert channel.refused(wish("hang_until_cancelled", "slow"), timeout=0.5)[0] == "DEADLINE_EXCEEDED"
    assert time.monotonic() - began < 5
    assert_echoes(server)
