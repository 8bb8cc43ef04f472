"""Images as skopeo, podman, Docker and buildah see them.

They come with the system and not with pip, so that the set-up of the tests cannot bring them. What they find
is held without them too, in ``tests/unit/build/image``.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.results import make_server
from support.server import wait_until
from trilith.build.image import open_image, unpack
from trilith.cli.main import main


def run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is a package of the system and not here")
@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_skopeo_reads_what_was_written(tmp_path: Path, kind: str) -> None:
    root = make_server(tmp_path / "result")
    image = tmp_path / "image"
    assert main(["build", "image", str(root), "--base=none", f"--output={kind}:{image}"]) == 0
    told = json.loads(run("skopeo", "inspect", "--config", f"{kind}:{image}"))
    assert told["config"]["User"] == "1000:1000"
    run("skopeo", "copy", "--quiet", f"{kind}:{image}", f"oci:{tmp_path}/copied:latest")
    assert main(["build", "verify", "--static", f"{tmp_path}/copied"]) == 0


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is a package of the system and not here")
@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_podman_takes_what_was_written(tmp_path: Path, kind: str) -> None:
    root = make_server(tmp_path / "result")
    image = tmp_path / "image"
    assert main(["build", "image", str(root), "--base=none", f"--output={kind}:{image}"]) == 0
    with tempfile.TemporaryDirectory() as short:  # podman takes no long path for what it runs with
        places = ["--root", tmp_path / "store", "--runroot", short]
        podman = ["podman", *places, "--storage-driver", "vfs"]
        if kind == "oci":
            name = run(*podman, "pull", "--quiet", f"oci:{image}").strip()
        else:
            name = run(*podman, "load", "--quiet", "--input", image).strip().rpartition(" ")[2]
        told = json.loads(run(*podman, "image", "inspect", name))[0]
        run(*podman, "save", "--quiet", "--format=docker-archive", f"--output={tmp_path}/saved", name)
    assert told["User"] == "1000:1000"
    assert told["Config"]["Cmd"] == ["trilith", "serve", "/models"]
    assert told["Labels"]["org.opencontainers.image.title"] == "trilith"
    assert main(["build", "verify", "--static", f"{tmp_path}/saved"]) == 0


@contextmanager
def docker_daemon() -> Iterator[list[str]]:
    """Run a daemon of Docker's by itself, without a network; what its client is called with."""
    with tempfile.TemporaryDirectory() as short:  # sockets have no long names
        client = ["docker", "--host", f"unix://{short}/socket"]
        places = [f"--data-root={short}/data", f"--exec-root={short}/run", f"--pidfile={short}/pid"]
        network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        words = ["dockerd", "--host", client[-1], *places, *network, "--storage-driver=vfs"]
        with Path(short, "log").open("wb") as log:
            daemon = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            wait_until(
                lambda: (
                    subprocess.run([*client, "version"], capture_output=True, check=False).returncode == 0
                ),
                "Docker's daemon to answer",
            )
            yield client
        finally:
            daemon.terminate()
            daemon.wait()


@pytest.mark.skipif(
    not (shutil.which("docker") and shutil.which("dockerd") and os.geteuid() == 0),
    reason="Docker and its daemon are packages of the system and not here, or this is not root",
)
def test_docker_loads_what_was_written(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result")
    image = tmp_path / "image"
    assert main(["build", "image", str(root), "--base=none", f"--output=docker-archive:{image}"]) == 0
    with docker_daemon() as docker:
        name = run(*docker, "load", "--quiet", "--input", image).strip().rpartition(" ")[2]
        told = json.loads(run(*docker, "image", "inspect", name))[0]
        run(*docker, "save", f"--output={tmp_path}/saved", name)
    assert told["Config"]["User"] == "1000:1000"
    assert told["Config"]["Cmd"] == ["trilith", "serve", "/models"]
    assert told["Config"]["Labels"]["org.opencontainers.image.title"] == "trilith"
    assert main(["build", "verify", "--static", f"{tmp_path}/saved"]) == 0


@pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is a package of the system and not here")
def test_buildah_builds_an_emitted_dockerfile(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    words = ["--preset=minimal", "--container-build", "--dryrun", "--quiet", f"--build-dir={folder}"]
    assert main(["build", *words]) == 0
    (folder / "ci").mkdir()
    (folder / "ci" / "probe").write_text("here")
    base = tmp_path / "base"
    root = make_server(tmp_path / "result")
    assert main(["build", "image", str(root), "--base=none", f"--output=oci:{base}"]) == 0
    store = ["--root", tmp_path / "store", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    file = folder / "Dockerfile.cibase"
    more = [
        "--isolation",
        "chroot",
        "--build-arg",
        f"BASE_IMAGE=oci:{base}",
        "--tag",
        "built",
        "--file",
        file,
    ]
    run("buildah", *store, "bud", *more, folder)
    run("buildah", *store, "push", "--quiet", "built", f"oci:{tmp_path}/pushed")
    built = unpack(open_image(tmp_path / "pushed"), tmp_path / "root").root
    assert (built / "workspace/probe").read_text() == "here"
    assert (built / "opt/trilith/bin/trilith").is_file()
