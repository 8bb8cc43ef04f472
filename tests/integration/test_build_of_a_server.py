"""A small server like this one: locked, bundled, built offline with what was chosen, and moved."""

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.family import commit, make
from trilith.build.result import read_manifest
from trilith.cli.main import main

CATALOGUE = """
[catalogue]
name = "small"
description = "A small server"
builder = "wheel"
version = "1.0"
main = "core.server"
containers = false
build_types = ["Release", "Debug"]
platforms = ["linux"]
machines = ["x86_64", "aarch64"]
root = "/opt/small"
[core.server]
description = "The server"
build = "wheel"
python_requirements = ["needed"]
[endpoint.door]
description = "How it is reached"
build = "wheel"
requires = ["core.server"]
[backend.one]
description = "Chosen"
build = "wheel"
requires = ["core.server"]
native_features = ["one"]
folder = "small/bricks/one"
[backend.two]
description = "Not chosen"
build = "wheel"
requires = ["core.server"]
native_features = ["two"]
folder = "small/bricks/two"
python_requirements = ["absent"]
"""
PYPROJECT = """
[build-system]
requires = ["maturin"]
build-backend = "maturin"
[project]
name = "small"
version = "1.0"
[project.entry-points."small.bricks"]
"backend.one" = "small.bricks.one"
"backend.two" = "small.bricks.two"
[tool.maturin]
manifest-path = "crates/bridge/Cargo.toml"
python-source = "src"
bindings = "bin"
"""
BRIDGE = """
[package]
name = "bridge"
version = "1.0.0"
edition = "2021"
[features]
extension-module = []
one = []
two = []
[dependencies]
leaf = "1"
[profile.dev]
debug = false
"""
LOCK = """
version = 4
[[package]]
name = "bridge"
version = "1.0.0"
dependencies = ["leaf"]
[[package]]
name = "leaf"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{sha256}"
"""
PROGRAM = 'fn main() { leaf::say(); if cfg!(feature = "two") { panic!() } }\n'
SERVER = "import needed\ndef main():\n    print(needed.WORD, __file__)\n"


