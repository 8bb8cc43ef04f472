"""Many models at once."""

import threading

from tests.doubles import native
from tests.unit.runtime.conftest import CATALOGUE, MakeFolder

from trilith.runtime.life import ModelLife, Settings
from trilith.runtime.loader import Loader


class Held(ModelLife):
    """A model whose load waits until it is let go."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.began = threading.Event()
        self.go = threading.Event()

    def load(self) -> bool:
        self.began.set()
        assert self.go.wait(20)
        return super().load()


def test_a_slow_model_stalls_no_other(server: native.Server, make_folder: MakeFolder) -> None:
    slow = Held(make_folder("slow"), server, CATALOGUE, Settings())
    quick = ModelLife(make_folder("quick"), server, CATALOGUE, Settings())
    loader = Loader(2)
    done: list[str] = []
    both, first = threading.Event(), threading.Event()

    def finished(life: ModelLife) -> None:
        done.append(life.folder.name)
        (both if len(done) == 2 else first).set()

    loader.load([slow, quick], finished)
    assert first.wait(20)
    assert done == ["quick"]
    assert list(loader.loading()) == ["slow"]
    assert server.states["quick", 1] == ("READY", "")
    assert server.states["slow", 1] == ("LOADING", "")
    slow.go.set()
    assert both.wait(20)
    assert loader.loading() == {}
    assert loader.unload_all(5.0) == []
    assert {state for state, _ in server.states.values()} == {"UNAVAILABLE"}


def test_a_model_that_does_not_end_in_time_is_named(server: native.Server, make_folder: MakeFolder) -> None:
    class Busy(ModelLife):
        def unload(self, timeout: float, reason: str = "unloaded") -> bool:
            super().unload(timeout, reason)
            return False

    loader = Loader(1)
    done = threading.Event()
    loader.load([Busy(make_folder("busy"), server, CATALOGUE, Settings())], lambda _: done.set())
    assert done.wait(20)
    assert loader.unload_all(1.0) == ["busy"]
