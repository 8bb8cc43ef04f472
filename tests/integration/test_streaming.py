"""gRPC streams, reflection and health: what the other wire does not have."""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc as channels
import numpy as np
import pytest
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from support.clients import Client
from support.server import ServerProcess

ROW = {"INPUT0": np.ones((1, 4), np.float32)}
COUNT = 50


@pytest.fixture
def answers(grpc: Client) -> Iterator["queue.Queue[tuple[Any, Any]]"]:
    """What a stream brings."""
    arrived: queue.Queue[tuple[Any, Any]] = queue.Queue()
    grpc.start_stream(lambda result, error: arrived.put((result, error)))
    yield arrived
    grpc.stop_stream()


def test_every_request_of_a_stream_is_answered_once(
    grpc: Client, answers: "queue.Queue[tuple[Any, Any]]"
) -> None:
    for number in range(COUNT):
        array = np.full((1, 4), number, np.float32)
        grpc.async_stream_infer("identity_fp32", grpc.inputs({"INPUT0": array}), request_id=str(number))
    received = {}
    for _ in range(COUNT):
        result, error = answers.get(timeout=20)
        assert error is None
        received[result.get_response().id] = result.as_numpy("OUTPUT0")[0, 0]
    assert received == {str(number): number for number in range(COUNT)}
    assert answers.empty()


def test_a_mistake_in_a_stream_leaves_the_stream_open(
    grpc: Client, answers: "queue.Queue[tuple[Any, Any]]"
) -> None:
    grpc.async_stream_infer("nowhere", grpc.inputs(ROW), request_id="wrong")
    result, error = answers.get(timeout=20)
    assert result is None
    assert "nowhere" in error.message()
    grpc.async_stream_infer("identity_fp32", grpc.inputs(ROW), request_id="right")
    result, error = answers.get(timeout=20)
    assert error is None
    assert result.get_response().id == "right"


def test_an_error_of_a_model_arrives_in_the_stream(
    grpc: Client, answers: "queue.Queue[tuple[Any, Any]]"
) -> None:
    grpc.async_stream_infer("failing", grpc.inputs(ROW), parameters={"how": "UNAVAILABLE"})
    result, error = answers.get(timeout=20)
    assert result is None
    assert "told to say UNAVAILABLE" in error.message()


def test_a_stream_may_be_compressed_and_carry_several_models(
    grpc: Client,
) -> None:
    arrived: queue.Queue[tuple[Any, Any]] = queue.Queue()
    grpc.start_stream(lambda result, error: arrived.put((result, error)), compression_algorithm="gzip")
    for model in ("identity_fp32", "unbatched"):
        array = np.arange(5000, dtype=np.float32)
        shaped = array if model == "unbatched" else array.reshape(1, -1)
        grpc.async_stream_infer(model, grpc.inputs({"INPUT0": shaped}))
    for _ in range(2):
        result, error = arrived.get(timeout=20)
        assert error is None
        assert result.as_numpy("OUTPUT0").size == 5000
    grpc.stop_stream()


def test_the_final_flag_comes_where_it_is_asked_for(
    grpc: Client, answers: "queue.Queue[tuple[Any, Any]]"
) -> None:
    grpc.async_stream_infer("identity_fp32", grpc.inputs(ROW), enable_empty_final_response=True)
    result, error = answers.get(timeout=20)
    assert error is None
    parameters = result.get_response().parameters
    assert parameters["triton_final_response"].bool_param is True


def test_an_asynchronous_stream_works_too(server: ServerProcess) -> None:
    with Client("grpc.aio", server) as client:

        async def requests() -> AsyncIterator[dict[str, Any]]:
            for number in range(COUNT):
                array = np.full((1, 4), number, np.float32)
                inputs = client.inputs({"INPUT0": array})
                yield {"model_name": "identity_fp32", "inputs": inputs, "request_id": str(number)}

        async def converse() -> dict[str, float]:
            received = {}
            async for result, error in client.inner.stream_infer(requests()):
                assert error is None
                received[result.get_response().id] = float(result.as_numpy("OUTPUT0")[0, 0])
            return received

        assert client.call(converse) == {str(number): number for number in range(COUNT)}


def test_a_stream_that_is_cancelled_ends_and_the_connection_lives(server: ServerProcess) -> None:
    with Client("grpc.aio", server) as client:

        async def requests() -> AsyncIterator[dict[str, Any]]:
            yield {"model_name": "identity_fp32", "inputs": client.inputs(ROW)}
            await asyncio.Event().wait()

        async def converse() -> None:
            stream = client.inner.stream_infer(requests())
            result, error = await anext(stream)
            assert error is None
            assert result is not None
            stream.cancel()
            with pytest.raises((asyncio.CancelledError, InferenceServerException)):
                await anext(stream)

        client.call(converse)
        assert client.is_server_live()


@pytest.fixture
def channel(server: ServerProcess) -> Iterator[channels.Channel]:
    with channels.insecure_channel(server.grpc) as opened:
        yield opened


def test_reflection_lists_and_describes_the_services(channel: channels.Channel) -> None:
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # noqa: PLC0415
        ProtoReflectionDescriptorDatabase,
    )

    database = ProtoReflectionDescriptorDatabase(channel)
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(database.get_services())
    described = database.FindFileContainingSymbol("inference.GRPCInferenceService")
    ours = {method.name for service in described.service for method in service.method}
    theirs = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    assert ours == set(theirs)


def test_the_standard_health_service_answers(channel: channels.Channel) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING
    assert stub.Check(health_pb2.HealthCheckRequest()).status == serving
    named = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
    assert stub.Check(named).status == serving
    changes = stub.Watch(health_pb2.HealthCheckRequest())
    assert next(changes).status == serving
    changes.cancel()


def test_an_unknown_method_is_unimplemented(channel: channels.Channel) -> None:
    call = channel.unary_unary("/inference.GRPCInferenceService/Dance")
    with pytest.raises(channels.RpcError) as caught:
        call(b"")
    assert caught.value.code() is channels.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]
