"""What a ``model.py`` finds behind ``import triton_python_backend_utils``.

The names, signatures and results are Triton's, so that models written for it run unchanged; what this version
does not carry yet says so when it is called. What depends on the instance (``get_model_dir``,
``load_model`` and its kin, the way of requests and of metrics) is added where its code is imported.
"""

from trilith.bricks.backends.python.utils.datatypes import (
    TRITON_STRING_TO_NUMPY,
    deserialize_bytes_tensor,
    numpy_to_triton_type,
    serialize_byte_tensor,
    triton_string_to_numpy,
    triton_to_numpy_type,
)
from trilith.bricks.backends.python.utils.errors import TritonError, TritonModelException
from trilith.bricks.backends.python.utils.logger import Logger
from trilith.bricks.backends.python.utils.lookup import (
    get_input_config_by_name,
    get_input_tensor_by_name,
    get_output_config_by_name,
    get_output_tensor_by_name,
    using_decoupled_model_transaction_policy,
)
from trilith.bricks.backends.python.utils.memory import (
    TRITONSERVER_MEMORY_CPU,
    TRITONSERVER_MEMORY_GPU,
    PreferredMemory,
)
from trilith.bricks.backends.python.utils.metrics import MetricFamily
from trilith.bricks.backends.python.utils.model_config import ModelConfig
from trilith.bricks.backends.python.utils.request import InferenceRequest
from trilith.bricks.backends.python.utils.response import InferenceResponse
from trilith.bricks.backends.python.utils.sender import TRITONSERVER_RESPONSE_COMPLETE_FINAL
from trilith.bricks.backends.python.utils.tensor import Tensor

TRITONSERVER_REQUEST_FLAG_SEQUENCE_START = 1
TRITONSERVER_REQUEST_FLAG_SEQUENCE_END = 2
TRITONSERVER_REQUEST_RELEASE_ALL = 1
TRITONSERVER_REQUEST_RELEASE_RESCHEDULE = 2

__all__ = [
    "TRITONSERVER_MEMORY_CPU",
    "TRITONSERVER_MEMORY_GPU",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_END",
    "TRITONSERVER_REQUEST_FLAG_SEQUENCE_START",
    "TRITONSERVER_REQUEST_RELEASE_ALL",
    "TRITONSERVER_REQUEST_RELEASE_RESCHEDULE",
    "TRITONSERVER_RESPONSE_COMPLETE_FINAL",
    "TRITON_STRING_TO_NUMPY",
    "InferenceRequest",
    "InferenceResponse",
    "Logger",
    "MetricFamily",
    "ModelConfig",
    "PreferredMemory",
    "Tensor",
    "TritonError",
    "TritonModelException",
    "deserialize_bytes_tensor",
    "get_input_config_by_name",
    "get_input_tensor_by_name",
    "get_output_config_by_name",
    "get_output_tensor_by_name",
    "numpy_to_triton_type",
    "serialize_byte_tensor",
    "triton_string_to_numpy",
    "triton_to_numpy_type",
    "using_decoupled_model_transaction_policy",
]
