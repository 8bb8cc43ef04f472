"""Makes Python environments such as models bring with them."""

import sysconfig
import tarfile
import venv
from pathlib import Path

import numpy as np

MODULE = "only_in_this_environment"


def make_environment(folder: Path, *, numpy: bool = True) -> Path:
    """Make an environment with an interpreter and a module of its own."""
    venv.EnvBuilder(symlinks=False).create(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / f"{MODULE}.py").write_text("ANSWER = 42\n", encoding="utf-8")
    if numpy:
        elsewhere = Path(np.__file__).parents[1]
        (packages / "elsewhere.pth").write_text(f"{elsewhere}\n", encoding="utf-8")
    return folder


def pack(folder: Path, file: Path) -> Path:
    """Pack an environment as ``conda-pack`` does: its content, without a folder around it."""
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for path in ("bin/python", "lib", "pyvenv.cfg"):
            archive.add(folder / path, path)
    return file
