"""Answers a request piece by piece, from any thread."""

import threading

from trilith.bricks.backends.python.utils.errors import TritonModelException
from trilith.bricks.backends.python.utils.facts import ModelFacts
from trilith.bricks.backends.python.utils.response import InferenceResponse
from trilith.contract import ErrorCode, ResponseSender

TRITONSERVER_RESPONSE_COMPLETE_FINAL = 1


class InferenceResponseSender:
    """Sends the responses to one request; what a model may send depends on whether it is decoupled.

    A decoupled model sends any number of responses, none included, and the final flag with the last of
    them or by itself. Any other model sends exactly one response.
    """

    def __init__(self, sender: ResponseSender, facts: ModelFacts) -> None:
        """Wrap the server's sender of one request."""
        self._sender = sender
        self._facts = facts
        self._lock = threading.Lock()
        self._sent = 0
        self._closed = False

    def send(self, response: InferenceResponse | None = None, flags: int = 0) -> None:
        """Send a response, the final flag, or both.

        Waits while too many responses are on their way to a client that does not read them.

        Raises:
            TritonModelException: there is nothing to send, or nothing may be sent any more.
        """
        last = _read_flags(flags)
        if response is None and not last:
            raise TritonModelException(
                "Inference Response object must be provided when the response flags is set to zero."
            )
        if response is not None and not isinstance(response, InferenceResponse):
            raise TypeError(f"send(response): got a {type(response).__name__}, expected InferenceResponse")
        with self._lock:
            self._note(response, last=last)
        try:
            self._deliver(response, last=last)
        except TimeoutError as error:
            raise TritonModelException(str(error), ErrorCode.CANCELLED) from error
        except RuntimeError as error:
            # The server has ended the request meanwhile.
            raise TritonModelException(f"Unable to send response. {error}") from error

    def is_cancelled(self) -> bool:
        """Return whether nobody waits for responses any more."""
        return self._sender.is_cancelled()

    def close(self, message: str, code: str) -> None:
        """End the request with an error; the model's own code does not call this.

        Raises:
            RuntimeError: it had its last answer already.
        """
        with self._lock:
            self._closed = True
        self._sender.fail(message, code, last=True)

    def _note(self, response: InferenceResponse | None, *, last: bool) -> None:
        if not self._facts.decoupled:
            if response is not None and self._sent:
                raise TritonModelException(
                    "Unable to send response. Non-decoupled model cannot send more than one response."
                )
            if response is None and not self._sent:
                raise TritonModelException(
                    "Unable to send response. Non-decoupled model cannot send complete final before "
                    "sending a response."
                )
        if self._closed:
            raise TritonModelException("Unable to send response. Response sender has been closed.")
        self._closed = last
        self._sent += response is not None

    def _deliver(self, response: InferenceResponse | None, *, last: bool) -> None:
        decoupled = self._facts.decoupled
        if response is not None:
            # The one response of a model that is not decoupled is its last, whatever the flags say.
            response.send(self._sender, self._facts.outputs, last=last or not decoupled)
        elif decoupled:
            self._sender.finish()


def _read_flags(flags: int) -> bool:
    if flags not in (0, TRITONSERVER_RESPONSE_COMPLETE_FINAL):
        raise TritonModelException(
            f"Unable to send response. Unsupported flag provided: {flags}; expected 0 or "
            f"TRITONSERVER_RESPONSE_COMPLETE_FINAL"
        )
    return bool(flags)
