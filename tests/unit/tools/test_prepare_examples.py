"""What git does not hold of the example repository."""

import json
import re
import zipfile
from pathlib import Path

import prepare_examples


def test_network_and_labels_are_taken_out_of_the_package(tmp_path: Path) -> None:
    archive = tmp_path / "magika.whl"
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr(prepare_examples.NETWORK, b"\x08\x08")
        package.writestr(prepare_examples.SETTINGS, json.dumps({"target_labels_space": ["c", "python"]}))
    prepare_examples.extract(archive, tmp_path / "magika")
    assert (tmp_path / "magika" / "1" / "model.onnx").read_bytes() == b"\x08\x08"
    assert (tmp_path / "magika" / "labels.txt").read_text() == "c\npython\n"


def test_every_package_is_pinned_by_version_and_hash() -> None:
    lines = prepare_examples.PINS.read_text().splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    for line in packages:
        assert re.fullmatch(r"[\w-]+==[\w.]+ --hash=sha256:[0-9a-f]{64}", line)
