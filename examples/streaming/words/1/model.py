"""The words of a text, one response for each."""

# Triton makes the classes named below only after it has read this file.
from __future__ import annotations

import threading
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """The class that the backend looks for."""

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> None:
        """Leave each request to a thread; the next batch does not wait for it."""
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "TEXT").as_numpy()[0].decode()
            sender = request.get_response_sender()
            threading.Thread(target=self.send_words, args=(text, sender)).start()

    def send_words(self, text: str, sender: Any) -> None:
        """Send one response per word, unless nobody listens any more, then the final flag."""
        for word in text.split():
            if sender.is_cancelled():
                break
            output = pb_utils.Tensor("WORD", np.array([word], object))
            sender.send(pb_utils.InferenceResponse([output]))
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
