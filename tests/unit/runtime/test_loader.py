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


def test_a_model_that_waits_inside_its_load_leaves_its_thread_to_others() -> None:
    loader = Loader(1)
    inside, done = threading.Event(), threading.Event()

    def load_another() -> None:
        number = loader.begin_inside("one", ["other"])
        assert number is not None
        loader.load(["other"], "other", inside.set)
        assert inside.wait(20)
        loader.end_inside(number, ["other"])
        done.set()

    loader.load(["one"], "one", load_another)
    assert done.wait(20)


def test_a_model_that_would_wait_for_itself_is_told() -> None:
    loader = Loader(1)
    answers: list[int | None] = []
    done = threading.Event()

    def load_in_a_circle() -> None:
        answers.append(loader.begin_inside("one", ["one"]))
        number = loader.begin_inside("one", ["two"])
        loader.load(["two"], "two", lambda: answers.append(loader.begin_inside("two", ["one"])))
        loader.load(["two", "three"], "three", done.set)
        assert done.wait(20)
        assert number is not None
        loader.end_inside(number, ["two"])

    loader.load(["one"], "one", load_in_a_circle)
    assert done.wait(20)
    assert answers == [None, None]
