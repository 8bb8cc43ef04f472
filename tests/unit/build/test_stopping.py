"""Signals that come when nobody expects them."""

import signal
import threading

import pytest

from trilith.build.stopping import Stopped, told_by_signals


@pytest.mark.timeout(60)
def test_a_signal_that_another_thread_takes_is_handled_whatever_the_main_thread_waits_for() -> None:
    def take() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    for_ever = threading.Lock()
    with pytest.raises(Stopped, match="SIGTERM"), told_by_signals(), for_ever:
        # Before the wait begins or after: neither interrupts it.
        threading.Thread(target=take).start()
        for_ever.acquire()
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
