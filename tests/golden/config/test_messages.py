"""What a person reads who made mistakes in ``config.pbtxt``."""

import os
from pathlib import Path

import pytest

from trilith import config
from trilith.contract import ConfigurationError

CASES = sorted(Path(__file__).parent.glob("*.pbtxt"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_mistake_is_named_with_its_line(case: Path, tmp_path: Path) -> None:
    folder = tmp_path / case.stem
    folder.mkdir()
    (folder / "labels.txt").write_text("cat\ndog\n")
    path = folder / "config.pbtxt"
    path.write_bytes(case.read_bytes())

    with pytest.raises(ConfigurationError) as caught:
        config.finish(config.read(path, case.stem), folder, "python")

    expected = case.with_suffix(".txt")
    found = str(caught.value).replace(f"{tmp_path}/", "") + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(found)
    assert found == expected.read_text()
