"""Print the part of ``config.pbtxt`` by which a server refuses a model whose files have changed.

Usage: ``python examples/write_checksums.py examples/checked/sealed``, and put what it prints into the model's
``config.pbtxt``.
"""

import argparse
import hashlib
import sys
from pathlib import Path


def list_files(folder: Path) -> list[Path]:
    """Return the files of a model's versions, in order; those of Python's cache are none of them."""
    files = (path for path in folder.glob("*/**/*") if path.is_file())
    return sorted(path for path in files if "__pycache__" not in path.parts)


def write_block(folder: Path) -> str:
    """Write the block for all files of a model."""
    lines = ["model_repository_agents {", "  agents [", "    {", '      name: "checksum"']
    for path in list_files(folder):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f'      parameters {{ key: "SHA256:{path.relative_to(folder)}" value: "{digest}" }}')
    return "\n".join([*lines, "    }", "  ]", "}"])


def main(arguments: list[str]) -> int:
    """Print the block."""
    parser = argparse.ArgumentParser(description="Print the checksums of a model as config.pbtxt takes them.")
    parser.add_argument("folder", type=Path, help="of the model")
    folder: Path = parser.parse_args(arguments).folder
    if not list_files(folder):
        print(f"There are no files of a model in {folder}.", file=sys.stderr)
        return 1
    print(write_block(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
