"""Loads other models when they are needed, and counts how often that was so."""

from typing import Any

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """A model that asks others."""

    def initialize(self, args: dict[str, str]) -> None:
        """Make the metrics; they are shown as long as their families are kept."""
        self.asked = pb_utils.MetricFamily(
            "desk_asked_total", "Texts handed on", pb_utils.MetricFamily.COUNTER
        )
        self.loads = pb_utils.MetricFamily("desk_loads_total", "Models loaded", pb_utils.MetricFamily.COUNTER)
        self.loaded = self.loads.Metric(labels={"by": args["model_name"]})

    def execute(self, requests: list[Any]) -> list[Any]:
        """Hand each text to its model."""
        return [self.hand_on(request) for request in requests]

    def hand_on(self, request: Any) -> Any:
        """Load the model if it has to be, and ask it."""
        model = pb_utils.get_input_tensor_by_name(request, "MODEL").as_numpy()[0].decode()
        if not pb_utils.is_model_ready(model):
            pb_utils.load_model(model)
            self.loaded.increment(1)
        text = pb_utils.get_input_tensor_by_name(request, "TEXT")
        called = pb_utils.InferenceRequest(model_name=model, inputs=[text], requested_output_names=["ANSWER"])
        response = called.exec()
        # Metrics of one family with the same labels are one: this adds to what was counted before.
        self.asked.Metric(labels={"model": model}).increment(1)
        return response
