"""Threads that load and unload models."""

import threading

from trilith.runtime.loader import Loader


def test_a_slow_model_stalls_no_other_and_quick_work_never_waits_for_the_pool() -> None:
    loader = Loader(1)
    go, quick, after = threading.Event(), threading.Event(), threading.Event()
    began = threading.Event()

    def slow() -> None:
        began.set()
        assert go.wait(20)

    loader.load(["slow"], "slow", slow)
    assert began.wait(20)
    loader.do(["other"], quick.set)
    assert quick.wait(20)
    assert list(loader.loading()) == ["slow"]
    loader.do(["slow"], after.set)
    assert not after.is_set()
    go.set()
    assert after.wait(20)
    assert loader.loading() == {}


def test_work_that_raises_does_not_end_its_lane() -> None:
    loader = Loader(1)
    after = threading.Event()

    def broken() -> None:
        raise ZeroDivisionError

    loader.load(["a"], "a", broken)
    loader.load(["a"], "a", after.set)
    assert after.wait(20)
