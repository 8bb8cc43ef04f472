# ruff: noqa: ARG002 - what harms does not look at its requests
"""A model that does what the parameter ``do`` of a request asks for, and gives its input back otherwise."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


def respond(array: Any, name: str = "OUT") -> Any:
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array)])


class TritonPythonModel:
    def initialize(self, arguments: dict[str, str]) -> None:
        self.folder = Path(arguments["model_repository"])
        self.kept: list[Any] = []
        self.cancelled = 0

    def execute(self, requests: list[Any]) -> Any:
        wish = json.loads(requests[0].parameters()).get("do", "echo")
        return getattr(self, f"do_{wish}")(requests)

    def do_echo(self, requests: list[Any]) -> list[Any]:
        return [respond(np.array(read(request))) for request in requests]

    # --- answers that are none -------------------------------------------------------------------------

    def do_raise(self, requests: list[Any]) -> list[Any]:
        raise ValueError(f"{len(requests)} requests are too many")

    def do_raise_bare(self, requests: list[Any]) -> list[Any]:
        raise BaseException("not even an Exception")  # noqa: TRY002

    def do_raise_unprintable(self, requests: list[Any]) -> list[Any]:
        raise Unprintable

    def do_none(self, requests: list[Any]) -> None:
        return None

    def do_too_few(self, requests: list[Any]) -> list[Any]:
        return []

    def do_too_many(self, requests: list[Any]) -> list[Any]:
        return [respond(read(request)) for request in requests] * 2

    def do_strange(self, requests: list[Any]) -> list[Any]:
        return [object() for _ in requests]

    def do_list_of_none(self, requests: list[Any]) -> list[Any]:
        return [None for _ in requests]

    def do_no_output(self, requests: list[Any]) -> list[Any]:
        return [pb_utils.InferenceResponse([]) for _ in requests]

    def do_other_name(self, requests: list[Any]) -> list[Any]:
        return [respond(read(request), "OTHER") for request in requests]

    def do_other_datatype(self, requests: list[Any]) -> list[Any]:
        return [respond(read(request).astype(np.int64)) for request in requests]

    def do_other_rank(self, requests: list[Any]) -> list[Any]:
        return [respond(read(request).reshape(1, -1)) for request in requests]

    def do_objects(self, requests: list[Any]) -> list[Any]:
        return [respond(np.array([object(), {}, Unprintable()], dtype=object)) for _ in requests]

    def do_complex(self, requests: list[Any]) -> list[Any]:
        return [respond(read(request).astype(np.complex128)) for request in requests]

    def do_surrogates(self, requests: list[Any]) -> list[Any]:
        error = pb_utils.TritonError("\ud800 is no text")
        return [pb_utils.InferenceResponse(error=error) for _ in requests]

    def do_long_message(self, requests: list[Any]) -> list[Any]:
        raise ValueError("x" * (1 << 20))

    # --- harm to itself --------------------------------------------------------------------------------

    def do_sys_exit(self, requests: list[Any]) -> list[Any]:
        sys.exit(3)

    def do_recurse(self, requests: list[Any]) -> list[Any]:
        return self.do_recurse(requests)

    def do_allocate(self, requests: list[Any]) -> list[Any]:
        return [respond(np.zeros(1 << 60, np.float32)) for _ in requests]

    def do_exit(self, requests: list[Any]) -> list[Any]:
        os._exit(5)

    def do_segfault(self, requests: list[Any]) -> list[Any]:
        ctypes.string_at(0)
        return []

    def do_kill(self, requests: list[Any]) -> list[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    def do_hang(self, requests: list[Any]) -> list[Any]:
        (self.folder / "hanging").touch()
        while True:
            time.sleep(60)

    def do_hang_until_cancelled(self, requests: list[Any]) -> list[Any]:
        while not requests[0].is_cancelled():
            time.sleep(0.01)
        self.cancelled += 1
        return self.do_echo(requests)

    def do_tell(self, requests: list[Any]) -> list[Any]:
        return [respond(np.array([self.cancelled], np.float32)) for _ in requests]

    def do_tell_pid(self, requests: list[Any]) -> list[Any]:
        return [respond(np.array([os.getpid()], np.float32)) for _ in requests]

    # --- harm to what it was lent ----------------------------------------------------------------------

    def do_write(self, requests: list[Any]) -> list[Any]:
        array = read(requests[0])
        array[:] = -1
        return self.do_echo(requests)

    def do_keep(self, requests: list[Any]) -> list[Any]:
        self.kept.append((read(requests[0]), np.array(read(requests[0]))))
        return self.do_echo(requests)

    def do_compare_kept(self, requests: list[Any]) -> list[Any]:
        pairs = [pair for pair in self.kept if isinstance(pair, tuple)]
        same = all(np.array_equal(lent, copy) for lent, copy in pairs)
        return [respond(np.array([same, len(pairs)], np.float32)) for _ in requests]

    def do_change_after_answering(self, requests: list[Any]) -> list[Any]:
        array = np.array(read(requests[0]))
        self.kept.append(array)
        threading.Timer(0.001, array.fill, (-1,)).start()
        return [respond(array) for _ in requests]

    # --- harm to its process ---------------------------------------------------------------------------

    def do_change_signals(self, requests: list[Any]) -> list[Any]:
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        return self.do_echo(requests)

    def do_fork(self, requests: list[Any]) -> list[Any]:
        child = os.fork()  # a copy that runs on until something stops it
        if child == 0:
            return self.do_echo(requests)
        return self.do_echo(requests)

    def do_crash_and_leave_a_child(self, requests: list[Any]) -> list[Any]:
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
        os._exit(6)

    def do_fork_and_answer_much(self, requests: list[Any]) -> list[Any]:
        os.fork()
        return [respond(np.full(1 << 16, read(request)[0])) for request in requests]

    def do_start_program(self, requests: list[Any]) -> list[Any]:
        self.kept.append(subprocess.Popen(["sleep", "60"]))
        return self.do_echo(requests)

    def do_close_descriptors(self, requests: list[Any]) -> list[Any]:
        os.closerange(3, 4096)
        return self.do_echo(requests)

    def do_raise_surrogate(self, requests: list[Any]) -> list[Any]:
        raise ValueError("\ud800 is no text")

    def do_raise_unprintable_bare(self, requests: list[Any]) -> list[Any]:
        raise UnprintableBare


class Unprintable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class UnprintableBare(BaseException):
    __str__ = __repr__ = Unprintable.__str__


def read(request: Any) -> Any:
    return pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
