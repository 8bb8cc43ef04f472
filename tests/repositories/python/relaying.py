"""Asks `patient` for the sake of its clients, and notes what becomes of that and of them."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

INNER = "inner"


def folder_of(request: Any) -> Path:
    """Return the folder that a request names."""
    return Path(pb_utils.get_input_tensor_by_name(request, "FOLDER").as_numpy().ravel()[0].decode())


def ask(folder: Path) -> Any:
    """Make the request to `patient`."""
    named = pb_utils.Tensor("FOLDER", np.array([[str(folder / INNER).encode()]], dtype=object))
    return pb_utils.InferenceRequest(model_name="patient", requested_output_names=["TOLD"], inputs=[named])


def note(folder: Path, response: Any) -> None:
    """Write down what came back."""
    code = response.error().code() if response.has_error() else 0
    (folder / "answer.new").write_text(str(int(code)))
    (folder / "answer.new").rename(folder / "answer")


def tell() -> Any:
    """Return the response that clients get."""
    return pb_utils.InferenceResponse([pb_utils.Tensor("TOLD", np.array([[b"done"]], dtype=object))])


class Waiting:
    """Waits for the answer in `execute`."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch."""
        folder = folder_of(requests[0])
        note(folder, ask(folder).exec())
        return [tell() for _ in requests]


class Awaiting:
    """Looks at its clients while it awaits the answer."""

    async def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch."""
        folder = folder_of(requests[0])
        answer = asyncio.ensure_future(ask(folder).async_exec())
        while not answer.done():
            for request in requests:
                if request.is_cancelled():
                    (folder_of(request) / "left").touch()
            await asyncio.wait([answer], timeout=0.005)
        note(folder, await answer)
        return [tell() for _ in requests]


class Letting:
    """Answers from a thread of its own, after `execute` has returned."""

    def execute(self, requests: list[Any]) -> None:
        """Answer a batch."""
        for request in requests:
            parts = (request.get_response_sender(), folder_of(request))
            threading.Thread(target=self.answer, args=parts).start()

    def answer(self, sender: Any, folder: Path) -> None:
        """Answer one request."""
        note(folder, ask(folder).exec())
        sender.send(tell(), flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


class Tidying:
    """Asks only once its client has left."""

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch."""
        folder = folder_of(requests[0])
        (folder / "began").touch()
        while not requests[0].is_cancelled():
            threading.Event().wait(0.005)
        question = pb_utils.InferenceRequest(
            model_name="quick",
            requested_output_names=["OUTPUT0"],
            inputs=[pb_utils.Tensor("INPUT0", np.ones((1, 1), np.float32))],
        )
        note(folder, question.exec())
        return [tell() for _ in requests]


KINDS: dict[str, type[Any]] = {
    "waiting": Waiting,
    "awaiting": Awaiting,
    "letting": Letting,
    "tidying": Tidying,
}

TritonPythonModel = KINDS[Path(__file__).resolve().parents[1].name]
