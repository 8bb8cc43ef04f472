"""Instances that are asked themselves whether they can serve."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trilith.runtime import readiness
from trilith.runtime.readiness import FarQuestion, NearQuestion, Question, find_reason

SOON = 20.0
Make = Callable[[Callable[[], Any]], Question]


@pytest.fixture(params=["near", "far"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make the question for an instance that is checked so, here or as in a worker."""
    lines: list[FarQuestion] = []

    def make_one(check: Callable[[], Any]) -> Question:
        if request.param == "near":
            return NearQuestion(check, "m_0")
        question = FarQuestion()
        question.name = "m_0"
        readiness.answer(question.theirs.detach(), check, "m_0")
        lines.append(question)
        return question

    yield make_one
    for line in lines:
        line.close()


def never() -> bool:
    raise ZeroDivisionError("no database")


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (lambda: True, None),
        (lambda: False, "is_ready() of instance 'm_0' returned False"),
        (lambda: 1, "returned an object of type int, expected bool"),
        (never, "raised ZeroDivisionError: no database"),
    ],
)
def test_an_instance_says_why_it_cannot_serve(
    make: Make, check: Callable[[], Any], reason: str | None
) -> None:
    question = make(check)
    for _ in range(2):
        found = find_reason([question], SOON)
        assert reason is None if found is None else reason in found


def test_every_instance_must_be_able_to(make: Make) -> None:
    able, unable = make(lambda: True), make(lambda: False)
    assert find_reason([able, make(lambda: True)], SOON) is None
    assert "returned False" in (find_reason([able, unable], SOON) or "")
    assert find_reason([], SOON) is None


def test_one_that_takes_too_long_is_not_ready_and_is_asked_once_at_a_time(make: Make) -> None:
    asked: list[bool] = []
    leave = threading.Semaphore(0)

    def check() -> bool:
        asked.append(True)
        assert leave.acquire(timeout=SOON)
        return len(asked) == 1

    question = make(check)
    for _ in range(3):
        assert "has not returned within" in (find_reason([question], 0.0) or "")
    leave.release(3)
    # The late answer may be the one that this waits for; it is never taken for that to a later question.
    find_reason([question], SOON)
    assert "returned False" in (find_reason([question], SOON) or "")
    assert len(asked) <= 3


def test_a_long_error_is_cut_short(make: Make) -> None:
    def check() -> bool:
        raise ValueError("x" * 100_000)

    assert len(find_reason([make(check)], SOON) or "") == readiness.MAX_REASON_CHARACTERS


def test_a_worker_that_has_ended_is_not_ready() -> None:
    question = FarQuestion()
    question.name = "m_0"
    question.theirs.close()
    for _ in range(2):
        assert "worker process of instance 'm_0' has ended" in (find_reason([question], SOON) or "")
    question.close()
    assert "has ended" in (find_reason([question], SOON) or "")
