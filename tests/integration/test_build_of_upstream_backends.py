"""The real C++ backend `identity`, built from a bundle with the network cut and loaded by the real Triton."""

import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from benchmarks.peers import locate

from support.server import wait_until
from trilith.build.assembling.proof import ways
from trilith.cli.main import main

GOOGLETEST = "9406a60c7839052e4944ea4dbc8344762a89f9bd"
RELEASE = "24.10"
"""The release of the Triton among the peers."""
CONFIGURATION = """
backend: "identity"
input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
"""


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    """Rules that send everything to the mirrors of this machine."""
    folder = Path(os.environ["TRILITH_TRITON_MIRRORS"])
    found = {path.name.partition("+")[2]: path / "repo" for path in folder.glob("triton-inference-server+*")}
    links = tmp_path / "mirrors"
    links.mkdir()
    for name, place in found.items():
        (links / f"{name}.git").symlink_to(place)
    archive = ["git", f"--git-dir={folder}/google+googletest/repo", "archive", "--format=zip"]
    words = [*archive, f"--prefix=googletest-{GOOGLETEST}/", f"--output={links}/{GOOGLETEST}.zip", GOOGLETEST]
    subprocess.run(words, check=True)
    rules = tmp_path / "mirrors.toml"
    rules.write_text(
        f'[git]\n"https://github.com/triton-inference-server/" = "file://{links}/"\n'
        f'[archives]\n"https://github.com/google/googletest/archive/" = "file://{links}/"\n'
    )
    return rules


def free_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return int(server.getsockname()[1])


def answer(backends: Path, repository: Path, log: Path) -> dict[str, object]:
    """Start the real Triton on a folder of backends, and ask it once."""
    peers = locate(Path(__file__).parents[2])
    ports = {name: free_port() for name in ("http", "grpc", "metrics")}
    words = [
        *peers.triton_command()[:1],
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
    ]
    words += [f"--{name}-port={port}" for name, port in ports.items()]
    environment = peers.triton_environment()
    # In the wheel the library has another name than the one that backends are linked with.
    (library,) = (peers.packages / "nvidia_pytriton.libs").glob("libtritonserver-*.so")
    (log.parent / "libtritonserver.so").symlink_to(library)
    environment["LD_LIBRARY_PATH"] += f"{os.pathsep}{log.parent}"
    address = f"http://127.0.0.1:{ports['http']}/v2"
    with log.open("w") as file:
        triton = subprocess.Popen(words, env=environment, stderr=file)
        try:
            wait_until(lambda: triton.poll() is not None or ready(address), "the real Triton", 120)
            assert triton.poll() is None, log.read_text()
            tensor = {"name": "INPUT0", "shape": [3], "datatype": "INT32", "data": [1, 2, 3]}
            body = json.dumps({"inputs": [tensor]}).encode()
            with urllib.request.urlopen(f"{address}/models/same/infer", body, timeout=60) as told:  # noqa: S310
                return dict(json.load(told))
        finally:
            triton.terminate()
            triton.wait(timeout=60)


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=5):  # noqa: S310  on this machine
            return True
    except OSError:
        return False


@pytest.mark.skipif(
    not {"TRILITH_TRITON_MIRRORS", "TRILITH_PEERS"} <= set(os.environ) or not shutil.which("c++"),
    reason="TRILITH_TRITON_MIRRORS or TRILITH_PEERS names no folder, or there is no C++ compiler",
)
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("cmake_of_the_environment")
def test_the_real_backend_is_built_without_a_network_and_loaded_by_the_real_server(
    tmp_path: Path, mirrors: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, store, bundle, folder = (tmp_path / name for name in ("L", "store", "out.tar", "build"))
    words = ["--catalogue=triton", "--no-core-build", "--no-container-build", "--backend=identity"]
    words += [f"--container-version={RELEASE}", "--enable-stats", "--enable-metrics"]
    rules = f"--mirrors={mirrors}"
    assert main(["build", "lock", *words, rules, f"--output={lock}", f"--store={store}"]) == 0
    assert main(["build", "fetch", f"--lock={lock}", f"--to={store}", rules, "--quiet"]) == 0
    assert main(["build", "bundle", f"--lock={lock}", f"--store={store}", str(bundle)]) == 0
    prove = ["--prove"] if ways().namespace or ways().trace else []
    given = ["build", "--from", str(bundle), f"--build-dir={folder}", "--quiet"]
    status = main([*given, *prove])
    assert status == 0, capsys.readouterr().err
    log = folder / "build.log"
    assert "Building CXX object" in log.read_text()
    assert main(given) == 0
    assert not re.search("Building|Linking", log.read_text()), "what is there is not built again"
    repository = tmp_path / "models"
    (repository / "same" / "1").mkdir(parents=True)
    (repository / "same" / "config.pbtxt").write_text(CONFIGURATION)
    told = answer(folder / "opt" / "tritonserver" / "backends", repository, tmp_path / "triton.log")
    assert told["outputs"] == [{"name": "OUTPUT0", "datatype": "INT32", "shape": [3], "data": [1, 2, 3]}]
