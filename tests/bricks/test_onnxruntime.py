"""The onnxruntime brick with real models."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from doubles.batch import BatchDouble, RequestDouble
from repositories.models import make_context, make_parameters, make_source, tensor
from repositories.onnx_models import (
    make_identity,
    make_model,
    make_scaler,
    make_sum_and_difference,
)
from trilith.bricks.backends.onnxruntime import OnnxRuntimeBackend
from trilith.contract import (
    ConfigurationError,
    DataType,
    InstanceKind,
    LoadError,
    ModelSource,
    Placement,
)

FOUR = np.array([[1, 2, 3, 4]], np.float32)
PAIR = [tensor("INPUT0"), tensor("INPUT1")]
RESULTS = [tensor("OUTPUT0"), tensor("OUTPUT1")]


def make_sum_source(tmp_path: Path, **options: Any) -> ModelSource:
    return make_source(tmp_path, "sum", {"model.onnx": make_sum_and_difference()}, **options)


def test_only_the_outputs_that_somebody_wants_are_computed(tmp_path: Path) -> None:
    context = make_context(make_sum_source(tmp_path), PAIR, RESULTS)
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    batch = BatchDouble([RequestDouble({"INPUT0": FOUR, "INPUT1": FOUR}, ["OUTPUT1"])])
    assert {name: array.tolist() for name, array in instance.execute(batch).items()} == {
        "OUTPUT1": [[0, 0, 0, 0]]
    }


def test_completion_describes_a_model_that_takes_batches(tmp_path: Path) -> None:
    document = OnnxRuntimeBackend().complete(make_sum_source(tmp_path), {"name": "sum"})
    entry = {"data_type": "TYPE_FP32", "dims": [4]}
    assert document == {
        "name": "sum",
        "max_batch_size": 4,
        "dynamic_batching": {},
        "input": [{"name": "INPUT0", **entry}, {"name": "INPUT1", **entry}],
        "output": [{"name": "OUTPUT0", **entry}, {"name": "OUTPUT1", **entry}],
    }


def test_the_session_opened_for_completion_is_the_one_that_is_loaded(tmp_path: Path) -> None:
    source = make_sum_source(tmp_path)
    backend = OnnxRuntimeBackend()
    real = onnxruntime.InferenceSession
    with patch("onnxruntime.InferenceSession", side_effect=real) as opened:
        document = backend.complete(source, {})
        backend.load(make_context(source, PAIR, RESULTS, max_batch_size=4, document=document))
        assert opened.call_count == 1
        backend.load(make_context(source, PAIR, RESULTS, max_batch_size=4, document=document))
        assert opened.call_count == 2


def test_a_file_replaced_after_completion_is_read_again(tmp_path: Path) -> None:
    source = make_sum_source(tmp_path)
    backend = OnnxRuntimeBackend()
    backend.complete(source, {})
    make_source(tmp_path, "sum", {"model.onnx": make_identity()})
    context = make_context(source, PAIR[:1], RESULTS[:1])
    instance = backend.load(context).create_instance(context.placements[0])
    (request,) = BatchDouble([RequestDouble({"INPUT0": FOUR}, ["OUTPUT0"])]).run(instance)
    assert request.outputs is not None


def test_instances_on_the_cpu_share_one_session(tmp_path: Path) -> None:
    placements = [Placement(f"sum_0_{index}") for index in range(4)]
    context = make_context(make_sum_source(tmp_path), PAIR, RESULTS, placements=placements)
    real = onnxruntime.InferenceSession
    with patch("onnxruntime.InferenceSession", side_effect=real) as opened:
        model = OnnxRuntimeBackend().load(context)
        for placement in placements:
            model.create_instance(placement)
    assert opened.call_count == 1


def test_every_mismatch_with_the_model_is_named_at_once(tmp_path: Path) -> None:
    inputs = [tensor("INPUT0", DataType.INT32), tensor("INPUT_1")]
    outputs = [tensor("OUTPUT0", DataType.FP32, 4, 4), tensor("OUTPUT1")]
    with pytest.raises(ConfigurationError) as caught:
        OnnxRuntimeBackend().load(make_context(make_sum_source(tmp_path), inputs, outputs))
    assert [str(problem) for problem in caught.value.problems] == [
        (
            "input[0].data_type: input 'INPUT0' is TYPE_INT32, the model has TYPE_FP32; "
            "write data_type: TYPE_FP32"
        ),
        "input[1].name: the model has no input 'INPUT_1' (it has 'INPUT0', 'INPUT1'); did you mean 'INPUT1'?",
        "input: the model needs the input 'INPUT1', which the configuration does not have",
        "output[0].dims: output 'OUTPUT0' has dims [4, 4], the model has [4] behind the batch dimension",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no model at all", "Protobuf parsing failed.; the file is damaged"),
        (b"", "No graph was found"),
        (make_sum_and_difference()[:100], "the file is damaged or is no ONNX model"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path, content: bytes, message: str) -> None:
    source = make_source(tmp_path, "broken", {"model.onnx": content})
    with pytest.raises(LoadError, match=r"broken/1/model\.onnx' cannot be loaded") as caught:
        OnnxRuntimeBackend().complete(source, {})
    assert message in str(caught.value)
    assert "[ONNXRuntimeError]" not in str(caught.value)


def test_a_gpu_without_the_build_for_it_is_refused_with_the_way_to_get_it(tmp_path: Path) -> None:
    placement = Placement("sum_0_0", InstanceKind.GPU, 1)
    context = make_context(make_sum_source(tmp_path), PAIR, RESULTS, placements=[placement])
    with (
        patch("onnxruntime.get_available_providers", return_value=["CPUExecutionProvider"]),
        pytest.raises(LoadError, match=r"has no CUDAExecutionProvider .*onnxruntime-gpu"),
    ):
        OnnxRuntimeBackend().load(context)


def test_text_that_is_not_utf8_is_refused_by_the_name_of_the_input(tmp_path: Path) -> None:
    source = make_source(tmp_path, "text", {"model.onnx": make_identity(("n", 2), DataType.BYTES)})
    specs = [tensor(name, DataType.BYTES, 2) for name in ("INPUT0", "OUTPUT0")]
    context = make_context(source, specs[:1], specs[1:])
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    array = np.array([[b"good", b"\xff"]], object)
    (request,) = BatchDouble([RequestDouble({"INPUT0": array}, ["OUTPUT0"])]).run(instance)
    assert request.error is not None
    assert request.error[0].startswith("input 'INPUT0': element 1 is not UTF-8 text")
    assert request.error[1] == "INVALID_ARG"


def test_an_optional_input_keeps_its_own_value_where_it_is_not_sent(tmp_path: Path) -> None:
    source = make_source(tmp_path, "scaler", {"model.onnx": make_scaler()})
    inputs = [tensor("INPUT0"), tensor("FACTOR", DataType.FP32, 1, optional=True)]
    context = make_context(source, inputs, [tensor("OUTPUT0")])
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    (without,) = BatchDouble([RequestDouble({"INPUT0": FOUR}, ["OUTPUT0"])]).run(instance)
    factor = np.array([[10]], np.float32)
    (sent,) = BatchDouble([RequestDouble({"INPUT0": FOUR, "FACTOR": factor}, ["OUTPUT0"])]).run(instance)
    assert without.outputs is not None
    assert sent.outputs is not None
    assert without.outputs["OUTPUT0"].tolist() == [[2, 4, 6, 8]]
    assert sent.outputs["OUTPUT0"].tolist() == [[10, 20, 30, 40]]


@pytest.mark.parametrize("datatype", [DataType.FP32, DataType.BYTES])
def test_a_scalar_is_written_as_one_element(tmp_path: Path, datatype: DataType) -> None:
    source = make_source(tmp_path, "scalar", {"model.onnx": make_identity((), datatype)})
    backend = OnnxRuntimeBackend()
    document = backend.complete(source, {})
    assert document["input"] == [{"name": "INPUT0", "data_type": datatype.config_name, "dims": [1]}]
    specs = [tensor(name, datatype, 1) for name in ("INPUT0", "OUTPUT0")]
    context = make_context(source, specs[:1], specs[1:], max_batch_size=0)
    instance = backend.load(context).create_instance(context.placements[0])
    array = np.array([b"x"], object) if datatype is DataType.BYTES else np.array([3], np.float32)
    request = RequestDouble({"INPUT0": array}, ["OUTPUT0"])
    BatchDouble([request], has_batch_dimension=False).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].tolist() == array.tolist()


def test_one_number_for_each_inference_is_reshaped_away(tmp_path: Path) -> None:
    source = make_source(tmp_path, "numbers", {"model.onnx": make_identity(("batch",))})
    document = OnnxRuntimeBackend().complete(source, {})
    assert document["input"][0]["dims"] == [1]
    assert document["input"][0]["reshape"] == {"shape": []}
    specs = [tensor(name, DataType.FP32, 1, reshape=()) for name in ("INPUT0", "OUTPUT0")]
    context = make_context(source, specs[:1], specs[1:])
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    (request,) = BatchDouble([RequestDouble({"INPUT0": FOUR[0]}, ["OUTPUT0"])]).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].tolist() == [1, 2, 3, 4]


def test_what_fails_inside_a_run_names_the_model_and_not_the_library_code(tmp_path: Path) -> None:
    content = make_model(
        [helper.make_node("Reshape", ["INPUT0", "SHAPE"], ["OUTPUT0"])],
        [("INPUT0", DataType.FP32, ["n", 4]), ("SHAPE", DataType.INT64, ["m"])],
        [("OUTPUT0", DataType.FP32, ["a", "b"])],
    )
    source = make_source(tmp_path, "reshape", {"model.onnx": content})
    inputs = [tensor("INPUT0", DataType.FP32, -1, 4), tensor("SHAPE", DataType.INT64, -1)]
    context = make_context(source, inputs, [tensor("OUTPUT0", DataType.FP32, -1, -1)], max_batch_size=0)
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    request = RequestDouble({"INPUT0": FOUR, "SHAPE": np.array([7, 7], np.int64)}, ["OUTPUT0"])
    BatchDouble([request], has_batch_dimension=False).run(instance)
    assert request.error is not None
    assert request.error[0].startswith("model 'reshape': ONNX Runtime failed: ")
    assert "[ONNXRuntimeError]" not in request.error[0]


def test_weights_may_lie_beside_the_model_in_a_folder(tmp_path: Path) -> None:
    weights = np.arange(4096, dtype=np.float32)
    model = onnx.load_from_string(
        make_model(
            [helper.make_node("Add", ["INPUT0", "WEIGHTS"], ["OUTPUT0"])],
            [("INPUT0", DataType.FP32, ["n", 4096])],
            [("OUTPUT0", DataType.FP32, ["n", 4096])],
            [helper.make_tensor("WEIGHTS", TensorProto.FLOAT, [4096], weights)],
        )
    )
    source = make_source(tmp_path, "external", {"network/note.txt": b""})
    file = source.version_directory / "network" / "model.onnx"
    onnx.save(model, str(file), save_as_external_data=True, location="weights.bin", size_threshold=0)
    document = {"default_model_filename": "network"}
    specs = [tensor(name, DataType.FP32, 4096) for name in ("INPUT0", "OUTPUT0")]
    context = make_context(source, specs[:1], specs[1:], document=document)
    instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    request = RequestDouble({"INPUT0": np.ones((1, 4096), np.float32)}, ["OUTPUT0"])
    BatchDouble([request]).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"][0, :3].tolist() == [1, 2, 3]


def test_options_of_the_session_are_those_of_the_configuration(tmp_path: Path) -> None:
    parameters = make_parameters(
        intra_op_thread_count="2",
        execution_mode="1",
        enable_mem_pattern="0",
        **{
            "session.intra_op.allow_spinning": "0",
            "memory.enable_memory_arena_shrinkage": "cpu:0",
        },
    )
    document = {"parameters": parameters, "optimization": {"graph": {"level": -1}}}
    source = make_sum_source(tmp_path, settings={"inter_op_thread_count": "3"})
    context = make_context(source, PAIR, RESULTS, document=document)
    real = onnxruntime.InferenceSession
    with patch("onnxruntime.InferenceSession", side_effect=real) as opened:
        instance = OnnxRuntimeBackend().load(context).create_instance(context.placements[0])
    options = opened.call_args.args[1]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 3)
    assert options.execution_mode == onnxruntime.ExecutionMode.ORT_PARALLEL
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    assert options.enable_mem_pattern is False
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    request = RequestDouble({"INPUT0": FOUR, "INPUT1": FOUR}, ["OUTPUT0"])
    BatchDouble([request]).run(instance)
    assert request.error is None


def test_a_model_that_does_not_take_a_run_of_elements_is_refused_with_every_reason(tmp_path: Path) -> None:
    entries = [
        {
            "kind": "BATCH_ITEM_SHAPE",
            "target_name": [name],
            "data_type": "TYPE_INT32",
            "source_input": ["INPUT0"],
        }
        for name in ("INPUT1", "SIZES")
    ]
    context = make_context(
        make_sum_source(tmp_path),
        [tensor("INPUT0", DataType.FP32, -1, ragged=True, optional=True)],
        RESULTS,
        document={"batch_input": entries},
    )
    with pytest.raises(ConfigurationError) as caught:
        OnnxRuntimeBackend().load(context)
    reason = str(caught.value)
    assert "input 'INPUT0' is ragged and given as one run of elements [-1], the model has [-1, 4]" in reason
    assert "input 'INPUT0' is ragged, which an optional input cannot be" in reason
    assert "input 'INPUT1' is TYPE_INT32, the model has TYPE_FP32" in reason
    assert "the model has no input 'SIZES'" in reason


def test_what_the_server_makes_of_a_batch_is_no_input_of_clients(tmp_path: Path) -> None:
    document = {"batch_input": [{"target_name": ["INPUT1"]}]}
    completed = OnnxRuntimeBackend().complete(make_sum_source(tmp_path), document)
    assert [entry["name"] for entry in completed["input"]] == ["INPUT0"]
