"""The machine on which figures were taken, in words."""

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path


def describe(root: Path) -> dict[str, str]:
    """Processor, cores, memory, kernel, load at the start, and the commit that was measured."""
    return {
        "processor": processor(Path("/proc/cpuinfo").read_text()),
        "cores": str(os.cpu_count()),
        "memory": memory(Path("/proc/meminfo").read_text()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
        "commit": commit(root),
    }


def processor(cpuinfo: str) -> str:
    """Read the model name in the text of /proc/cpuinfo."""
    return _field(cpuinfo, "model name") or platform.processor() or "unknown"


def memory(meminfo: str) -> str:
    """Read the total memory in the text of /proc/meminfo, in GiB."""
    total = _field(meminfo, "MemTotal")
    return f"{int(total.split()[0]) / 2**20:.1f} GiB" if total else "unknown"


def commit(root: Path) -> str:
    """Name the commit of the working tree, marked where files have changed since."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def slug(description: Mapping[str, str]) -> str:
    """Make a short name of the machine that can stand in a file's name."""
    words = f"{description['processor']} {description['cores']} cores".lower()
    kept = "".join(letter if letter.isalnum() else " " for letter in words)
    return "-".join(word for word in kept.split() if word not in {"r", "tm", "cpu", "processor"})


def _field(text: str, name: str) -> str | None:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
