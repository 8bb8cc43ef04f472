"""Finds tensors and their configuration by name."""

from collections.abc import Mapping
from typing import Any

from trilith.bricks.backends.python.utils.request import InferenceRequest
from trilith.bricks.backends.python.utils.response import InferenceResponse
from trilith.bricks.backends.python.utils.tensor import Tensor


def get_input_tensor_by_name(inference_request: InferenceRequest, name: str) -> Tensor | None:
    """Return the input of that name; ``None`` where the request has none."""
    for tensor in inference_request.inputs():
        if tensor.name() == name:
            return tensor
    return None


def get_output_tensor_by_name(inference_response: InferenceResponse, name: str) -> Tensor | None:
    """Return the output of that name; ``None`` where the response has none."""
    for tensor in inference_response.output_tensors():
        if tensor.name() == name:
            return tensor
    return None


def get_input_config_by_name(model_config: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return what the model configuration says of the input of that name; ``None`` where it has none."""
    return _find_entry(model_config, "input", name)


def get_output_config_by_name(model_config: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return what the model configuration says of the output of that name; ``None`` where it has none."""
    return _find_entry(model_config, "output", name)


def _find_entry(model_config: Mapping[str, Any], field: str, name: str) -> dict[str, Any] | None:
    entries: list[dict[str, Any]] = model_config.get(field, [])
    return next((entry for entry in entries if entry["name"] == name), None)


def using_decoupled_model_transaction_policy(model_config: Mapping[str, Any]) -> bool:
    """Return whether the model may answer a request any number of times."""
    return bool(model_config.get("model_transaction_policy", {}).get("decoupled", False))
