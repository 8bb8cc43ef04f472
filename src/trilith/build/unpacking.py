"""Unpacks archives: nothing of them lands outside the folder, whatever they say."""

import contextlib
import posixpath
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

from trilith.build.problems import BuildError, Problem
from trilith.build.store import disk_problem


def unpack_tar(path: Path, folder: Path, name: str) -> None:
    """Unpack an archive into a folder.

    Raises:
        BuildError: it cannot be read, or something in it would land elsewhere.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(path) as archive:
            members = archive.getmembers()
            problems = [problem for member in members if (problem := _escape(member, name))]
            if problems:
                raise BuildError(problems)
            for member in members:
                member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                member.uid = member.gid = 0
                member.uname = member.gname = ""
            # Checked above; the filter is the second lock, where this Python has it.
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(folder, members, **safe)  # type: ignore[arg-type]  # noqa: S202
    except (tarfile.TarError, EOFError, OSError) as error:
        if problem := disk_problem(error, folder, name) if isinstance(error, OSError) else None:
            raise BuildError([problem]) from error
        hint = "it is cut short or damaged: fetch or copy it again"
        raise BuildError([Problem(f"cannot be unpacked: {error}", field=name, suggestion=hint)]) from error


def _escape(member: tarfile.TarInfo, name: str) -> Problem | None:
    """Say what is wrong with a member: a path, a link or a kind that has no place in sources."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        return Problem(f"holds '{member.name}', which is no file, folder or link", field=name)
    if _outside(member.name):
        return Problem(f"holds '{member.name}', which lies outside of it", field=name)
    beside = posixpath.dirname(member.name) if member.issym() else ""
    if (member.issym() or member.islnk()) and _outside(posixpath.join(beside, member.linkname)):
        return Problem(f"holds '{member.name}', a link to '{member.linkname}' outside of it", field=name)
    return None


def _outside(path: str) -> bool:
    return path.startswith("/") or posixpath.normpath(path).split("/")[0] == ".."


def unpack_wheel_tools(wheels: Path, folder: Path) -> None:
    """Unpack wheels of programs side by side: their packages into a folder, their scripts into its ``bin``.

    Raises:
        BuildError: one cannot be read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for wheel in sorted(wheels.glob("*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                for item in archive.infolist():
                    _unpack_member(archive, item, folder, wheel.name)
        except (zipfile.BadZipFile, OSError) as error:
            raise BuildError(
                [Problem(f"cannot be unpacked: {error}", field=f"wheel {wheel.name}")]
            ) from error


def _unpack_member(archive: zipfile.ZipFile, item: zipfile.ZipInfo, folder: Path, name: str) -> None:
    path = item.filename
    first, _, rest = path.partition("/")
    script = first.endswith(".data") and rest.startswith("scripts/")
    below = rest.removeprefix("scripts/") if script else path
    if _outside(below):
        raise BuildError([Problem(f"holds '{path}', which lies outside of it", field=f"wheel {name}")])
    if item.is_dir():
        return
    target = folder / "bin" / below if script else folder / below
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(archive.read(item))
    target.chmod(0o755 if script or (item.external_attr >> 16) & 0o100 else 0o644)


def unpack_wheel(wheel: Path, folder: Path) -> Path:
    """Unpack a wheel into a folder, all of it or nothing; a folder that is there is that of the same wheel.

    Raises:
        BuildError: it cannot be read, or something in it would land elsewhere.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch, zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                _unpack_member(archive, item, Path(scratch) / "wheel", wheel.name)
            with contextlib.suppress(FileExistsError):  # another build was quicker
                (Path(scratch) / "wheel").rename(folder)
    except (zipfile.BadZipFile, OSError) as error:
        raise BuildError([Problem(f"cannot be unpacked: {error}", field=f"wheel {wheel.name}")]) from error
    return folder
