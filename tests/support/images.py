"""Small results, packages and images to write and to read."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import zstandard

from trilith.build.image import Settings
from trilith.build.result import ResultFile, ResultManifest, write_manifest

EPOCH = 1_700_000_000
FILES = {
    "bin/serve": ("core.server", b"#!/bin/sh\necho served\n"),
    "lib/server.py": ("core.server", b"serve = 1\n"),
    "lib/parts/one.py": ("backend.one", b"one = 1\n"),
    "lib/parts/gr\xc3\xb6\xc3\x9fe two.py": ("backend.two", b"two = 2\n"),
}


def make_result(root: Path, files: Mapping[str, tuple[str, bytes]] = FILES) -> ResultManifest:
    """Write a result: files by path, each with its brick."""
    told = []
    for name, (brick, data) in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        executable = data.startswith((b"#!", b"\x7fELF"))
        path.chmod(0o755 if executable else 0o644)
        digest = hashlib.sha256(data).hexdigest()
        told.append(ResultFile(name, digest, len(data), brick, executable=executable))
    bricks = tuple(dict.fromkeys(brick for brick, _ in files.values()))
    manifest = ResultManifest("small", "1.0", "plan", bricks=bricks, files=tuple(sorted(told)))
    write_manifest(root, manifest)
    return manifest


def settings(**more: object) -> Settings:
    """How a small image is run."""
    values = {
        "name": "small",
        "version": "1.0",
        "root": "/opt/small",
        "user": "small",
        "command": ("serve",),
        "machine": "x86_64",
        "epoch": EPOCH,
        "labels": {"a": "b"},
        **more,
    }
    return Settings(**values)  # type: ignore[arg-type]


def tar_bytes(members: Sequence[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """Make an archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """Make a member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def make_layout(folder: Path, layers: Sequence[Sequence[tuple[tarfile.TarInfo, bytes]]]) -> Path:
    """Write an OCI layout with whatever layers, hostile ones too."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(data: bytes) -> dict[str, object]:
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    stored = [store(tar_bytes(layer)) for layer in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin", "A=1"], "Labels": {"from": "base"}},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in stored]},
    }
    manifest = {"schemaVersion": 2, "config": store(json.dumps(config).encode()), "layers": stored}
    index = {"schemaVersion": 2, "manifests": [store(json.dumps(manifest).encode())]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def make_deb(
    path: Path, name: str, members: Sequence[tuple[tarfile.TarInfo, bytes]], packed: str = "xz"
) -> Path:
    """Write a Debian package."""
    control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\n".encode()
    data = tar_bytes(members, "w" if packed in ("zst", "tar") else f"w:{packed}")
    if packed == "zst":
        data = zstandard.ZstdCompressor().compress(data)
    suffix = "" if packed == "tar" else f".{packed}"
    pieces = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tar_bytes([(member("./control"), control)], "w:gz"),
        f"data.tar{suffix}": data,
    }
    content = b"!<arch>\n"
    for title, piece in pieces.items():
        content += f"{title:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(piece):<10}`\n".encode() + piece
        content += b"\n" * (len(piece) % 2)
    path.write_bytes(content)
    return path
