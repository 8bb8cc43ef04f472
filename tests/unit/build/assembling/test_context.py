"""What lies beside the Dockerfiles of a build from a bundle, and what they say of it."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.images import make_deb, make_layout, member
from trilith.build import Plan
from trilith.build.assembling.containers import engine_of
from trilith.build.assembling.context import lay_out_context
from trilith.build.files import emit
from trilith.build.locking.model import Lock, LockedDebian, LockedImage
from trilith.build.locking.roots import lock_root
from trilith.build.problems import BuildError
from trilith.build.store import Store, digest

LINE = "--backend=identity --no-core-build --enable-stats --image=base,debian:bookworm-slim"
DIGEST = f"sha256:{'1' * 64}"


def package(store: Store, folder: Path, name: str, use: str) -> LockedDebian:
    """Put a package into the store, and lock it."""
    path = make_deb(folder / f"{name}.deb", name, [(member(f"./usr/share/{name}"), name.encode())])
    sha256 = digest(path)
    store.put(path, sha256, name)
    return LockedDebian(name, "1:1.0", "all", sha256, 1, use)


def lock_of(plan: Plan, image: LockedImage, *packages: LockedDebian) -> Lock:
    return Lock("triton", plan.digest, 1_700_000_000, debian=packages, image=(image,))


def test_a_base_of_packages_is_made_of_them(planned: Callable[..., Plan], tmp_path: Path) -> None:
    store, plan = Store(tmp_path / "store"), planned(LINE)
    packages = [package(store, tmp_path, name, use) for name, use in (("runs", "run"), ("builds", "build"))]
    image = lock_root("base", "packages", "x86_64", store)
    bundled = lay_out_context(plan, lock_of(plan, image, *packages), store, tmp_path / "b")
    files = emit(plan, bundled)
    for name, there, absent in (
        (bundled.build, "builds", "etc/passwd"),
        (bundled.run, "runs", "usr/share/builds"),
    ):
        with tarfile.open(tmp_path / "b" / name.archive) as archive:
            assert f"usr/share/{there}" in archive.getnames()
            assert absent not in archive.getnames()
    assert (
        "dpkg --force-depends --force-confnew --install /debian/*.deb" in files["Dockerfile.buildbase"].text
    )
    run = files["Dockerfile"].text
    assert not [line for line in run.splitlines() if line.startswith("RUN")], (
        "nothing runs: nothing can be asked"
    )
    assert "USER triton-server" in run
    index = (tmp_path / "b/debian/Packages").read_text()
    assert "Package: runs\nVersion: 1.0\nArchitecture: all\nFilename: ./runs_1%3a1.0_all.deb\n" in index


def test_a_base_of_layers_is_one_archive_with_its_variables(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    store, plan = Store(tmp_path / "store"), planned(LINE)
    layout = make_layout(tmp_path / "layout", [[(member("usr/one"), b"1")], [(member("usr/.wh.one"), b"")]])
    image = lock_root("base", f"oci:{layout}", "x86_64", store)
    bundled = lay_out_context(plan, lock_of(plan, image), store, tmp_path / "b")
    files = emit(plan, bundled)
    with tarfile.open(tmp_path / "b/images/base.tar") as archive:
        assert archive.getnames() == []
    for name in ("Dockerfile", "Dockerfile.buildbase"):
        assert 'FROM scratch\nADD images/base.tar /\nENV PATH="/usr/bin"\nENV A="1"\n' in files[name].text
        assert "apt-get" not in files[name].text, "no package is locked: the base has them all"
    store.blob(image.layers[0]).write_bytes(b"changed")
    (tmp_path / "b/images/base.tar").unlink()
    with pytest.raises(BuildError, match="image base: a layer: changed in the store"):
        lay_out_context(plan, lock_of(plan, image), store, tmp_path / "b")


def test_a_base_that_the_engine_has_is_named_by_its_digest(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    store, plan = Store(tmp_path / "store"), planned(LINE)
    image = LockedImage("base", "host.example:5000/debian:bookworm-slim", "linux/amd64", DIGEST)
    locked = lock_of(plan, image, package(store, tmp_path, "runs", "run"))
    files = emit(plan, lay_out_context(plan, locked, store, tmp_path / "b"))
    for name in ("Dockerfile", "Dockerfile.buildbase"):
        assert f"ARG BASE_IMAGE=host.example:5000/debian@{DIGEST}\n" in files[name].text
        assert "RUN --mount=type=bind,source=debian,target=/debian" in files[name].text
        assert "SourceParts=/dev/null" in files[name].text
    assert "COPY bundle /bundle" in files["Dockerfile.buildbase"].text
    assert 'ENV GIT_CONFIG_GLOBAL="/bundle/gitconfig"' in files["Dockerfile.buildbase"].text
    assert "COPY bundle" not in files["Dockerfile"].text
    assert "pip3 install --no-index --find-links /bundle/wheels-build" in files["Dockerfile.buildbase"].text
    assert "network=(--network none)" in files["docker_build"].text
    assert "file:///bundle/not-in-the-lock/" in (tmp_path / "b/bundle/gitconfig").read_text()
    no_digest = lock_of(plan, replace(image, digest=""))
    with pytest.raises(BuildError, match="nobody knows the digest of"):
        lay_out_context(plan, no_digest, store, tmp_path / "b")


def test_packages_of_another_family_are_in_no_bundle(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned(f"{LINE} --target-platform=rhel")
    locked = lock_of(plan, LockedImage("base", "x", "linux/amd64", DIGEST))
    with pytest.raises(BuildError, match="packages of the platform rhel are in no bundle"):
        lay_out_context(plan, locked, Store(tmp_path), tmp_path / "b")


def test_an_engine_is_found_or_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ENGINE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="there is no container engine on this machine"):
        engine_of()
    for name in ("podman", "buildah"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert engine_of() == "podman"
    assert engine_of(prove=True) == "buildah"
    monkeypatch.setenv("ENGINE", "podman")
    with pytest.raises(BuildError, match="what podman does cannot be watched"):
        engine_of(prove=True)
