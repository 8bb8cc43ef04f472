"""What the machine has."""

from pathlib import Path

import pytest

from trilith.runtime.devices import count_gpus


def test_a_machine_without_driver_has_no_gpu(tmp_path: Path) -> None:
    assert count_gpus(tmp_path / "nowhere") == 0


@pytest.mark.parametrize(("visible", "count"), [(None, 2), ("", 0), ("-1", 0), ("0", 1), ("0,1,2", 2)])
def test_hidden_gpus_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, count: int
) -> None:
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_gpus(tmp_path) == count
