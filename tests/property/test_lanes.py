"""The laws of the order in which models are loaded and unloaded."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from trilith.runtime.lanes import Lanes

KEYS = st.frozensets(st.sampled_from("abcd"), max_size=3)


class LanesMachine(RuleBasedStateMachine):
    """Tasks come and end in any order that the lanes allow."""

    waiting = Bundle("waiting")

    @initialize()
    def begin(self) -> None:
        self.lanes: Lanes[int] = Lanes()
        self.keys: dict[int, frozenset[str]] = {}
        self.running: list[int] = []
        self.started: list[int] = []

    @rule(target=waiting, keys=KEYS)
    def add(self, keys: frozenset[str]) -> int:
        task = len(self.keys)
        number, is_free = self.lanes.add(task, keys)
        assert number == task
        self.keys[task] = keys
        if is_free:
            self._start(task)
        return task

    @rule(choice=consumes(waiting), index=st.integers(0, 9))
    def finish(self, choice: int, index: int) -> None:
        del choice
        if self.running:
            self._finish(self.running[index % len(self.running)])

    def _start(self, task: int) -> None:
        self.running.append(task)
        self.started.append(task)

    def _finish(self, task: int) -> None:
        self.running.remove(task)
        for number, freed in self.lanes.finish(task):
            assert number == freed
            self._start(freed)

    @invariant()
    def tasks_about_one_thing_never_run_together(self) -> None:
        """No key belongs to two running tasks."""
        keys = [key for task in getattr(self, "running", ()) for key in self.keys[task]]
        assert len(keys) == len(set(keys))

    @invariant()
    def tasks_about_one_thing_start_in_the_order_of_their_coming(self) -> None:
        """For each key, those that started are the first that came."""
        for key in "abcd" if getattr(self, "keys", None) else "":
            came = [task for task, keys in self.keys.items() if key in keys]
            started = [task for task in self.started if key in self.keys[task]]
            assert started == came[: len(started)]

    @invariant()
    def whoever_could_run_does(self) -> None:
        """A task waits only for an earlier one that shares a key with it and has not ended."""
        ended = set(getattr(self, "started", ())) - set(getattr(self, "running", ()))
        for task, keys in getattr(self, "keys", {}).items():
            if task not in self.started:
                assert any(keys & self.keys[other] for other in range(task) if other not in ended)

    def teardown(self) -> None:
        """Every task runs in the end."""
        while getattr(self, "running", None):
            self._finish(self.running[0])
        assert sorted(getattr(self, "started", ())) == list(getattr(self, "keys", ()))


LanesMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestLanes = LanesMachine.TestCase
