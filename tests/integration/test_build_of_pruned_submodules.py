"""A repository with gRPC's sixteen submodules, of which the upstream catalogue's list leaves five."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.family import SITE, catalogue_of, git, make
from trilith.build import load
from trilith.cli.main import main

GRPC = "https://github.com/grpc/grpc.git"
# Path and address of each, as gRPC names them.
SUBMODULES = {
    "third_party/abseil-cpp": "https://github.com/abseil/abseil-cpp.git",
    "third_party/benchmark": "https://github.com/google/benchmark",
    "third_party/bloaty": "https://github.com/google/bloaty.git",
    "third_party/boringssl-with-bazel": "https://github.com/google/boringssl.git",
    "third_party/cares/cares": "https://github.com/c-ares/c-ares.git",
    "third_party/envoy-api": "https://github.com/envoyproxy/data-plane-api.git",
    "third_party/googleapis": "https://github.com/googleapis/googleapis.git",
    "third_party/googletest": "https://github.com/google/googletest.git",
    "third_party/libuv": "https://github.com/libuv/libuv.git",
    "third_party/opencensus-proto": "https://github.com/census-instrumentation/opencensus-proto.git",
    "third_party/opentelemetry": "https://github.com/open-telemetry/opentelemetry-proto.git",
    "third_party/protobuf": "https://github.com/protocolbuffers/protobuf.git",
    "third_party/protoc-gen-validate": "https://github.com/envoyproxy/protoc-gen-validate.git",
    "third_party/re2": "https://github.com/google/re2.git",
    "third_party/xds": "https://github.com/cncf/xds.git",
    "third_party/zlib": "https://github.com/madler/zlib",
}
INSIDE_PROTOBUF = {
    "third_party/abseil-cpp": SUBMODULES["third_party/abseil-cpp"],
    "third_party/googletest": SUBMODULES["third_party/googletest"],
    "third_party/jsoncpp": "https://github.com/open-source-parsers/jsoncpp.git",
}
# As upstream's third_party does it: cloned once, and patched afterwards.
PART = f"""
cmake_minimum_required(VERSION 3.18)
project(part NONE)
include(ExternalProject)
ExternalProject_Add(grpc-repo
  PREFIX grpc-repo
  GIT_REPOSITORY "{GRPC}"
  GIT_TAG "v1.54.3"
  SOURCE_DIR "${{CMAKE_CURRENT_BINARY_DIR}}/grpc-repo/src/grpc"
  CONFIGURE_COMMAND ""
  BUILD_COMMAND ""
  INSTALL_COMMAND ""
  PATCH_COMMAND ${{CMAKE_COMMAND}} -E touch <SOURCE_DIR>/third_party/abseil-cpp/patched)
install(DIRECTORY ${{CMAKE_CURRENT_BINARY_DIR}}/grpc-repo/src/grpc DESTINATION backends/part
  PATTERN .git* EXCLUDE)
