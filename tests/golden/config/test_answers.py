"""What clients are told about a model, field by field as Triton 2.51 told it for the same file."""

import json
from pathlib import Path

import pytest

from trilith import config
from trilith.contract import BrickKind, Manifest

CASES = sorted((Path(__file__).parent / "answers").iterdir())
PYTHON = Manifest("python", BrickKind.BACKEND, "for the test", default_filename="model.py")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_complete_document_equals_the_answer_of_triton(case: Path) -> None:
    draft = config.read(case / "config.pbtxt", case.name)

    configuration = config.finish(draft, case, "python", manifest=PYTHON, gpu_count=0)

    assert json.loads(json.dumps(configuration.document)) == json.loads((case / "answer.json").read_text())
