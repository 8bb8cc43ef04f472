"""The floor: what one client costs a server that does nothing but answer with constant bytes.

What the system takes for a request, in time and in CPU, no server gets below as long as it sleeps in between.
"""

import shutil
import subprocess
from pathlib import Path

from benchmarks.errors import SetupError
from benchmarks.servers import Command

SOURCE = Path(__file__).with_name("floor.rs")


def build(directory: Path) -> Command:
    """Compile the server where that was not done since its source changed."""
    program = directory / "floor"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        compiler = shutil.which("rustc")
        if compiler is None:
            raise SetupError(
                "The floor is compiled by rustc, which is not on the PATH; see https://rustup.rs."
            )
        words = [compiler, "--edition=2021", "-O", "-o", str(program), str(SOURCE)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SetupError(f"rustc could not compile {SOURCE.name}:\n{done.stderr[-1000:]}")
    return Command("the floor", [str(program)])


def write_answer(path: Path, body: bytes) -> Path:
    """Write the whole answer, with a header like that of a server, and give back its path."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/octet-stream", f"Content-Length: {len(body)}"]
    path.write_bytes("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body)
    return path
