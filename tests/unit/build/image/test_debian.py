"""Debian packages make a base without being run."""

import tarfile
from pathlib import Path

import pytest

from support.images import EPOCH, make_deb, make_layout, member
from trilith.build.image import debian_base
from trilith.build.image.debian import unpack_all
from trilith.build.image.entries import Kind
from trilith.build.problems import BuildError


@pytest.mark.parametrize("packed", ["xz", "gz", "zst", "bz2", "tar"])
def test_packages_are_unpacked_however_they_are_packed(tmp_path: Path, packed: str) -> None:
    files = [(member("./bin/tool", mode=0o755), b"tool"), (member("./usr/share/doc/tool/changelog"), b"long")]
    path = make_deb(tmp_path / "tool.deb", "tool", files, packed)
    entries = {entry.path: entry for entry in unpack_all([path])}
    assert entries["usr/bin/tool"].source == b"tool"
    assert entries["bin"].target == "usr/bin"
    assert not any("changelog" in name for name in entries)
    status = entries["var/lib/dpkg/status.d/tool"].source
    assert status == b"Package: tool\nStatus: install ok installed\nVersion: 1.0\nArchitecture: all\n"


def test_licences_stay_and_certificates_become_one_file(tmp_path: Path) -> None:
    files = [
        (member("./usr/share/doc/certs/copyright"), b"licence"),
        (member("./usr/share/ca-certificates/m/b.crt"), b"B\n"),
        (member("./usr/share/ca-certificates/m/a.crt"), b"A\n"),
    ]
    entries = {entry.path: entry for entry in unpack_all([make_deb(tmp_path / "c.deb", "certs", files)])}
    assert entries["usr/share/doc/certs/copyright"].source == b"licence"
    assert entries["etc/ssl/certs/ca-certificates.crt"].source == b"A\nB\n"


def test_hard_links_follow_their_targets_into_usr(tmp_path: Path) -> None:
    files = [(member("./bin/a"), b"a"), (member("./bin/b", tarfile.LNKTYPE, "./bin/a"), b"")]
    entries = {entry.path: entry for entry in unpack_all([make_deb(tmp_path / "a.deb", "a", files)])}
    assert entries["usr/bin/b"].kind is Kind.HARD_LINK
    assert entries["usr/bin/b"].target == "usr/bin/a"


def test_the_order_of_packages_does_not_matter(tmp_path: Path) -> None:
    paths = [make_deb(tmp_path / f"{name}.deb", name, [(member(f"./usr/{name}"), b"x")]) for name in "ab"]
    digests = []
    for number, order in enumerate((paths, paths[::-1])):
        blobs = tmp_path / str(number)
        blobs.mkdir()
        digests.append(debian_base(order).layers(blobs, EPOCH)[0].digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "./a/../../b"])
def test_a_package_that_reaches_out_is_refused(tmp_path: Path, name: str) -> None:
    path = make_deb(tmp_path / "evil.deb", "evil", [(member(name), b"x")])
    with pytest.raises(BuildError, match="leads out of the system's root"):
        unpack_all([path])


def test_what_is_no_package_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(BuildError, match="is no Debian package"):
        unpack_all([path])
    whole = make_deb(path, "a", [(member("./usr/a"), b"x" * 4000)]).read_bytes()
    path.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(BuildError, match="is cut off"):
        unpack_all([path])


def test_a_layout_is_no_package(tmp_path: Path) -> None:
    folder = make_layout(tmp_path / "image", [])
    with pytest.raises(BuildError, match="is no Debian package"):
        unpack_all([folder / "index.json"])
