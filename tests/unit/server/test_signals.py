"""Signals that end the server."""

import os
import queue
import signal
import threading

from trilith.server.signals import watch_signals


def test_the_first_signal_and_the_second_are_told_apart() -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with watch_signals(told.put, lambda: told.put("second")):
        os.kill(os.getpid(), signal.SIGTERM)
        assert told.get(timeout=20) == "SIGTERM"
        os.kill(os.getpid(), signal.SIGINT)
        assert told.get(timeout=20) == "second"


def test_signals_are_taken_while_the_main_thread_waits_in_a_lock() -> None:
    stopped = threading.Event()
    with watch_signals(lambda _: stopped.set(), lambda: None):
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()
        assert stopped.wait(20)


def test_other_signals_end_nothing() -> None:
    told: list[str] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with watch_signals(told.append, lambda: told.append("second")):
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert told == []


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with watch_signals(lambda _: None, lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1
