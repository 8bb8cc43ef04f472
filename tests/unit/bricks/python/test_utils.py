import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trilith.bricks.backends.python import utils
from trilith.bricks.backends.python.loader import make_utils
from trilith.bricks.backends.python.utils.calls import Connection
from trilith.contract import ErrorCode, ModelError


def test_the_module_offers_what_triton_s_offers() -> None:
    triton = """InferenceRequest InferenceResponse Logger MetricFamily ModelConfig PreferredMemory
        TRITONSERVER_MEMORY_CPU TRITONSERVER_MEMORY_GPU TRITONSERVER_REQUEST_FLAG_SEQUENCE_END
        TRITONSERVER_REQUEST_FLAG_SEQUENCE_START TRITONSERVER_REQUEST_RELEASE_ALL
        TRITONSERVER_REQUEST_RELEASE_RESCHEDULE TRITONSERVER_RESPONSE_COMPLETE_FINAL TRITON_STRING_TO_NUMPY
        Tensor TritonError TritonModelException deserialize_bytes_tensor get_input_config_by_name
        get_input_tensor_by_name get_output_config_by_name get_output_tensor_by_name is_model_ready load_model
        numpy_to_triton_type serialize_byte_tensor triton_string_to_numpy triton_to_numpy_type unload_model
        using_decoupled_model_transaction_policy"""
    own = {"is_model_ready", "load_model", "unload_model"}
    assert set(triton.split()) == {*utils.__all__, *own}
    module = make_utils(Path("somewhere"), Connection())
    assert not [name for name in triton.split() if not hasattr(module, name)]


def test_tensors_are_found_by_name() -> None:
    tensors = [utils.Tensor(name, np.zeros(1)) for name in ("a", "b")]
    request = utils.InferenceRequest(inputs=tensors, model_name="m", requested_output_names=["x"])
    assert utils.get_input_tensor_by_name(request, "b") is tensors[1]
    assert utils.get_input_tensor_by_name(request, "c") is None
    response = utils.InferenceResponse(tensors)
    assert utils.get_output_tensor_by_name(response, "a") is tensors[0]
    assert utils.get_output_tensor_by_name(response, "c") is None


def test_configurations_are_found_by_name() -> None:
    config = {"input": [{"name": "a", "dims": [1]}], "output": [{"name": "b", "dims": [2]}]}
    assert utils.get_input_config_by_name(config, "a") == {"name": "a", "dims": [1]}
    assert utils.get_output_config_by_name(config, "b") == {"name": "b", "dims": [2]}
    assert utils.get_output_config_by_name(config, "a") is None
    assert utils.get_input_config_by_name({}, "a") is None


def test_the_transaction_policy_is_read() -> None:
    assert utils.using_decoupled_model_transaction_policy({}) is False
    policy = {"model_transaction_policy": {"decoupled": True}}
    assert utils.using_decoupled_model_transaction_policy(policy) is True


def test_logs_name_the_line_that_wrote_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    utils.Logger.log("plain")
    utils.Logger.log("graver", utils.Logger.WARNING)
    utils.Logger.log_info("%s stays as it is")
    utils.Logger.log_warn("warn")
    utils.Logger.log_error("error")
    utils.Logger.log_verbose("verbose")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "plain"),
        ("WARNING", "graver"),
        ("INFO", "%s stays as it is"),
        ("WARNING", "warn"),
        ("ERROR", "error"),
        ("DEBUG", "verbose"),
    ]
    assert {record.filename for record in caplog.records} == {"test_utils.py"}


@pytest.mark.parametrize(
    "call",
    [
        lambda: utils.InferenceRequest(
            model_name="m", inputs=[], requested_output_names=[]
        ).set_release_flags(2),
    ],
)
def test_what_is_not_carried_yet_says_so_when_it_is_called(call: Callable[[], object]) -> None:
    with pytest.raises(ModelError, match="not carried by this version of Trilith yet; ") as caught:
        call()
    assert caught.value.code is ErrorCode.UNSUPPORTED
