"""Requests that warm a model up before clients see it."""

import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.doubles import native
from tests.unit.runtime.conftest import MakeLife, parameter

from trilith.contract import (
    Batch,
    DataType,
    LoadError,
    ModelConfiguration,
    ModelContext,
    ModelSource,
    Placement,
    ResponseSender,
    TensorSpec,
)
from trilith.runtime.warmup import warm_up


class Recorder:
    """Keeps what it is given to execute."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def execute(self, batch: Batch) -> Any:
        self.batches.append(batch)
        return {}

    def close(self) -> None:
        """Hold nothing."""


def context(
    tmp_path: Path, samples: list[dict[str, Any]], datatype: str = "FP32", batch: int = 8
) -> ModelContext:
    configuration = ModelConfiguration(
        name="m",
        backend="echo",
        platform="",
        max_batch_size=batch,
        inputs=(TensorSpec("IN", DataType(datatype), (-1,)),),
        outputs=(TensorSpec("OUT", DataType(datatype), (-1,)),),
        parameters={},
        document={"model_warmup": samples},
    )
    source = ModelSource("m", 1, tmp_path, tmp_path / "1")
    return ModelContext(source, configuration, (Placement("m_0_0"),))


def sample(datatype: str = "TYPE_FP32", *, size: int = 1, count: int = 0, **data: Any) -> dict[str, Any]:
    inputs = {"IN": {"data_type": datatype, "dims": [3], **(data or {"zero_data": True})}}
    return {"name": "s", "batch_size": size, "count": count, "inputs": inputs}


def test_a_sample_runs_as_often_and_in_batches_as_large_as_it_says(tmp_path: Path) -> None:
    recorder = Recorder()
    warm_up(recorder, context(tmp_path, [sample(size=4, count=3)]), "m_0_0")
    assert len(recorder.batches) == 3
    assert recorder.batches[0].size == 4
    assert len(recorder.batches[0].requests) == 4
    assert recorder.batches[0].inputs["IN"].tolist() == [[0.0] * 3] * 4
    assert not recorder.batches[0].inputs["IN"].flags.writeable


def test_a_sample_without_a_batch_size_is_skipped(tmp_path: Path) -> None:
    recorder = Recorder()
    warm_up(recorder, context(tmp_path, [sample(size=0)]), "m_0_0")
    assert recorder.batches == []


def test_a_model_without_batches_gets_its_rows_one_by_one(tmp_path: Path) -> None:
    recorder = Recorder()
    warm_up(recorder, context(tmp_path, [sample()], batch=0), "m_0_0")
    assert recorder.batches[0].inputs["IN"].shape == (3,)


@pytest.mark.parametrize("datatype", ["BOOL", "INT8", "UINT64", "FP16", "BF16", "FP64", "BYTES"])
def test_random_data_come_in_every_datatype(tmp_path: Path, datatype: str) -> None:
    recorder = Recorder()
    given = sample(DataType(datatype).config_name, random_data=True)
    warm_up(recorder, context(tmp_path, [given], datatype), "m_0_0")
    array = recorder.batches[0].inputs["IN"]
    assert array.dtype == DataType(datatype).numpy
    assert array.shape == (1, 3)
    assert datatype != "BYTES" or array.tolist() == [[b""] * 3]


def test_files_hold_raw_elements_or_texts_behind_their_lengths(tmp_path: Path) -> None:
    (tmp_path / "warmup").mkdir()
    (tmp_path / "warmup" / "numbers").write_bytes(np.arange(3, dtype=np.float32).tobytes())
    texts = b"".join(struct.pack("<I", len(text)) + text for text in (b"a", b"", b"bcd"))
    (tmp_path / "warmup" / "texts").write_bytes(texts)
    recorder = Recorder()
    warm_up(recorder, context(tmp_path, [sample(input_data_file="numbers")]), "m_0_0")
    given = sample("TYPE_STRING", input_data_file="texts")
    warm_up(recorder, context(tmp_path, [given], "BYTES"), "m_0_0")
    assert [batch.inputs["IN"].tolist() for batch in recorder.batches] == [[[0, 1, 2]], [[b"a", b"", b"bcd"]]]


@pytest.mark.parametrize(
    ("content", "datatype", "problem"),
    [
        (None, "FP32", "cannot be read"),
        (b"short", "FP32", "takes 12 bytes, the file has 5"),
        (b"\x01\0\0\0a", "BYTES", "3 texts are expected, the file has 1"),
        (b"\x09\0\0\0a", "BYTES", "text 0 runs past the end"),
    ],
)
def test_a_file_that_does_not_fit_fails_the_load(
    tmp_path: Path, content: bytes | None, datatype: str, problem: str
) -> None:
    if content is not None:
        (tmp_path / "warmup").mkdir()
        (tmp_path / "warmup" / "f").write_bytes(content)
    given = sample(DataType(datatype).config_name, input_data_file="f")
    with pytest.raises(LoadError, match=problem):
        warm_up(Recorder(), context(tmp_path, [given], datatype), "m_0_0")


WARMUP = """
input { name: "IN" data_type: TYPE_FP32 dims: 4 }
model_warmup {
  name: "first" batch_size: 1
  inputs { key: "IN" value { data_type: TYPE_FP32 dims: 4 input_data_file: "data" } }
}
"""


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_model_that_fails_its_warmup_does_not_become_ready(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    life = make_life(WARMUP + parameter("any", "thing"), isolation)
    folder = life.folder.directory / "warmup"
    folder.mkdir()
    (folder / "data").write_bytes(np.full(4, -1, np.float32).tobytes())
    assert not life.load()
    state, reason = server.states["a", 1]
    assert state == "UNAVAILABLE"
    assert "failed to run warmup sample 'first' on instance 'a_0': it is busy" in reason.replace(
        "a_0_0", "a_0"
    )


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_model_that_passes_its_warmup_becomes_ready(
    server: native.Server, make_life: MakeLife, isolation: str
) -> None:
    life = make_life(WARMUP.replace('input_data_file: "data"', "random_data: true"), isolation)
    assert life.load()
    assert server.states["a", 1] == ("READY", "")


class LateAnswers(Recorder):
    """Answers from a thread of its own, through response senders."""

    def __init__(self, *ends: Callable[[ResponseSender], object]) -> None:
        super().__init__()
        self.ends = ends
        self.returned = threading.Event()

    def execute(self, batch: Batch) -> Any:
        super().execute(batch)
        senders = [request.open_sender() for request in batch.requests]
        threading.Thread(target=self.answer, args=(senders,)).start()
        self.returned.set()

    def answer(self, senders: list[ResponseSender]) -> None:
        self.returned.wait()
        while senders:
            sender = senders.pop()
            sender.respond({})
            for end in self.ends:
                end(sender)


def test_a_warmup_waits_for_what_is_answered_after_execute_has_returned(tmp_path: Path) -> None:
    recorder = LateAnswers(lambda sender: sender.finish())
    warm_up(recorder, context(tmp_path, [sample(size=2)]), "m_0_0")
    assert len(recorder.batches) == 1


def test_an_error_among_several_responses_fails_the_load(tmp_path: Path) -> None:
    recorder = LateAnswers(lambda sender: sender.fail("no"), lambda sender: sender.finish())
    with pytest.raises(LoadError, match="'s' on instance 'm_0_0': no"):
        warm_up(recorder, context(tmp_path, [sample()]), "m_0_0")


def test_a_response_sender_that_is_let_go_in_a_warmup_fails_the_load(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="without the final flag"):
        warm_up(LateAnswers(), context(tmp_path, [sample()]), "m_0_0")
