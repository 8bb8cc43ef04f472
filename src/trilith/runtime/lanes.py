"""Which tasks may run side by side: those about different things. Pure: starts no thread, keeps no time."""

from collections import deque
from collections.abc import Collection, Mapping
from itertools import takewhile
from typing import Generic, TypeVar

Task = TypeVar("Task")


class Lanes(Generic[Task]):
    """Tasks wait in one lane for each of their keys, and run when they are the first in all of them.

    So tasks that share a key run one after the other, in the order in which they came; others side by side.
    No two tasks can wait for each other, since all lanes hold them in the order of their coming.
    """

    def __init__(self) -> None:
        """Start with empty lanes."""
        self._lanes: dict[str, deque[int]] = {}
        self._tasks: dict[int, tuple[Task, tuple[str, ...]]] = {}
        self._next = 0

    def __len__(self) -> int:
        """Return how many tasks run or wait."""
        return len(self._tasks)

    def add(self, task: Task, keys: Collection[str]) -> tuple[int, bool]:
        """Put a task into its lanes.

        Returns:
            Its number, and whether it may run now.
        """
        number = self._next
        self._next += 1
        self._tasks[number] = (task, tuple(dict.fromkeys(keys)))
        for key in self._tasks[number][1]:
            self._lanes.setdefault(key, deque()).append(number)
        return number, self._is_first(number)

    def finish(self, number: int) -> list[tuple[int, Task]]:
        """Take a task that ran out of its lanes; the tasks that may run now, in the order of their coming."""
        _, keys = self._tasks.pop(number)
        freed: set[int] = set()
        for key in keys:
            lane = self._lanes[key]
            lane.popleft()
            if lane:
                freed.add(lane[0])
            else:
                del self._lanes[key]
        return [(one, self._tasks[one][0]) for one in sorted(freed) if self._is_first(one)]

    def would_wait_for(
        self, target: int, keys: Collection[str], asked: Mapping[int, Collection[str]]
    ) -> bool:
        """Whether a task with these keys would wait for another task in the end, were it added now.

        Args:
            target: the other task.
            keys: of the task.
            asked: keys of what running tasks themselves wait for, by their number.
        """
        ahead = [number for key in keys for number in self._lanes.get(key, ())]
        seen: set[int] = set()
        while ahead:
            number = ahead.pop()
            if number == target:
                return True
            if number in seen:
                continue
            seen.add(number)
            ahead += [other for key in asked.get(number, ()) for other in self._lanes.get(key, ())]
            for key in self._tasks[number][1]:
                ahead += takewhile(number.__ne__, self._lanes[key])
        return False

    def _is_first(self, number: int) -> bool:
        return all(self._lanes[key][0] == number for key in self._tasks[number][1])
