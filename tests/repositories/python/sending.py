"""A model that is not decoupled and answers through a response sender, after ``execute`` has returned."""

import json
import threading
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    def execute(self, requests: list[Any]) -> list[Any] | None:
        """Answer every request later, or a part of them at once."""
        answers = []
        for request in requests:
            mode = json.loads(request.parameters()).get("mode", "later")
            if mode == "never":
                return None
            if mode == "at_once":
                answers.append(make("at once"))
                continue
            threading.Thread(target=self.answer, args=(request.get_response_sender(),)).start()
            answers.append(None)
        return answers

    def answer(self, sender: Any) -> None:
        """Send one response, and say what came of a second one."""
        told = []
        try:
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        except pb_utils.TritonModelException as error:
            told.append(str(error))
        sender.send(make(" ".join(told)))
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def make(told: str) -> Any:
    """Return a response that tells something."""
    output = pb_utils.Tensor("OUT", np.array([1], np.int32))
    return pb_utils.InferenceResponse([output], parameters={"told": told})
