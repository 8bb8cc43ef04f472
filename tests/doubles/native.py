"""A stand-in for ``trilith.native`` in plain Python: the same surface, one request per batch, no network.

Tests submit requests to a :class:`Model` and look at what a :class:`Server` was told.
"""

import json
import queue
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]

FEATURES = ("http", "grpc", "metrics", "shm", "tracing")
_PROTO = Path(__file__).parents[2] / "proto"


TLS_FINDINGS: list[tuple[str, str, bool]] = []
"""What is wrong with whatever files a test names."""


def inspect_tls(files: str) -> list[tuple[str, str, bool]]:
    assert set(json.loads(files)) <= {"certificate", "key", "roots"}
    return list(TLS_FINDINGS)


@cache
def file_descriptor_set() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set"
        files = sorted(str(path) for path in _PROTO.glob("*.proto"))
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{_PROTO}", "--include_imports"]
        subprocess.run([*command, f"--descriptor_set_out={target}", *files], check=True)
        return target.read_bytes()


@dataclass
class Reply:
    """What became of a request."""

    outputs: dict[str, NDArray[Any]] = field(default_factory=dict)
    error: str = ""
    code: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 20.0) -> "Reply":
        assert self.done.wait(seconds), "the request was never answered"
        return self


class Batch:
    """A batch of one request."""

    def __init__(self, inputs: Tensors, answer: Any) -> None:
        self.inputs = dict(inputs)
        self.size = 1
        self.requests: Sequence[Any] = ()
        self.requested_outputs: list[str] = []
        self._answer = answer
        self._answered = False

    def finish(self, outputs: Tensors | None) -> None:
        if outputs is None:
            self.fail("left unanswered", "INTERNAL")
        elif not self._answered:
            self._answered = True
            self._answer(outputs, "", "")

    def fail(self, message: str, code: str) -> None:
        if not self._answered:
            self._answered = True
            self._answer({}, message, str(code))


class Model:
    """One version of a model; its requests wait in a queue."""

    def __init__(self, server: "Server", spec: dict[str, Any]) -> None:
        self.spec = spec
        self.key = f"{spec['namespace']}/{spec['name']}" if spec["namespace"] else spec["name"]
        self.changed = threading.Condition()
        self.queue: deque[tuple[Tensors, Reply]] = deque()
        self.closed = False
        self.published = False
        self.described: dict[str, Any] = {}
        self.demands: list[dict[str, Any]] = []
        self._server = server
        self._in_flight = 0

    def submit(self, **inputs: NDArray[Any]) -> Reply:
        reply = Reply()
        with self.changed:
            assert self.published, "requests came before the model was published, or after it was withdrawn"
            self._in_flight += 1
            self.queue.append((inputs, reply))
            self.changed.notify_all()
        return reply

    def answer(self, reply: Reply, outputs: Tensors, error: str, code: str) -> None:
        reply.outputs, reply.error, reply.code = dict(outputs), error, code
        with self.changed:
            self._in_flight -= 1
            self.changed.notify_all()
        reply.done.set()

    def publish(self) -> None:
        before = self._server.serving.get((self.key, self.spec["version"]))
        if before is not None:
            before.published = False
        self._server.serving[self.key, self.spec["version"]] = self
        self.published = True
        self._server.set_state(self.key, self.spec["version"], "READY", "")

    def ask_by(self, check: Callable[[], str | None]) -> None:
        self.check = check

    def describe(self, config_json: str, serialized: bytes) -> None:
        self.described = json.loads(config_json)
        assert isinstance(serialized, bytes)

    def withdraw(self) -> bool:
        key = self.key, self.spec["version"]
        if self._server.serving.get(key) is not self:
            return False
        del self._server.serving[key]
        self.published = False
        self._tell_unloading()
        return True

    def _tell_unloading(self) -> None:
        self._server.set_state(self.key, self.spec["version"], "UNLOADING", "")

    def open_instance(self, demand: str = "") -> "InstancePort":
        self.demands.append(json.loads(demand) if demand else {})
        if self.spec["version"] in self._server.unfit:
            raise ValueError("an instance asks for more than there is")
        return InstancePort(self)

    def caller(self) -> None:
        """Nothing else is to be reached."""

    def connect_worker(self, socket_descriptor: int, demand: str = "") -> "WorkerLink":
        self.demands.append(json.loads(demand) if demand else {})
        return WorkerLink(self, socket_descriptor)

    def in_flight(self) -> int:
        return self._in_flight

    def wait_idle(self, timeout_seconds: float) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: self._in_flight == 0, timeout_seconds)

    def close(self) -> None:
        with self.changed:
            self.closed = True
            left, self.queue = list(self.queue), deque()
            self.changed.notify_all()
        for _, reply in left:
            self.answer(reply, {}, "the model has ended", "UNAVAILABLE")


