"""Configurations are validated without serving."""

import shutil
from pathlib import Path

import pytest
from tests.unit.runtime.conftest import CATALOGUE, MakeFolder

from trilith.runtime import check


def write_ensemble(repository: Path, name: str, model: str) -> None:
    (repository / name / "1").mkdir(parents=True)
    step = f'model_name: "{model}" model_version: -1 input_map {{ key: "IN" value: "IN" }}'
    (repository / name / "config.pbtxt").write_text(
        'platform: "ensemble" max_batch_size: 4\n'
        'input { name: "IN" data_type: TYPE_FP32 dims: -1 }\n'
        'output { name: "OUT" data_type: TYPE_FP32 dims: -1 }\n'
        f'ensemble_scheduling {{ step {{ {step} output_map {{ key: "OUT" value: "OUT" }} }} }}\n'
    )


def test_good_and_bad_models_are_told_apart(make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "discover", lambda: CATALOGUE)
    good = make_folder("good")
    make_folder("bad", "max_batch_size: -1\n")
    make_folder("wrong", "inputs {}\n")
    findings = check.check_repositories([good.directory.parent])
    assert list(findings) == ["bad", "good", "wrong"]
    assert findings["good"] == ""
    assert "max_batch_size" in findings["bad"]
    assert "inputs" in findings["wrong"]


def test_an_ensemble_is_checked_against_the_models_beside_it(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "discover", lambda: CATALOGUE)
    repository = make_folder("part").directory.parent
    for name, model in (("fitting", "part"), ("lost", "nowhere"), ("own", "own"), ("above", "lost")):
        write_ensemble(repository, name, model)

    findings = check.check_repositories([repository])

    assert findings["fitting"] == ""
    assert "model 'nowhere' is not served" in findings["lost"]
    assert "own -> own" in findings["own"]
    assert "model 'lost' is not served" in findings["above"]


def test_with_namespaces_each_repository_is_checked_with_its_own_models(
    make_folder: MakeFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(check, "discover", lambda: CATALOGUE)
    first = make_folder("part").directory.parent
    second, third = tmp_path / "second", tmp_path / "third"
    shutil.copytree(first, second)
    write_ensemble(second, "whole", "part")
    write_ensemble(third, "lost", "part")

    findings = check.check_repositories([first, second, third], namespaces=True)

    reason = findings.pop(f"{third}/lost")
    assert "its name is in several repositories" in reason
    assert findings == {f"{first}/part": "", f"{second}/part": "", f"{second}/whole": ""}
