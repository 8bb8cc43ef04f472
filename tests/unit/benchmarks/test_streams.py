import numpy as np
import pytest
from benchmarks import streams
from benchmarks.errors import WrongAnswerError
from benchmarks.models import MODELS
from tritonclient.grpc import service_pb2

MODEL = MODELS["stream"]


def message(number: int) -> bytes:
    reply = service_pb2.ModelStreamInferResponse()
    reply.infer_response.outputs.add(name="OUTPUT0", datatype="FP32", shape=[2])
    reply.infer_response.raw_output_contents.append(np.full(2, number, np.float32).tobytes())
    return bytes(reply.SerializeToString())


def test_all_responses_of_a_stream_are_read_in_the_order_they_came() -> None:
    messages = [message(number) for number in range(MODEL.responses)]
    body, outputs = streams.decode(iter(messages), MODEL)
    assert outputs[:, 0].tolist() == list(range(MODEL.responses))
    assert len(body) == sum(len(one) + 5 for one in messages)


@pytest.mark.parametrize("count", [0, 99, 101])
def test_a_response_too_many_or_too_few_is_a_wrong_answer(count: int) -> None:
    with pytest.raises(WrongAnswerError, match=f"{count} responses came where 100"):
        streams.decode(map(message, range(count)), MODEL)


def test_an_error_on_a_stream_is_told_with_its_place() -> None:
    failure = service_pb2.ModelStreamInferResponse(error_message="out of luck").SerializeToString()
    with pytest.raises(WrongAnswerError, match=r"response 2 of 100 .* out of luck"):
        streams.decode([message(0), failure], MODEL)