class InstancePort:
    """Where an instance takes its batches."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._closed = False

    def next_batch(self) -> Batch | None:
        model = self._model
        with model.changed:
            model.changed.wait_for(lambda: self._closed or model.closed or model.queue)
            if self._closed or model.closed:
                return None
            inputs, reply = model.queue.popleft()
        return Batch(inputs, lambda *answer: model.answer(reply, *answer))

    def close(self) -> None:
        with self._model.changed:
            self._closed = True
            self._model.changed.notify_all()


class WorkerLink:
    """The server's end of a worker's channel: JSON frames."""

    def __init__(self, model: Model, socket_descriptor: int) -> None:
        self._model = model
        self._connection = socket.socket(fileno=socket_descriptor)
        assert self._connection.gettimeout() is None, "the descriptor must be blocking"
        self._closing = False
        self._broken = False
        self._held: Reply | None = None

    def loaded(self) -> str | None:
        frame = _read_frame(self._connection)
        return None if frame is None else str(frame["loaded"])

    def run(self) -> str:
        threading.Thread(target=self._read, daemon=True).start()
        while self._hand_over():
            pass
        held, self._held = self._held, None
        if held is not None:
            self._model.answer(held, {}, "the worker process died", "UNAVAILABLE")
        return "the channel broke" if self._broken and not self._closing else ""

    def close(self) -> None:
        with self._model.changed:
            self._closing = True
            self._model.changed.notify_all()

    def _hand_over(self) -> bool:
        model = self._model
        with model.changed:
            model.changed.wait_for(
                lambda: (
                    self._broken
                    or (self._held is None and (self._closing or model.closed or bool(model.queue)))
                )
            )
            if self._broken:
                return False
            if self._closing or model.closed:
                self._connection.shutdown(socket.SHUT_WR)
                return False
            inputs, self._held = model.queue.popleft()
        try:
            _write_frame(self._connection, {"inputs": _to_json(inputs)})
        except OSError:
            self._broken = True
            return False
        return True

    def _read(self) -> None:
        while True:
            frame = _read_frame(self._connection)
            with self._model.changed:
                held = self._held
                self._broken = frame is None
                if frame is not None:
                    self._held = None
                self._model.changed.notify_all()
            if frame is None:
                return
            if held is not None:
                self._model.answer(held, _from_json(frame["outputs"]), frame["error"], frame["code"])


class WorkerPort:
    """The worker's end of the channel."""

    def __init__(self, socket_descriptor: int, spec: str) -> None:
        assert isinstance(json.loads(spec), dict)
        self._connection = socket.socket(fileno=socket_descriptor)

    def caller(self) -> None:
        """Nothing else is to be reached."""

    def say_loaded(self, what: str) -> None:
        _write_frame(self._connection, {"loaded": what})

    def next_batch(self) -> Batch | None:
        frame = _read_frame(self._connection)
        return None if frame is None else Batch(_from_json(frame["inputs"]), self._answer)

    def _answer(self, outputs: Tensors, error: str, code: str) -> None:
        _write_frame(self._connection, {"outputs": _to_json(outputs), "error": error, "code": code})


class Command:
    """What a client asks for, and what it was told."""

    def __init__(self, kind: str, model: str = "", **parameters: Any) -> None:
        self.kind = kind
        self.model = model
        self.asker: tuple[str, bool] | None = None
        self._parameters = parameters
        self.error: tuple[str, str] | None = None
        self.done = threading.Event()

    def take_parameters(self) -> dict[str, Any]:
        return self._parameters

    def succeed(self) -> None:
        assert not self.done.is_set(), "a command is answered once"
        self.done.set()

    def fail(self, message: str, code: str = "INTERNAL") -> None:
        self.error = message, str(code)
        self.succeed()

    def wait(self) -> tuple[str, str] | None:
        assert self.done.wait(20), "the command was never answered"
        return self.error


