"""Configurations are validated without serving."""

import pytest
from tests.unit.runtime.conftest import CATALOGUE, MakeFolder

from trilith.runtime import check


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
