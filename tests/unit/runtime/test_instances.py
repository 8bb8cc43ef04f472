"""What an instance does all day."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from tests.doubles.native import Batch

from trilith.contract import ErrorCode, ModelError
from trilith.runtime.instances import close_instance, run_instance


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Source:
    """Hands out batches of one number each, and keeps what was answered."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = list(numbers)
        self.answers: list[tuple[Any, str, str]] = []
        self.last: weakref.ref[Batch] | None = None
        self.last_was_kept = False

    def next_batch(self) -> Batch | None:
        gc.collect()
        self.last_was_kept = self.last is not None and self.last() is not None
        if not self.numbers:
            return None
        batch = Batch({"IN": np.array([self.numbers.pop(0)])}, lambda *answer: self.answers.append(answer))
        self.last = weakref.ref(batch)
        return batch


class Model:
    """Raises what it was made with for every number below zero."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error

    def execute(self, batch: Any) -> Any:
        if self.error and batch.inputs["IN"][0] < 0:
            raise self.error
        return dict(batch.inputs)

    def close(self) -> None:
        if self.error:
            raise self.error


def test_batches_are_answered_until_there_are_no_more() -> None:
    source = Source(1, 2, 3)
    run_instance(source, Model(), "a_0_0")
    assert [answer[0]["IN"][0] for answer in source.answers] == [1, 2, 3]


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (ModelError("not now", ErrorCode.UNAVAILABLE), "not now", "UNAVAILABLE"),
        (ValueError("a shape"), "instance 'a_0_0' failed: ValueError: a shape", "INTERNAL"),
        (SystemExit(3), "instance 'a_0_0' failed: SystemExit: 3", "INTERNAL"),
        (KeyboardInterrupt(), "instance 'a_0_0' failed: KeyboardInterrupt: ", "INTERNAL"),
        (UnprintableError(), "instance 'a_0_0' failed: UnprintableError", "INTERNAL"),
        (MemoryError(), "instance 'a_0_0' failed: MemoryError: ", "INTERNAL"),
    ],
)
def test_whatever_a_model_raises_fails_that_batch_alone(
    error: BaseException, message: str, code: str
) -> None:
    source = Source(1, -1, 3)
    run_instance(source, Model(error), "a_0_0")
    assert [answer[1:] for answer in source.answers] == [("", ""), (message, code), ("", "")]


def test_an_unexpected_error_is_logged_with_its_instance(caplog: pytest.LogCaptureFixture) -> None:
    run_instance(Source(-1), Model(ValueError("a shape")), "a_0_0")
    assert "instance 'a_0_0' failed a batch of 1" in caplog.text
    assert "ValueError: a shape" in caplog.text


def test_a_batch_is_let_go_before_the_next_one_is_waited_for() -> None:
    source = Source(1)
    run_instance(source, Model(), "a_0_0")
    assert not source.last_was_kept


def test_an_error_while_closing_goes_no_further(caplog: pytest.LogCaptureFixture) -> None:
    close_instance(Model(SystemExit(1)), "a_0_0")
    assert "failed while it was closed" in caplog.text
