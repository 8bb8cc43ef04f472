"""Requests that are under way: sent now, looked at later."""

from concurrent.futures import Future
from typing import Any

import numpy as np

from support.clients import Client
from support.exposition import scrape
from support.server import ServerProcess, wait_until

TIMEOUT_SECONDS = 30.0


class Call:
    """One gRPC request that nobody waits for yet; its input holds the number of its id."""

    def __init__(self, client: Client, model: str, number: int, **named: Any) -> None:
        """Send it."""
        self.id = str(number)
        self._done: Future[Any] = Future()
        inputs = client.inputs({"INPUT0": np.full((1, 4), number, np.float32)})
        self._context = client.async_infer(model, inputs, self._finish, request_id=self.id, **named)

    def cancel(self) -> None:
        """Take it back, as a client does that no longer wants the answer."""
        self._context.cancel()

    def value(self) -> float:
        """Wait for the answer; the number that it holds."""
        return float(self._done.result(TIMEOUT_SECONDS).as_numpy("OUTPUT0")[0, 0])

    def error(self) -> Any:
        """Wait for the error that it ends with."""
        return self._done.exception(TIMEOUT_SECONDS)

    @property
    def is_done(self) -> bool:
        return self._done.done()

    def _finish(self, result: Any, error: Any) -> None:
        if error is None:
            self._done.set_result(result)
        else:
            self._done.set_exception(error)


def wait_until_pending(server: ServerProcess, model: str, count: int) -> None:
    """Wait until that many requests of a model wait to be executed."""

    def pending() -> float:
        return scrape(server).value("nv_inference_pending_request_count", model=model)

    wait_until(lambda: pending() == count, f"{count} requests of '{model}' to wait, not {pending()}")


class Queue:
    """Sends requests to one model, each one in the queue before the next is sent."""

    def __init__(self, server: ServerProcess, client: Client, model: str) -> None:
        """Nothing is sent yet."""
        self._server = server
        self._client = client
        self._model = model
        self.waiting = 0

    def add(self, number: int, **named: Any) -> Call:
        """Send a request and see it wait."""
        call = self.send(number, **named)
        self.waiting += 1
        wait_until_pending(self._server, self._model, self.waiting)
        return call

    def send(self, number: int, **named: Any) -> Call:
        """Send a request."""
        return Call(self._client, self._model, number, **named)

    def expect(self, count: int) -> None:
        """Wait until the queue is that long."""
        self.waiting = count
        wait_until_pending(self._server, self._model, count)
