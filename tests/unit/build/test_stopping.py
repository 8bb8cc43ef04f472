"""Signals that come when nobody expects them."""

import signal
import socket
import threading

from trilith.build.stopping import Stopped, told_by_signals

MORE_THAN_A_SOCKET_HOLDS = bytes(64 << 20)
FOR_EVER = 20.0
"""Seconds after which the test ends a wait that nothing else has ended."""


def test_a_signal_that_another_thread_takes_is_handled_while_the_main_thread_waits() -> None:
    sender, receiver = socket.socketpair()
    handled, in_time, told_by = threading.Event(), [], 0

    def take() -> None:
        receiver.recv(1)  # the main thread is in the one call to the kernel that sends it all
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        in_time.append(handled.wait(FOR_EVER))
        receiver.close()

    thread = threading.Thread(target=take)
    with sender:
        try:
            with told_by_signals():
                thread.start()
                sender.sendall(MORE_THAN_A_SOCKET_HOLDS)
        except Stopped as stopped:
            handled.set()
            told_by = stopped.number
        thread.join()
    assert (in_time, told_by) == ([True], signal.SIGTERM)
    assert signal.getsignal(signal.SIGURG) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1