def crate() -> bytes:
    """Make a crate as a registry has it."""
    files = {
        "leaf-1.0.0/Cargo.toml": '[package]\nname = "leaf"\nversion = "1.0.0"\nedition = "2021"\n',
        "leaf-1.0.0/src/lib.rs": "pub fn say() {}\n",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            about = tarfile.TarInfo(name)
            about.size = len(text)
            archive.addfile(about, io.BytesIO(text.encode()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def wheel(folder: Path, name: str, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.9.0.dist-info"
    texts = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.9.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    texts[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*texts, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.9.0-py3-none-any.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree, and this machine's pip and cargo told where everything is: nowhere but here."""
    maturin = shutil.which("maturin", path=str(Path(sys.executable).parent)) or shutil.which("maturin")
    wheel(
        tmp_path / "wheels",
        "maturin",
        {"maturin-1.9.0.data/scripts/maturin": f'#!/bin/sh\nexec {maturin} "$@"\n'},
    )
    wheel(tmp_path / "wheels", "needed", {"needed.py": 'WORD = "here"\n'})
    (tmp_path / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {tmp_path}/wheels\n")
    cache = tmp_path / "cargo" / "registry" / "cache" / "somewhere"
    cache.mkdir(parents=True)
    (cache / "leaf-1.0.0.crate").write_bytes(crate())
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo"))
    monkeypatch.delenv("CARGO_TARGET_DIR", raising=False)
    monkeypatch.setenv("TRILITH_STORE", str(tmp_path / "store"))
    (tmp_path / "small.toml").write_text(CATALOGUE)
    folder = tmp_path / "tree.git"
    for name in ("crates/bridge/src", "src/small/bricks/one", "src/small/bricks/two"):
        (folder / name).mkdir(parents=True)
    return make(
        tmp_path,
        "tree",
        {
            "pyproject.toml": PYPROJECT,
            "Cargo.toml": '[workspace]\nmembers = ["crates/bridge"]\nresolver = "2"\n',
            "Cargo.lock": LOCK.format(sha256=hashlib.sha256(crate()).hexdigest()),
            "crates/bridge/Cargo.toml": BRIDGE.partition("[profile")[0],
            "crates/bridge/src/main.rs": PROGRAM,
            "src/small/__init__.py": SERVER,
            "src/small/bricks/__init__.py": "",
            "src/small/bricks/one/__init__.py": "",
            "src/small/bricks/two/__init__.py": "",
        },
    )


def test_a_server_is_built_from_a_bundle_with_what_was_chosen(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, out, build = tmp_path / "L", tmp_path / "out.tar", tmp_path / "ein größer Bau"
    words = [
        f"--catalogue={tmp_path}/small.toml",
        "--backend=one",
        "--endpoint=door",
        f"--cmake-dir={source}",
        "--build-type=Debug",
    ]
    assert main(["build", "lock", *words, f"--output={lock}"]) == 0
    assert main(["build", "lock", *words, f"--output={lock}", "--check"]) == 0
    assert main(["build", "fetch", f"--lock={lock}", f"--to={tmp_path}/S", "--quiet"]) == 0
    assert main(["build", "bundle", f"--lock={lock}", f"--store={tmp_path}/S", str(out)]) == 0
    for gone in ("wheels", "S", "store", "tree.git", "cargo"):
        shutil.rmtree(tmp_path / gone)
    status = main(["build", f"--from={out}", f"--build-dir={build}", "--quiet"])
    assert status == 0, capsys.readouterr().err
    again = tmp_path / "another"
    assert main(["build", f"--from={out}", f"--build-dir={again}", "--quiet"]) == 0
    first, second = (folder / "opt" / "small" for folder in (build, again))
    assert read_manifest(first) == read_manifest(second), "a result does not depend on where it is made"
    root = (build / "opt" / "small").rename(tmp_path / "moved elsewhere")
    manifest = read_manifest(root)
    paths = {file.path: file for file in manifest.files}
    assert not [path for path in paths if "two" in path], "what was not chosen leaves no file"
    assert "backend.two" not in "".join(
        (root / path).read_text() for path in paths if path.endswith("entry_points.txt")
    )
    below = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    assert paths[f"{below}/small/bricks/one/__init__.py"].brick == "backend.one"
    assert paths[f"{below}/small/__init__.py"].brick == "core.server"
    assert (paths[f"{below}/needed.py"].brick, paths[f"{below}/needed.py"].package) == (
        "core.server",
        "needed",
    )
    assert json.loads((root / "share/trilith/plan.json").read_text())["catalogue"] == "small"
    program = ["-c", "import small; small.main()"]
    done = subprocess.run(
        [sys.executable, *program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": root / below},
    )
    assert done.stdout.startswith(f"here {root}")


def test_a_build_that_runs_again_does_what_changed(source: Path, tmp_path: Path) -> None:
    lock, store, build = tmp_path / "L", tmp_path / "S", tmp_path / "build"
    words = [f"--catalogue={tmp_path}/small.toml", "--backend=one", "--endpoint=door", "--build-type=Debug"]

    def built() -> tuple[list[str], int]:
        """Lock what there is and build it; what was compiled, and which result it is."""
        lock.unlink(missing_ok=True)
        told = [*words, f"--cmake-dir={source}", f"--output={lock}", f"--store={store}"]
        assert main(["build", "lock", *told]) == 0
        assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", "--quiet"]) == 0
        given = [f"--lock={lock}", f"--store={store}", f"--build-dir={build}", "--quiet"]
        assert main(["build", *given]) == 0
        said = (line.split() for line in (build / "build.log").read_text().splitlines())
        compiled = sorted(line[1] for line in said if line[:1] == ["Compiling"])
        return compiled, (build / "opt" / "small").stat().st_ino

    def change(path: str, text: str) -> None:
        (source / path).write_text(text)
        commit(source)

    compiled, first = built()
    assert compiled == ["bridge", "leaf"]
    assert built() == ([], first), "nothing is compiled, nothing is installed"
    change("src/small/__init__.py", SERVER + "# another\n")
    compiled, second = built()
    assert compiled == []
    assert second != first
    change("crates/bridge/src/main.rs", PROGRAM + "// another\n")
    compiled, _ = built()
    assert compiled == ["bridge"]
