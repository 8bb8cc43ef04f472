"""Completes its own configuration, and adds its inputs."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    @staticmethod
    def auto_complete_config(auto_complete_model_config: Any) -> Any:
        """Say what goes in and out."""
        for name in ("INPUT0", "INPUT1"):
            auto_complete_model_config.add_input({"name": name, "data_type": "TYPE_INT32", "dims": [3]})
        auto_complete_model_config.add_output({"name": "SUM", "data_type": "TYPE_INT32", "dims": [3]})
        auto_complete_model_config.set_max_batch_size(6)
        auto_complete_model_config.set_dynamic_batching()
        return auto_complete_model_config

    def execute(self, requests: list[Any]) -> list[Any]:
        """Add."""
        responses = []
        for request in requests:
            first, second = (tensor.as_numpy() for tensor in request.inputs())
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("SUM", first + second)]))
        return responses
