"""A GPU that is none: memory of a device lies in files, which a double of the driver's library gives out."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "crates/memory/tests/doubles/cuda_driver.rs"
LIBRARY = "libcuda.so.1"
HANDLE_SIZE = 64
COMPILE_SECONDS = 90.0


def build_driver(folder: Path) -> Path:
    """Build the double into a folder, by the compiler that builds the extension; the folder."""
    compiler = shutil.which("rustc", path=f"{os.environ['PATH']}:{Path.home() / '.cargo' / 'bin'}")
    assert compiler, "rustc is needed, as for the extension"
    command = [compiler, "--edition=2021", "--crate-type=cdylib", "-o", folder / LIBRARY, SOURCE]
    subprocess.run(command, check=True, timeout=COMPILE_SECONDS)
    return folder


def make_handle(file: Path) -> bytes:
    """Return what the double's ``cudaIpcGetMemHandle`` would give for a file, as clients send it."""
    path = os.fsencode(file)
    assert len(path) < HANDLE_SIZE, f"a handle is too short for {file}"
    return base64.b64encode(path.ljust(HANDLE_SIZE, b"\0"))
