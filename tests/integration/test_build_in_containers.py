"""This server built in containers from one file, with the network cut, and asked for an inference.

The engine is buildah, which needs no daemon; the base is a small Debian made of what is installed here.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.images import make_deb, member
from support.road import make_source, make_whole_wheels
from support.system import lacking, make_system
from trilith.build.assembling.proof import ways
from trilith.build.image import open_image, unpack
from trilith.build.locking import read_lock, to_text
from trilith.build.locking.model import LockedDebian
from trilith.build.store import Store, digest
from trilith.cli.main import main
from trilith.native import _native

CHOSEN = ["--endpoint=http", "--endpoint=grpc", "--endpoint=metrics", "--enable=shared_memory"]
CHOSEN += ["--backend=python", "--backend=identity", "--enable-stats", "--enable-metrics"]
COPIED = ["bash", "coreutils", "tar", "sed", "grep", "mawk", "findutils", "gzip", "python3", "python3-pip"]
COPIED += ["apt", "dash", "diffutils", "passwd", "perl-base", "debianutils", "libc-bin", "hostname"]
# What the catalogue asks for, and what it comes down to; the small base says that it has them.
SAID = ["base-files", "build-essential", "ca-certificates", "coreutils", "dash", "libgcc-s1", "libstdc++6"]
SAID += ["python3", "python3-dev", "python3-pip", "python3-venv"]
ADDED = "ca-certificates"
"""A package that the base has too old a version of."""
PYTHON = "/usr/bin/python3"
ASKED = "TRILITH_TEST_CONTAINERS"


def reason() -> str:
    """Say why this cannot be shown here; empty where it can."""
    if not os.environ.get(ASKED):
        return f"images are copied whole at every step, which takes minutes; {ASKED}=1 asks for it"
    if not shutil.which("buildah") or not shutil.which("apt-get"):
        return "buildah and apt are packages of the system, and one of them is not here"
    if missing := lacking(COPIED):
        return f"the base is made of packages of this machine, which lacks {', '.join(missing)}"
    told = subprocess.run(
        [PYTHON, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    if told.stdout.strip() != str(sys.version_info[:2]):
        return "the extension of the tests is for another Python than the system's"
    return "" if os.geteuid() == 0 else "an isolation by chroot is set up as root"


pytestmark = [pytest.mark.skipif(bool(reason()), reason=reason()), pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Built:
    """What a build left."""

    folder: Path
    image: Path
    shown: str


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Path:
    """Lock for containers, fetch and bundle; then everything but the bundle goes."""
    folder = tmp_path_factory.mktemp("outside")
    base = make_system(folder / "base", COPIED, SAID)
    extension = base / "usr/share" / Path(_native.__file__).name
    shutil.copy(_native.__file__, extension)
    source = make_source(folder / "source")
    wheels = make_whole_wheels(folder / "wheels", PYTHON, f"/{extension.relative_to(base)}")
    (folder / "pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {wheels}\n")
    lock, store, out = folder / "L", folder / "store", folder / "server.tar"
    patch.setenv("PIP_CONFIG_FILE", str(folder / "pip.conf"))
    patch.delenv("PIP_FIND_LINKS", raising=False)
    words = [*CHOSEN, "--container-build", f"--cmake-dir={source}", f"--output={lock}", f"--store={store}"]
    bases = [f"--base={name}={base}" for name in ("base", "build")]
    assert main(["build", "lock", *words, *bases]) == 0
    add_package(lock, Store(store), folder)
    assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", "--quiet"]) == 0
    assert main(["build", "bundle", f"--lock={lock}", f"--store={store}", str(out)]) == 0
    for gone in (source, wheels, store, base):
        shutil.rmtree(gone)
    return out


def add_package(path: Path, store: Store, folder: Path) -> None:
    """Lock a newer version of a package than the base has."""
    package = make_deb(
        folder / "new.deb", ADDED, [(member("./usr/share/newer"), b"newer"), (member("./etc/n"), b"")]
    )
    sha256, size = digest(package), package.stat().st_size
    store.put(package, sha256, ADDED)
    locked = read_lock(path)
    assert locked.debian == (), "the base says that it has everything"
    path.write_text(to_text(replace(locked, debian=(LockedDebian(ADDED, "1.0", "all", sha256, size),))))


@pytest.fixture(scope="module")
def built(bundle: Path, tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Built:
    """Build from the bundle alone, with the network cut, and write the image as a layout."""
    place = tmp_path_factory.mktemp("inside")
    folder = place / "ein größer Bau"
    lines = ["[storage]", 'driver = "vfs"', f'graphroot = "{place}/store"', f'runroot = "{place}/run"']
    (place / "storage.conf").write_text("\n".join(lines) + "\n")
    for name, value in (
        ("CONTAINERS_STORAGE_CONF", str(place / "storage.conf")),
        ("BUILDAH_ISOLATION", "chroot"),
        ("ENGINE", "buildah"),
    ):
        patch.setenv(name, value)
    cut = ways()
    proof = ["--prove"] if cut.namespace and cut.trace else []
    words = [
        sys.executable,
        "-c",
        "import sys; from trilith.cli.main import main; sys.exit(main(sys.argv[1:]))",
    ]
    words += ["build", f"--from={bundle}", f"--build-dir={folder}", *proof]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "HEALTHCHECK is not supported" not in done.stderr
    if proof:
        assert done.stderr.count("0 network connections (strace)") == 2, done.stderr
    image = next(line for line in done.stdout.splitlines() if line.startswith("The image is "))
    subprocess.run(
        ["buildah", "push", "--quiet", image.rpartition(" ")[2], f"oci:{place}/image"],
        check=True,
        capture_output=True,
    )
    return Built(folder, place / "image", done.stderr)


def test_a_server_built_in_containers_from_one_file_answers(
    built: Built, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["build", "verify", str(built.image)])
    shown = capsys.readouterr().out
    assert status == 0, shown
    assert "endpoint.http: backend.python answered an inference" in shown
    assert "endpoint.grpc: backend.identity answered an inference" in shown


def test_the_image_holds_what_runs_and_nothing_that_builds(built: Built, tmp_path: Path) -> None:
    image = open_image(built.image)
    root = unpack(image, tmp_path / "root").root
    assert (root / "usr/share/newer").read_text() == "newer", "a locked package was installed by apt"
    present = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    assert not [path for path in present if path.startswith(("bundle", "debian", "images", "workspace"))]
    assert not [
        path
        for path in present
        if path.startswith("root/.cache") or (path.endswith(".pyc") and "/opt/" in path)
    ]
    assert not [path for path in present if path.startswith("var/lib/apt/lists/") and "Packages" in path]
    settings = image.settings
    assert settings["User"] == "trilith"
    assert ":1000:" in next(
        line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("trilith:")
    )
    assert settings["Labels"]["org.opencontainers.image.title"] == "trilith"
    variables = {line.partition("=")[0] for line in settings["Env"]}
    assert variables == {"PATH"}, "nothing of the build stays"
    lock = (root / "opt/trilith/share/trilith/trilith-build.lock").read_text()
    assert json.loads((root / "opt/trilith/share/trilith/manifest.json").read_text())["lock"]
    assert 'reference = "folder"' in lock


def test_the_files_say_where_everything_comes_from(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", f"--from={bundle}", f"--build-dir={tmp_path}/b", "--dryrun"]) == 0
    assert "time: " in capsys.readouterr().err
    buildbase = (tmp_path / "b/Dockerfile.buildbase").read_text()
    assert "FROM scratch\nADD images/build.tar /\n" in buildbase
    assert "COPY bundle /bundle\n" in buildbase
    assert "--network none" in (tmp_path / "b/docker_build").read_text()
    for name in ("Dockerfile", "Dockerfile.buildbase", "docker_build"):
        assert "http" not in (tmp_path / "b" / name).read_text().replace("http://127.0.0.1", "").replace(
            "endpoint.http", ""
        )
    with tarfile.open(tmp_path / "b/images/base.tar") as archive:
        assert "usr/bin/python3" in archive.getnames()