"""


def with_submodules(repository: Path, found: dict[str, str]) -> Path:
    """Name submodules in a repository, whether they are anywhere or not."""
    text = "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in found.items())
    (repository / ".gitmodules").write_text(text)
    for path, address in found.items():
        place = repository.parent / f"{address.rpartition('/')[2].removesuffix('.git')}.git"
        link = git(place, "rev-parse", "HEAD") if place.exists() else "1" * 40
        git(repository, "update-index", "--add", "--cacheinfo", f"160000,{link},{path}")
    git(repository, "add", ".gitmodules")
    git(repository, "commit", "--quiet", "--message", "submodules")
    return repository


def catalogue(folder: Path) -> Path:
    """Write a small catalogue with the upstream catalogue's own words on gRPC."""
    tables = []
    for key in ("third_party.grpc-repo", "third_party.protobuf"):
        part = load("triton").third_party[key]
        words = {"description": part.description, "by": part.by, "address": part.address, "path": part.path}
        words |= {"inside": part.inside, "ref": part.ref, "left_out_reason": part.left_out_reason}
        lists = {"left_out": list(part.left_out), "submodules": list(part.submodules)}
        lines = [f"{name} = {json.dumps(value)}" for name, value in {**words, **lists}.items()]
        tables.append("\n".join([f"[{key}]", *lines]))
    path = folder / "pruned.toml"
    more = "\n".join(['third_party = ["third_party.grpc-repo"]', *tables])
    path.write_text(catalogue_of("pruned", "A part that clones gRPC", more))
    return path


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A selection, with mirrors of the five submodules that are used and of no other."""
    mirrors = tmp_path / "mirrors"
    mirrors.mkdir()
    for name in ("abseil-cpp", "c-ares", "googletest", "re2"):
        make(mirrors, name, {"CMakeLists.txt": f"# {name}"})
    with_submodules(make(mirrors, "protobuf", {"CMakeLists.txt": "# protobuf"}), INSIDE_PROTOBUF)
    grpc = with_submodules(make(mirrors, "grpc", {"CMakeLists.txt": "# grpc"}), SUBMODULES)
    git(grpc, "tag", "v1.54.3")
    make(mirrors, "part", {"CMakeLists.txt": PART})
    rules = [f'"{SITE}/" = "file://{mirrors}/"']
    used = load("triton").third_party["third_party.grpc-repo"].submodules
    addresses = [GRPC, *(SUBMODULES[path] for path in used)]
    rules += [f'"{address}" = "file://{mirrors}/{address.rpartition("/")[2]}"' for address in addresses]
    rules.append('"https://github.com/" = "file:///nowhere/"')
    (tmp_path / "mirrors.toml").write_text("[git]\n" + "\n".join(rules) + "\n")
    selection = ["--no-core-build", "--no-container-build", "--backend=part"]
    return [f"--catalogue={catalogue(tmp_path)}", *selection, f"--mirrors={tmp_path}/mirrors.toml"]


def present(root: Path) -> set[str]:
    return {str(path.parent.relative_to(root)) for path in root.rglob("CMakeLists.txt")} - {"."}


USED = {"third_party/abseil-cpp", "third_party/cares/cares", "third_party/googletest"}
USED |= {"third_party/protobuf", "third_party/re2"}


@pytest.mark.usefixtures("cmake_of_the_environment")
def test_five_of_sixteen_are_cloned_and_stay_as_they_are(tmp_path: Path, words: list[str]) -> None:
    folder = tmp_path / "build"
    assert main(["build", *words, f"--build-dir={folder}", "--dryrun"]) == 0
    environment = {**os.environ, "FORCE_CLONE": "0"}
    for _ in ("the first time", "once more: the update step leaves them alone"):
        command = [str(folder / "cmake_build")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        root = folder / "opt" / "server" / "backends" / "part" / "grpc"
        assert present(root) == USED
        assert (root / "third_party" / "abseil-cpp" / "patched").is_file()


@pytest.mark.usefixtures("cmake_of_the_environment")
def test_a_submodule_that_went_missing_is_completed(tmp_path: Path, words: list[str]) -> None:
    folder = tmp_path / "build"
    assert main(["build", *words, f"--build-dir={folder}", "--dryrun"]) == 0
    command = [str(folder / "cmake_build")]
    subprocess.run(command, capture_output=True, check=True)
    clone = folder / "backend-part" / "build" / "grpc-repo" / "src" / "grpc"
    shutil.rmtree(clone / "third_party" / "re2")
    subprocess.run(command, capture_output=True, check=True)
    assert present(clone) == USED


def test_the_lock_holds_the_five_and_says_why_not_the_others(tmp_path: Path, words: list[str]) -> None:
    lock = tmp_path / "L"
    assert main(["build", "lock", *words, f"--output={lock}", f"--store={tmp_path}/store"]) == 0
    text = lock.read_text()
    assert text.count("[[submodule]]") == len(USED)
    assert "gRPC's CMake takes zlib and OpenSSL from the system here" in text
    assert 'left_out = ["third_party/abseil-cpp", "third_party/googletest", "third_party/jsoncpp"]' in text
