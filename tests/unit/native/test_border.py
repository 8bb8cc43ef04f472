"""The border from its Python side: batches in, answers out, whatever the memory behind them."""

import http.client
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.server import wait_until
from trilith import native


def make_spec(name: str, datatype: str, **changes: Any) -> str:
    tensor = {"datatype": datatype, "dims": [-1]}
    spec = {
        "name": name,
        "version": 1,
        "platform": "",
        "backend": "test",
        "max_batch_size": 8,
        "inputs": [{"name": "IN", **tensor}],
        "outputs": [{"name": "OUT", **tensor}],
    }
    return json.dumps({**spec, **changes})


class Served:
    """A model whose instance is a function of this test."""

    def __init__(self, datatype: str = "FP32", **changes: Any) -> None:
        self.server = native.Server(
            json.dumps({"name": "test", "version": "0", "extensions": [], "threads": 1})
        )
        self.spec = make_spec("m", datatype, **changes)
        self.model = self.server.add_model(self.spec, b"")
        self.model.publish()
        self.server.open()
        self.port = self.server.serve_http(json.dumps({"address": "127.0.0.1", "port": 0}))
        self.threads: list[threading.Thread] = []

    def run(self, source: Any, execute: Callable[[Any], None]) -> None:
        def work() -> None:
            while (batch := source.next_batch()) is not None:
                execute(batch)

        thread = threading.Thread(target=work)
        thread.start()
        self.threads.append(thread)

    def ask(self, tensor: dict[str, Any], **body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(
            "POST", "/v2/models/m/infer", json.dumps({"inputs": [{"name": "IN", **tensor}], **body})
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer

    def close(self) -> None:
        self.model.close()
        self.server.close()
        for thread in self.threads:
            thread.join(20)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def make(*arguments: Any, **changes: Any) -> Served:
        made.append(Served(*arguments, **changes))
        return made[-1]

    yield make
    for served in made:
        served.close()


def echo(batch: Any) -> None:
    batch.finish({"OUT": batch.inputs["IN"]})


def test_inputs_of_several_requests_are_one_aligned_read_only_array(serve: Callable[..., Served]) -> None:
    served = serve(
        scheduler={"dynamic": True, "preferred_batch_sizes": [2], "max_queue_delay_microseconds": 5_000_000}
    )
    seen: list[np.ndarray[Any, Any]] = []

    def execute(batch: Any) -> None:
        seen.append(batch.inputs["IN"])
        echo(batch)

    served.run(served.model.open_instance(), execute)
    with ThreadPoolExecutor(2) as pool:
        tensor = {"shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
        answers = list(pool.map(lambda _: served.ask(tensor), range(2)))
    assert [status for status, _ in answers] == [200, 200]
    (array,) = seen
    assert array.shape == (2, 3)
    assert array.ctypes.data % 64 == 0
    assert not array.flags.writeable


def test_an_array_outlives_its_batch_and_its_server(serve: Callable[..., Served]) -> None:
    served = serve()
    kept: list[np.ndarray[Any, Any]] = []

    def execute(batch: Any) -> None:
        kept.append(batch.inputs["IN"])
        echo(batch)

    served.run(served.model.open_instance(), execute)
    served.ask({"shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]})
    served.close()
    assert kept[0].tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("size", [10, 100_000])
def test_an_output_that_the_model_keeps_and_changes_is_not_changed_for_the_client(
    serve: Callable[..., Served], size: int
) -> None:
    served = serve()
    buffer = np.zeros((1, size), np.float32)

    def execute(batch: Any) -> None:
        buffer[:] = 7
        batch.finish({"OUT": buffer})
        buffer[:] = -1

    served.run(served.model.open_instance(), execute)
    status, answer = served.ask({"shape": [1, 1], "datatype": "FP32", "data": [0]})
    assert status == 200
    assert set(answer["outputs"][0]["data"]) == {7.0}


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.arange(6, dtype=">f4").reshape(1, 6),
        lambda: np.arange(12, dtype=np.float32).reshape(1, 12)[:, ::2] / 2,
        lambda: np.asfortranarray(np.arange(6, dtype=np.float32).reshape(1, 6)),
        lambda: [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]],
    ],
    ids=["big-endian", "strided", "fortran", "list"],
)
def test_outputs_of_any_layout_are_sent_as_their_values(
    serve: Callable[..., Served], make: Callable[[], Any]
) -> None:
    served = serve()

    def execute(batch: Any) -> None:
        value = make()
        batch.finish({"OUT": np.asarray(value, np.float32) if isinstance(value, list) else value})

    served.run(served.model.open_instance(), execute)
    status, answer = served.ask({"shape": [1, 1], "datatype": "FP32", "data": [0]})
    assert (status, answer["outputs"][0]["data"]) == (200, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    "value",
    [
        np.array([[b"a", "\u00e9", bytearray(b"c")]], object),
        np.array([["a", "\u00e9", "c"]]),
    ],
    ids=["object", "text"],
)
def test_strings_are_sent_as_utf8(serve: Callable[..., Served], value: Any) -> None:
    served = serve("BYTES")
    inputs: list[Any] = []

    def execute(batch: Any) -> None:
        inputs.append(batch.inputs["IN"].tolist())
        batch.finish({"OUT": value})

    served.run(served.model.open_instance(), execute)
    status, answer = served.ask({"shape": [1, 2], "datatype": "BYTES", "data": ["x", "\u00e9"]})
    assert (status, answer["outputs"][0]["data"]) == (200, ["a", "\u00e9", "c"])
    assert inputs == [[[b"x", "\u00e9".encode()]]]


def test_a_request_is_answered_once(serve: Callable[..., Served]) -> None:
    served = serve()
    refused: list[str] = []

    def execute(batch: Any) -> None:
        (request,) = batch.requests
        request.respond(request.inputs and {"OUT": request.inputs["IN"]}, {"seen": True})
        with pytest.raises(RuntimeError, match="answered already") as raised:
            request.fail("late")
        refused.append(str(raised.value))
        batch.finish(None)

    served.run(served.model.open_instance(), execute)
    status, answer = served.ask({"shape": [1, 1], "datatype": "FP32", "data": [5]})
    assert (status, answer["parameters"]) == (200, {"seen": True})
    assert len(refused) == 1


def test_what_execute_leaves_unanswered_fails_and_names_the_model(serve: Callable[..., Served]) -> None:
    served = serve()
    served.run(served.model.open_instance(), lambda batch: batch.finish(None))
    status, answer = served.ask({"shape": [1, 1], "datatype": "FP32", "data": [5]})
    assert status == 500
    assert "'m'" in answer["error"]
    assert "without answering" in answer["error"]


@pytest.mark.parametrize("size", [4, 100_000])
def test_a_worker_gets_the_same_batch_and_may_write_to_it(serve: Callable[..., Served], size: int) -> None:
    served = serve()
    here, there = socket.socketpair()
    with ThreadPoolExecutor(1) as pool:
        link = pool.submit(served.model.connect_worker, here.detach())
        port = native.WorkerPort(there.detach(), served.spec)
        worker_link = link.result()
    ended: list[str] = []
    supervisor = threading.Thread(target=lambda: ended.append(worker_link.run()))
    supervisor.start()

    def execute(batch: Any) -> None:
        for request in batch.requests:
            array = request.inputs["IN"]
            array += 1
            request.respond({"OUT": array})

    served.run(port, execute)
    status, answer = served.ask({"shape": [1, size], "datatype": "FP32", "data": [1.5] * size})
    assert status == 200
    assert set(answer["outputs"][0]["data"]) == {2.5}
    worker_link.close()
    served.threads.pop().join(20)
    del port  # its process would end now
    supervisor.join(20)
    assert ended == [""]


def test_a_signal_does_not_end_the_wait_for_a_worker(serve: Callable[..., Served]) -> None:
    """As when all processes of a container are stopped and go on later."""
    served = serve()
    here, there = socket.socketpair()
    taken: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: taken.append(number))
    numbers: list[int] = []

    def connect() -> Any:
        numbers.append(threading.get_native_id())
        return served.model.connect_worker(here.detach())

    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(connect)
            there.recv(1, socket.MSG_PEEK)  # its greeting: now it waits for ours
            (thread,) = pool._threads
            wait_until(lambda: read_state(numbers[0]) == "S", "the thread to wait")
            assert thread.ident
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
            wait_until(lambda: bool(taken), "the signal to arrive")
            port = native.WorkerPort(there.detach(), served.spec)
            link = waiting.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    link.close()
    del port


def read_state(thread: int) -> str:
    return Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_spec_that_is_not_of_its_form_is_refused_by_name() -> None:
    server = native.Server(json.dumps({"name": "test", "version": "0", "extensions": []}))
    with pytest.raises(ValueError, match="FP31"):
        server.add_model(make_spec("m", "FP31"), b"")
    with pytest.raises(ValueError, match="surprise"):
        server.add_model(make_spec("m", "FP32", surprise=1), b"")
    server.close()


def test_an_address_that_is_taken_is_named() -> None:
    server = native.Server(json.dumps({"name": "test", "version": "0", "extensions": []}))
    port = server.serve_http(json.dumps({"address": "127.0.0.1", "port": 0}))
    with pytest.raises(OSError, match=str(port)):
        server.serve_http(json.dumps({"address": "127.0.0.1", "port": port}))
    server.close()
