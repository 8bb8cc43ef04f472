"""Does several things at once, and leaves them where they are when it is told to stop."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from trilith.build.stopping import halt

Result = TypeVar("Result")
_LEAVE_SECONDS = 1.0
"""How long threads may clean up whose programs were ended; a server that says nothing holds nobody up."""


def together(works: Sequence[Callable[[], Result]], count: int) -> list[Result]:
    """Do everything, some at once; the results in their order.

    Where it is interrupted, the programs that threads have started are ended, and a download ends with this
    process.

    Args:
        works: what is done.
        count: how many at once.
    """
    futures: list[Future[Result]] = [Future() for _ in works]
    left: SimpleQueue[tuple[Future[Result], Callable[[], Result]]] = SimpleQueue()
    for item in zip(futures, works, strict=True):
        left.put(item)
    threads = [threading.Thread(target=_work, args=(left,), daemon=True) for _ in works[:count]]
    for thread in threads:
        thread.start()
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        halt(threads)
        deadline = time.monotonic() + _LEAVE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        raise


def _work(left: SimpleQueue[tuple[Future[Result], Callable[[], Result]]]) -> None:
    while True:
        try:
            future, work = left.get_nowait()
        except Empty:
            return
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  whoever waits is told
                future.set_exception(error)
