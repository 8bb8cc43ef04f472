"""A decoupled model whose requests say, in the parameter ``mode``, how they are to be answered."""

import json
import os
import threading
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """Written as for Triton."""

    def initialize(self, args: dict[str, str]) -> None:
        """Keep what further requests ask for."""
        del args
        self.told = ""
        self.held: list[Any] = []

    def execute(self, requests: list[Any]) -> None:
        """Leave every request to a thread of its own."""
        for request in requests:
            count = int(pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy()[0])
            mode = json.loads(request.parameters()).get("mode", "count")
            if mode == "raise":
                raise ValueError("as the test wants it")
            answer = getattr(self, mode)
            threading.Thread(target=answer, args=(request.get_response_sender(), count)).start()

    def count(self, sender: Any, count: int) -> None:
        """Count up; the final flag comes by itself."""
        for value in range(count):
            sender.send(make(value))
        sender.send(flags=FINAL)

    def count_to_last(self, sender: Any, count: int) -> None:
        """Count up; the final flag rides on the last response."""
        for value in range(count):
            sender.send(make(value), flags=FINAL if value == count - 1 else 0)

    def fail(self, sender: Any, count: int) -> None:
        """Count up, then fail."""
        for value in range(count):
            sender.send(make(value))
        error = pb_utils.TritonError("no further", pb_utils.TritonError.NOT_FOUND)
        sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)

    def speak_after_final(self, sender: Any, count: int) -> None:
        """Send a response where none may follow, and keep what comes of it."""
        sender.send(make(count), flags=FINAL)
        try:
            sender.send(make(count))
        except pb_utils.TritonModelException as error:
            self.told = str(error)

    def tell(self, sender: Any, count: int) -> None:
        """Answer with what was kept."""
        sender.send(make(count, told=self.told), flags=FINAL)

    def hold(self, sender: Any, count: int) -> None:
        """Begin to answer, and leave it at that."""
        self.held.append(sender)
        sender.send(make(count))

    def release(self, sender: Any, count: int) -> None:
        """End everything that is held, then this."""
        for held in self.held:
            held.send(make(count), flags=FINAL)
        self.held.clear()
        sender.send(make(count), flags=FINAL)

    def wait_for_cancellation(self, sender: Any, count: int) -> None:
        """Answer once, then wait until nobody listens any more."""
        sender.send(make(count))
        pause = threading.Event()
        while not sender.is_cancelled():
            pause.wait(0.005)
        self.told = "cancelled"
        sender.send(flags=FINAL)

    def forget(self, sender: Any, count: int) -> None:
        """Let go of the sender."""
        del sender, count

    def die(self, sender: Any, count: int) -> None:
        """End the process in the middle of an answer."""
        sender.send(make(count))
        os._exit(3)


def make(value: int, **parameters: Any) -> Any:
    """Return a response with one number."""
    output = pb_utils.Tensor("OUT", np.array([value], np.int32))
    return pb_utils.InferenceResponse([output], parameters=parameters)
