"""What a whole build of this server needs, without a compiler or a network: real sources, and small wheels.

The extension is the one that the tests themselves run with; what the server requires of Python is hollow: its
modules can be found, and hand over to those that are installed.
"""

import base64
import hashlib
import shutil
import sys
import zipfile
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import trilith
from trilith.native import _native

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {"numpy": "numpy", "protobuf": "google.protobuf"}
_CARGO_LOCK = 'version = 4\n[[package]]\nname = "trilith-bridge"\nversion = "0.1.0"\n'
_HAND_OVER = """
import importlib, sys
from pathlib import Path
here, kept = Path(__file__).resolve().parents[{depth}], sys.path[:]
sys.path[:] = [place for place in kept if Path(place).resolve() != here]
del sys.modules[__name__]
importlib.import_module(__name__)
sys.path[:] = kept
"""
_MATURIN = """#!{python}
# Makes the wheel of a source tree with an extension that is compiled already.
import sys, tomllib, zipfile
from pathlib import Path
given = dict(zip(sys.argv[1:], sys.argv[2:]))
source = Path(given["--manifest-path"]).parents[2]
project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
about = "trilith-{version}.dist-info"
lines = [f"Metadata-Version: 2.1\\nName: trilith\\nVersion: {version}"]
lines += [f"Requires-Dist: {{one}}" for one in project["dependencies"]]
files = {{f"{{about}}/METADATA": "\\n".join(lines) + "\\n"}}
files[f"{{about}}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: false\\nTag: py3-none-any\\n"
points = {{"console_scripts": project["scripts"], **project["entry-points"]}}
files[f"{{about}}/entry_points.txt"] = "".join(
    f"[{{group}}]\\n" + "".join(f"{{name}} = {{to}}\\n" for name, to in sorted(table.items()))
    for group, table in points.items()
)
Path(given["--out"]).mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(Path(given["--out"]) / "trilith-{version}-py3-none-any.whl", "w") as archive:
    for path in filter(Path.is_file, sorted((source / "src").rglob("*"))):
        files[path.relative_to(source / "src").as_posix()] = path.read_bytes()
    files["trilith/native/{extension}"] = Path({place!r}).read_bytes()
    files[f"{{about}}/RECORD"] = "".join(f"{{name}},,\\n" for name in [*files, f"{{about}}/RECORD"])
    for name, content in files.items():
        archive.writestr(name, content)
"""


def make_source(root: Path) -> Path:
    """Lay out the sources of this server, with nothing for cargo to do."""
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    shutil.copytree(Path(trilith.__file__).parent, root / "src" / "trilith", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "Cargo.lock").write_text(_CARGO_LOCK)
    (root / "crates/bridge").mkdir(parents=True)
    (root / "crates/bridge/Cargo.toml").write_text('[package]\nname = "trilith-bridge"\n')
    return root


def make_wheels(folder: Path) -> Path:
    """Write a maturin and what the server requires."""
    folder.mkdir()
    _maturin(folder, sys.executable, Path(_native.__file__))
    for name, module in REQUIRED.items():
        _wheel(folder, name, "99.0", _hollow(module))
    return folder


def make_whole_wheels(folder: Path, python: str, extension: str) -> Path:
    """Write the same for another root: what the server requires is whole there.

    Args:
        folder: for the wheels.
        python: of that root.
        extension: where the extension of the tests lies in it.
    """
    folder.mkdir()
    _maturin(folder, python, Path(extension))
    for name in REQUIRED:
        found = distribution(name)
        pieces = [item for item in found.files or () if ".." not in item.parts and "tests" not in item.parts]
        target = folder / f"{name}-{found.version}-py3-none-any.whl"
        with zipfile.ZipFile(target, "w") as archive:
            for piece in pieces:
                if piece.suffix != ".pyc" and Path(str(piece.locate())).is_file():
                    archive.write(str(piece.locate()), piece.as_posix())
    return folder


def _maturin(folder: Path, python: str, extension: Path) -> None:
    maturin = _MATURIN.format(
        python=python, version=trilith.__version__, extension=extension.name, place=str(extension)
    )
    _wheel(folder, "maturin", "1.9.0", {"maturin-1.9.0.data/scripts/maturin": maturin})


def _hollow(module: str) -> dict[str, str]:
    """Return the modules of a package as empty files; the package itself hands over to the real one."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    place, below = Path(spec.origin).parent, module.replace(".", "/")
    files = {
        f"{below}/{path.relative_to(place).as_posix()}": ""
        for path in sorted(place.rglob("*.py"))
        if "tests" not in path.parts
    }
    files |= {f"{below}/core/lib/static.a": "", f"{below}/core/lib/static.pc": ""}
    files |= {f"{below}/tests/__init__.py": "", f"{below}/core/tests/test_one.py": "assert 1\n"}
    return files | {f"{below}/__init__.py": _HAND_OVER.format(depth=below.count("/") + 1)}


def _wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    about = f"{name}-{version}.dist-info"
    texts = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    record = "".join(f"{path},{_hash(text)},{len(text.encode())}\n" for path, text in texts.items())
    texts[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
