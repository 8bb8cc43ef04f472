from pathlib import Path
from typing import Any

import pytest

from repositories.models import make_parameters, make_source
from trilith.bricks.backends.onnxruntime.plan import SessionPlan, make_plan
from trilith.contract import LoadError

AVAILABLE = ["CPUExecutionProvider"]


def plan(tmp_path: Path, document: dict[str, Any], **settings: str) -> SessionPlan:
    source = make_source(tmp_path, "model", {"model.onnx": b"x", "other.onnx": b"y"}, settings=settings)
    return make_plan(source, document, None, AVAILABLE)


def test_a_document_with_defaults_written_out_makes_the_same_plan(tmp_path: Path) -> None:
    full = {
        "default_model_filename": "",
        "parameters": {},
        "optimization": {"graph": {"level": 0}, "execution_accelerators": {"gpu_execution_accelerator": []}},
        "model_operations": {"op_library_filename": []},
    }
    short = plan(tmp_path, {})
    source = make_source(tmp_path, "model", {})
    assert make_plan(source, full, None, AVAILABLE) == short


def test_a_file_of_another_name_is_found(tmp_path: Path) -> None:
    assert plan(tmp_path, {"default_model_filename": "other.onnx"}).file.name == "other.onnx"


def test_thread_counts_of_the_model_win_over_those_of_the_backend(tmp_path: Path) -> None:
    document = {"parameters": make_parameters(intra_op_thread_count="2")}
    made = plan(tmp_path, document, intra_op_thread_count="7", inter_op_thread_count="5")
    assert (made.intra_op_threads, made.inter_op_threads) == (2, 5)


def test_entries_of_the_session_are_handed_on_by_their_own_names(tmp_path: Path) -> None:
    key = "session.use_device_allocator_for_initializers"
    made = plan(tmp_path, {"parameters": make_parameters(**{key: "1"})})
    assert (key, "1") in made.entries


def test_idle_threads_do_not_spin_unless_the_model_asks_for_it(tmp_path: Path) -> None:
    key = "session.intra_op.allow_spinning"
    assert plan(tmp_path, {}).entries == ((key, "0"),)
    assert plan(tmp_path, {"parameters": make_parameters(**{key: "1"})}).entries == ((key, "1"),)


def test_every_wrong_option_is_named(tmp_path: Path) -> None:
    document = {
        "parameters": make_parameters(
            intra_op_thread_count="-1", execution_mode="2", enable_mem_arena="perhaps"
        )
    }
    with pytest.raises(LoadError) as caught:
        plan(tmp_path, document)
    text = str(caught.value)
    assert text.startswith("model 'model' version 1: ")
    assert "'intra_op_thread_count' is '-1', expected a whole number of 0 or more" in text
    assert "'execution_mode' is '2', expected one of 0 (sequential), 1 (parallel)" in text
    assert "'enable_mem_arena' is 'perhaps', expected 1 or 0" in text
