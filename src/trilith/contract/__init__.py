"""What a brick may depend on: nouns and protocols, nothing that runs.

- :mod:`~trilith.contract.datatype`: element types and their NumPy counterparts
- :mod:`~trilith.contract.model`: what a model is configured to be
- :mod:`~trilith.contract.backend`: what a backend does with it
- :mod:`~trilith.contract.batch`: what an instance is handed to execute
- :mod:`~trilith.contract.calls`: answers piece by piece, requests to other models, metrics
- :mod:`~trilith.contract.agent`: who is asked before a model is loaded
- :mod:`~trilith.contract.cache`: where answers are kept to be given again
- :mod:`~trilith.contract.brick`: how a brick describes itself
- :mod:`~trilith.contract.errors`: what may go wrong, and whose fault it is
"""

from trilith.contract.agent import AgentAction, AgentModel, RepositoryAgent
from trilith.contract.backend import Backend, BackendSettings, CheckedInstance, Instance, LoadedModel
from trilith.contract.batch import Batch, InferenceRequest
from trilith.contract.brick import BrickKind, Manifest
from trilith.contract.cache import Cache, CacheBrick, NativeCache
from trilith.contract.calls import (
    Call,
    CallAnswer,
    Caller,
    CallingInstance,
    Metric,
    MetricFamily,
    ResponseSender,
    Trace,
)
from trilith.contract.datatype import DataType
from trilith.contract.errors import (
    ConfigurationError,
    ErrorCode,
    LoadError,
    ModelError,
    Problem,
    TrilithError,
)
from trilith.contract.model import (
    BatchInput,
    BatchOutput,
    InstanceKind,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    Resource,
    TensorSpec,
)

__all__ = [
    "AgentAction",
    "AgentModel",
    "Backend",
    "BackendSettings",
    "Batch",
    "BatchInput",
    "BatchOutput",
    "BrickKind",
    "Cache",
    "CacheBrick",
    "Call",
    "CallAnswer",
    "Caller",
    "CallingInstance",
    "CheckedInstance",
    "ConfigurationError",
    "DataType",
    "ErrorCode",
    "InferenceRequest",
    "Instance",
    "InstanceKind",
    "LoadError",
    "LoadedModel",
    "Manifest",
    "Metric",
    "MetricFamily",
    "ModelConfiguration",
    "ModelContext",
    "ModelError",
    "ModelSource",
    "NativeCache",
    "Placement",
    "Problem",
    "RepositoryAgent",
    "Resource",
    "ResponseSender",
    "TensorSpec",
    "Trace",
    "TrilithError",
]
