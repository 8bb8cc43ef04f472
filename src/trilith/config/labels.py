"""Names of classes, one per line of a label file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trilith.config.findings import Findings
from trilith.config.spelling import suggest


def read_labels(
    directory: Path, output: Mapping[str, Any], field: str, findings: Findings
) -> tuple[str, ...]:
    """Return the labels of an output by index; none where it has no label file.

    Args:
        directory: of the model.
        output: a ``ModelOutput``.
        field: its path.
        findings: where a file that cannot be read is noted.
    """
    name = output.get("label_filename", "")
    if not name:
        return ()
    path = directory / name
    place = f"{field}.label_filename"
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        beside = [found.name for found in directory.iterdir()] if directory.is_dir() else []
        findings.add(place, f"there is no label file '{path}'", suggest(name, beside))
        return ()
    except (OSError, ValueError) as error:
        findings.add(place, f"label file '{path}' cannot be read: {error}")
        return ()
    return tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")) if text else ()