class Server:
    """Remembers what it was told."""

    last: "Server | None" = None
    made = threading.Event()
    unwritable_file = "unwritable.json"
    lost_traces: str | None = None

    def __init__(self, options: str) -> None:
        self.options = json.loads(options)
        trace = self.options.get("trace", {})
        if "tracing" not in FEATURES and (trace.get("timestamps") or trace.get("tensors")):
            raise RuntimeError("this build of the server does not trace requests")
        if trace.get("file") == Server.unwritable_file:
            raise OSError("the trace file cannot be written: no")
        self.models: dict[tuple[str, int], Model] = {}
        self.serving: dict[tuple[str, int], Model] = {}
        self.unfit: set[int] = set()
        self.commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self.states: dict[tuple[str, int | None], tuple[str, str]] = {}
        self.history: list[tuple[str, int | None, str]] = []
        self.listening: dict[str, dict[str, Any]] = {}
        self.events: list[str] = []
        self.opened = threading.Event()
        Server.last = self
        Server.made.set()

    def add_model(self, spec: str, serialized: bytes) -> Model:
        assert isinstance(serialized, bytes)
        document = json.loads(spec)
        model = Model(self, document)
        self.models[document["name"], document["version"]] = model
        return model

    def use_native_cache(self, spec: str, too_large: Any) -> None:
        self.cache = json.loads(spec), too_large

    def use_cache(self, cache: Any) -> None:
        self.cache = cache

    def set_state(self, name: str, version: int | None, state: str, reason: str) -> None:
        self.states[name, version] = (str(state), reason)
        if version is not None:
            self.states.pop((name, None), None)
        self.history.append((name, version, str(state)))

    def forget(self, name: str, version: int | None) -> None:
        for key in [
            key for key in self.states if key == (name, version) or (version is None and key[0] == name)
        ]:
            del self.states[key]

    def index(self) -> list[tuple[str, int | None, str, str]]:
        return [(name, version, *state) for (name, version), state in self.states.items()]

    def serve_http(self, options: str) -> int:
        return self._listen("http", options)

    def serve_grpc(self, options: str) -> int:
        return self._listen("grpc", options)

    def serve_metrics(self, options: str) -> int:
        return self._listen("metrics", options)

    def finish_traces(self) -> str | None:
        return self.lost_traces

    def open(self) -> None:
        self.events.append("open")
        self.opened.set()

    def is_ready(self) -> bool:
        return self.opened.is_set()

    def next_command(self) -> "Command | None":
        return self.commands.get()

    def begin_shutdown(self) -> None:
        self.commands.put(None)
        self.events.append("begin_shutdown")

    def in_flight(self) -> int:
        return sum(model.in_flight() for model in self.models.values())

    def wait_idle(self, timeout_seconds: float) -> bool:
        return all([model.wait_idle(timeout_seconds) for model in self.models.values()])  # noqa: C419  wait for all

    def close(self) -> None:
        self.events.append("close")

    def _listen(self, name: str, options: str) -> int:
        settings = json.loads(options)
        if settings["port"] in TAKEN_PORTS:
            place = f"{settings['address']}:{settings['port']}"
            raise OSError(98, f"cannot listen on {place}: Address already in use")
        self.listening[name] = settings
        self.events.append(f"serve_{name}")
        return int(settings["port"] or 40000 + len(self.listening))


TAKEN_PORTS: set[int] = set()
"""Ports that cannot be listened on."""


def _to_json(tensors: Tensors) -> dict[str, Any]:
    return {name: [str(value.dtype), value.tolist()] for name, value in tensors.items()}


def _from_json(entry: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.array(value, dtype) for name, (dtype, value) in entry.items()}


def _write_frame(connection: socket.socket, frame: dict[str, Any]) -> None:
    body = json.dumps(frame).encode()
    connection.sendall(struct.pack(">I", len(body)) + body)


def _read_frame(connection: socket.socket) -> dict[str, Any] | None:
    head = _read(connection, 4)
    body = _read(connection, struct.unpack(">I", head)[0]) if head else b""
    frame: dict[str, Any] | None = json.loads(body) if body else None
    return frame


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        try:
            part = connection.recv(count - len(data))
        except OSError:
            return b""
        if not part:
            return b""
        data += part
    return data
