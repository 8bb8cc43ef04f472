"""The root of a small Debian system, made of what is installed on this machine; nothing is fetched for it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

_LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian|i18n|common-licenses|bash-completion)/")
_MERGED = ("bin", "lib", "lib64", "sbin")
_FOLDERS = ("etc", "root", "tmp", "var/tmp", "proc", "sys", "dev", "run", "home", "var/log")


def lacking(names: Iterable[str]) -> list[str]:
    """Return what such a root cannot be made of: packages that are not installed here."""
    return [name for name in names if not _query("${db:Status-Status}", name).startswith("installed")]


def make_system(root: Path, names: Iterable[str], said_installed: Iterable[str]) -> Path:
    """Copy packages and what they depend on, and say that others are installed besides."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for path in sorted({path for name in _closure(names) for path in _files(name)}):
        _copy(Path(path), root)
    (root / "usr/bin/awk").symlink_to("mawk")
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nshadow:x:42:\n")
    for folder in ("info", "updates", "triggers", "alternatives"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("lib/apt/lists/partial", "cache/apt/archives/partial"):
        (root / "var" / folder).mkdir(parents=True, exist_ok=True)
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nMaintainer: nobody\nArchitecture: all\n"
        f"Version: 1\nDescription: told to be there\n\n"
        for name in said_installed
    )
    (root / "var/lib/dpkg/status").write_text(status)
    for name in said_installed:
        (root / f"var/lib/dpkg/info/{name}.list").touch()
    return root


def _closure(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in found and _query("${db:Status-Status}", name).startswith("installed"):
            found.append(name)
            told = _query("${Pre-Depends}, ${Depends}", name)
            items = [item.strip() for item in told.split(",")]
            queue += [re.split(r"[ :(|]", item, maxsplit=1)[0] for item in items if item]
    return found


def _files(name: str) -> list[str]:
    done = subprocess.run(["dpkg", "-L", name], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith("/") and not _LEFT_OUT.match(line)]


def _copy(path: Path, root: Path) -> None:
    place = str(path).lstrip("/")
    first = place.partition("/")[0]
    target = root / (f"usr/{place}" if first in _MERGED else place)
    if path.is_symlink() and not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.readlink())
    elif path.is_file() and not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _query(form: str, name: str) -> str:
    words = ["dpkg-query", "--show", f"--showformat={form}\n", name]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split("\n")[0]
