"""What pip has to install."""

import requirements

PYPROJECT = {
    "build-system": {"requires": ["maturin"]},
    "project": {"dependencies": ["numpy"], "optional-dependencies": {"onnxruntime": ["onnxruntime"]}},
    "dependency-groups": {"dev": ["pytest", "ruff"]},
}


def test_building_and_serving_needs_the_build_system_and_what_the_examples_run_on() -> None:
    assert requirements.requirements(PYPROJECT, "build") == ["maturin", "numpy", "onnxruntime"]


def test_the_checks_need_the_development_group() -> None:
    assert requirements.requirements(PYPROJECT, "checks") == ["pytest", "ruff"]


def test_an_unknown_purpose_is_answered_with_the_usage() -> None:
    assert requirements.main(["deploy"]) == 2
