"""What is sent over gRPC."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from tritonclient.grpc import service_pb2 as messages

from differential.models import BROKEN, OTHERS, VARIANTS
from differential.probes_http import MODELS

RAW = np.arange(4, dtype=np.float32).tobytes()


@dataclass(frozen=True)
class GrpcProbe:
    """One call."""

    title: str
    method: str
    request: Any


def grpc_probes() -> list[GrpcProbe]:
    """Everything that is called."""
    return [*_describing(), *_inferring(), *_mistaken()]


def _describing() -> Iterator[GrpcProbe]:
    yield GrpcProbe("ServerLive", "ServerLive", messages.ServerLiveRequest())
    yield GrpcProbe("ServerReady", "ServerReady", messages.ServerReadyRequest())
    yield GrpcProbe("ServerMetadata", "ServerMetadata", messages.ServerMetadataRequest())
    yield GrpcProbe("RepositoryIndex", "RepositoryIndex", messages.RepositoryIndexRequest())
    yield GrpcProbe(
        "RepositoryIndex of ready ones", "RepositoryIndex", messages.RepositoryIndexRequest(ready=True)
    )
    names = [(model, "") for model in (*MODELS, *BROKEN, *VARIANTS, *OTHERS, "nowhere", "")]
    for model, version in [*names, ("rich", "1"), ("rich", "2"), ("rich", "x")]:
        for method in ("ModelReady", "ModelMetadata", "ModelConfig"):
            request = getattr(messages, f"{method}Request")(name=model, version=version)
            yield GrpcProbe(f"{method} {model}/{version}", method, request)
    for model in ("counted", *BROKEN, "nowhere"):
        request = messages.ModelStatisticsRequest(name=model)
        yield GrpcProbe(f"ModelStatistics {model}", "ModelStatistics", request)


def tensor(
    name: str = "INPUT0", datatype: str = "FP32", shape: tuple[int, ...] = (1, 4), **contents: Any
) -> Any:
    """Return one input."""
    made = messages.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(made.contents, field).extend(values)
    return made


def infer(title: str, model: str, inputs: list[Any], *raw: bytes, **more: Any) -> GrpcProbe:
    """Return a request for inference."""
    parameters = more.pop("parameters", {})
    outputs = [
        messages.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in more.pop("outputs", ())
    ]
    request = messages.ModelInferRequest(
        model_name=model, inputs=inputs, raw_input_contents=raw, outputs=outputs, **more
    )
    for key, value in parameters.items():
        kind = {bool: "bool_param", int: "int64_param", str: "string_param", float: "double_param"}[
            type(value)
        ]
        setattr(request.parameters[key], kind, value)
    return GrpcProbe(f"infer: {title}", "ModelInfer", request)


def _inferring() -> Iterator[GrpcProbe]:
    four = tensor()
    typed = tensor(fp32_contents=[1, 2, 3, 4])
    yield infer("raw", "failing", [four], RAW)
    yield infer("typed", "failing", [typed])
    yield infer("with an id", "failing", [four], RAW, id="seven")
    yield infer("with an output", "failing", [four], RAW, outputs=["OUTPUT0"])
    yield infer("of a version", "rich", [four], RAW, model_version="1")
    yield infer("of another version", "rich", [four], RAW, model_version="2")
    for how in (
        *("INTERNAL", "NOT_FOUND", "UNAVAILABLE", "UNSUPPORTED", "UNKNOWN", "INVALID_ARG", "ALREADY_EXISTS"),
        *("CANCELLED", "raise"),
    ):
        yield infer(f"the model says {how}", "failing", [four], RAW, parameters={"how": how})
    numbers = {"a": 1, "b": "x", "c": True}
    yield infer("parameters", "failing", [four], RAW, parameters=numbers)
    yield infer("a fraction as parameter", "failing", [four], RAW, parameters={"a": 1.5})
    final = {"triton_enable_empty_final_response": True}
    yield infer("the empty final response", "failing", [four], RAW, parameters=final)
    for datatype, field in (
        ("BOOL", "bool_contents"),
        ("INT8", "int_contents"),
        ("INT16", "int_contents"),
        ("INT32", "int_contents"),
        ("INT64", "int64_contents"),
        ("UINT8", "uint_contents"),
        ("UINT16", "uint_contents"),
        ("UINT32", "uint_contents"),
        ("UINT64", "uint64_contents"),
        ("FP32", "fp32_contents"),
        ("FP64", "fp64_contents"),
    ):
        made = tensor(f"INPUT_{datatype}", datatype, (1, 2), **{field: [1, 0]})
        yield infer(f"{datatype} typed", "types", [made])
    yield infer("text typed", "text", [tensor("INPUT0", "BYTES", (1, 2), bytes_contents=[b"a", b"\xff"])])
    yield infer("text raw", "text", [tensor("INPUT0", "BYTES", (1, 1))], b"\x01\x00\x00\x00a")
    classes = messages.ModelInferRequest(model_name="labelled", inputs=[tensor(shape=(1, 5))])
    classes.raw_input_contents.append(np.array([1, 5, 3, 2, 4], np.float32).tobytes())
    wanted = classes.outputs.add(name="OUTPUT0")
    wanted.parameters["classification"].int64_param = 2
    yield GrpcProbe("infer: classes", "ModelInfer", classes)


def _mistaken() -> Iterator[GrpcProbe]:
    four = tensor()
    yield infer("unknown model", "nowhere", [four], RAW)
    yield infer("no model", "", [four], RAW)
    yield infer("a model that failed to load", "broken_type", [four], RAW)
    yield infer("a version that is no number", "failing", [four], RAW, model_version="x")
    yield infer("no inputs", "failing", [])
    yield infer("no contents", "failing", [four])
    yield infer("raw and typed", "failing", [tensor(fp32_contents=[1, 2, 3, 4])], RAW)
    yield infer("too many raw", "failing", [four], RAW, RAW)
    yield infer("too few raw", "pair", [tensor(shape=(1, 2)), tensor("INPUT1", "INT64", (1, 1, 2))], RAW[:8])
    yield infer("too few bytes", "failing", [four], RAW[:8])
    yield infer("too many bytes", "failing", [four], RAW + RAW)
    yield infer("too few typed", "failing", [tensor(fp32_contents=[1, 2])])
    yield infer("typed in the wrong field", "failing", [tensor(int_contents=[1, 2, 3, 4])])
    yield infer("another datatype", "failing", [tensor(datatype="INT32")], RAW)
    yield infer("unknown datatype", "failing", [tensor(datatype="FP31")], RAW)
    yield infer("another name", "failing", [tensor("OTHER")], RAW)
    yield infer("twice the same", "failing", [four, four], RAW, RAW)
    yield infer("rank too low", "failing", [tensor(shape=(4,))], RAW)
    yield infer("batch too large", "failing", [tensor(shape=(9, 1))], RAW * 9)
    yield infer("negative dimension", "failing", [tensor(shape=(1, -4))], RAW)
    yield infer("no rows", "failing", [tensor(shape=(0, 4))], b"")
    yield infer("no elements", "failing", [tensor(shape=(1, 0))], b"")
    yield infer("unknown output", "failing", [four], RAW, outputs=["OTHER"])
    yield infer("output twice", "failing", [four], RAW, outputs=["OUTPUT0", "OUTPUT0"])
    yield infer("text that lies", "text", [tensor("INPUT0", "BYTES", (1, 1))], b"\x09\x00\x00\x00a")
    yield infer("FP16 typed", "types", [tensor("INPUT_FP16", "FP16", (1, 2), fp32_contents=[1, 2])])
    yield infer(
        "an integer out of range", "types", [tensor("INPUT_INT8", "INT8", (1, 1), int_contents=[300])]
    )
    yield infer("priority that is text", "failing", [four], RAW, parameters={"priority": "high"})
    for method in ("SystemSharedMemoryStatus", "TraceSetting", "LogSettings", "CudaSharedMemoryStatus"):
        yield GrpcProbe(method, method, getattr(messages, f"{method}Request")())
    yield GrpcProbe(
        "RepositoryModelLoad", "RepositoryModelLoad", messages.RepositoryModelLoadRequest(model_name="pair")
    )
