"""What a worker process runs: one instance of one model version.

Started by the server as ``python -m trilith.runtime.worker DESCRIPTOR MODEL/VERSION``. The server says over
that socket what to do (see :mod:`trilith.runtime.channel`), then the native core of both sides takes it over.
The worker ends when the channel does, or when the server is gone.
"""

import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from trilith.contract import Backend, Instance, LoadedModel, TrilithError
from trilith.runtime.bricks import make
from trilith.runtime.channel import Channel
from trilith.runtime.handover import read_context, read_source
from trilith.runtime.instances import close_instance, run_instance
from trilith.runtime.log_news import listen
from trilith.runtime.logs import LogOptions, configure
from trilith.runtime.readiness import answer, find_check
from trilith.runtime.warmup import warm_up

if TYPE_CHECKING:
    from trilith.native import WorkerPort

log = logging.getLogger(__name__)

ORPHAN_GRACE_SECONDS = 5.0
"""For a model to finish and let go of devices after the server has died, before it is cut short."""


def main(arguments: list[str]) -> int:
    """Run one instance until its channel ends; the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C and service managers signal the whole group; the server decides when its workers end. A
        # handler, since SIG_IGN would be inherited by processes that a model starts.
        signal.signal(number, _leave_it_to_the_server)
    channel = Channel(socket.socket(fileno=int(arguments[0])))
    try:
        order = channel.receive()
    except EOFError:
        return 0
    _end_with(int(order["server"]))
    configure(LogOptions(**order["log"]))
    listen(int(order["news"]))
    # Models may import what lies where the server was started, as in Triton, but it hides nothing installed.
    sys.path.append("")
    try:
        backend: Backend = make(order["entry"])
        if order["complete"]:
            document = backend.complete(read_source(order["source"]), order["document"])
            channel.send({"completed": document})
        task = channel.receive()
    except (EOFError, BrokenPipeError):
        return 0  # the server changed its mind
    except BaseException as error:  # noqa: BLE001  whatever a model raises, the server reports it
        _report(channel.send, error)
        return 1
    return _carry_out(channel, backend, task, int(order["readiness"]))


def _carry_out(channel: Channel, backend: Backend, task: dict[str, Any], readiness: int) -> int:
    """Load the model and run its instance; the exit status."""
    from trilith.native import WorkerPort  # noqa: PLC0415  what only completes a configuration needs none

    descriptor = channel.detach()
    worker = os.getpid()
    os.register_at_fork(after_in_child=partial(_leave_channel, descriptor))
    port = WorkerPort(descriptor, task["spec"])
    try:
        loaded, instance = _load(backend, task, port)
    except BaseException as error:  # noqa: BLE001  whatever a model raises at load, the server reports it
        _report(lambda message: port.say_loaded(json.dumps(message)), error)
        return 1
    name: str = task["context"]["placements"][0]["name"]
    check = find_check(instance)
    answer(readiness, check, name)
    port.say_loaded(json.dumps({"ready": True, "checked": check is not None}))
    run_instance(port, instance, name)
    if os.getpid() != worker:
        os._exit(0)  # a copy that the model made by forking and let return
    close_instance(instance, name)
    try:
        loaded.close()
    except Exception:
        log.exception("the model of instance '%s' failed while it was closed", name)
    return 0


def _load(backend: Backend, task: dict[str, Any], port: "WorkerPort") -> tuple[LoadedModel, Instance]:
    context = replace(read_context(task["context"]), caller=port.caller())
    loaded = backend.load(context)
    instance = loaded.create_instance(context.placements[0])
    warm_up(instance, context, context.placements[0].name)
    return loaded, instance


def _leave_channel(descriptor: int) -> None:
    """Let go of the channel in a copy of this process, so that the server sees the worker's own end."""
    ended, other = socket.socketpair()
    other.close()
    os.dup2(ended.fileno(), descriptor)
    ended.close()


def _report(send: Callable[[dict[str, Any]], None], error: BaseException) -> None:
    expected = isinstance(error, TrilithError)
    message = str(error) if expected else f"{type(error).__name__}: {error}"
    details = "" if expected else traceback.format_exc()
    try:
        send({"error": message, "traceback": details})
    except OSError:
        log.error("%s\n%s", message, details)  # noqa: TRY400  the traceback is in it; nobody else to tell


def _leave_it_to_the_server(number: int, frame: FrameType | None) -> None:
    """Do nothing."""


def _end_with(server: int) -> None:
    """End this process, a grace after the server has died, even from within a model that hangs."""
    try:
        descriptor = os.pidfd_open(server)
    except OSError:
        os._exit(1)  # it is gone already
    threading.Thread(target=_watch, args=(descriptor,), name="server-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    waiting.poll()
    time.sleep(ORPHAN_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
