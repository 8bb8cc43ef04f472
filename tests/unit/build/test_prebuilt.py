"""Components that are handed over are looked at before anything is built."""

import zipfile
from pathlib import Path

import pytest

from support.elf import make_library
from trilith.cli.main import main

WORDS = ["build", "--catalogue=triton", "--no-container-build", "--no-core-build", "--dryrun", "-q"]


def runtime(root: Path, version: str = "1.19.2", machine: str = "x86_64", **more: object) -> Path:
    """Lay out ONNX Runtime as its releases have it."""
    library = root / "lib" / f"libonnxruntime.so.{version}"
    make_library(
        library, soname="libonnxruntime.so.1", machine=machine, needed=["libown.so"], search="$ORIGIN"
    )
    make_library(root / "lib/libown.so", machine=machine, **more)  # type: ignore[arg-type]
    (root / "lib/libonnxruntime.so.1").symlink_to(library.name)
    (root / "lib/libonnxruntime.so").symlink_to(library.name)
    (root / "include").mkdir()
    (root / "include/onnxruntime_c_api.h").write_text("// C\n")
    (root / "VERSION_NUMBER").write_text(f"{version}\n")
    return root


def build(tmp_path: Path, *words: str) -> tuple[int, str]:
    folder = tmp_path / "a build"
    status = main([*WORDS, f"--build-dir={folder}", "--target-machine=x86_64", *words])
    script = (folder / "cmake_build").read_text() if status == 0 else ""
    return status, script.replace("\\\n    ", "")  # long commands stand on several lines


def test_cmake_is_told_and_libraries_are_copied(tmp_path: Path) -> None:
    place = runtime(tmp_path / "größe of it")
    words = ["--backend=onnxruntime", f"--component=onnxruntime={place}", "--ort-version=1.19.2"]
    status, script = build(tmp_path, *words)
    assert status == 0
    assert f"'-DTRITON_ONNXRUNTIME_INCLUDE_PATHS:PATH={place}/include'" in script
    assert f"'-DTRITON_ONNXRUNTIME_LIB_PATHS:PATH={place}/lib'" in script
    for name in ("libonnxruntime.so.1.19.2", "libonnxruntime.so.1", "libown.so"):
        assert f"copy '{place}/lib' {name} \"$INSTALL_DIR\"/backends/onnxruntime" in script


def test_the_words_of_cmake_do_as_well(tmp_path: Path) -> None:
    place = runtime(tmp_path / "ort")
    text = f"--component=onnxruntime:TRITON_ONNXRUNTIME_LIB_PATHS:PATH={place}/lib"
    status, script = build(tmp_path, "--backend=onnxruntime", text, "--ort-version=1.19.2")
    assert status == 0
    assert f"-DTRITON_ONNXRUNTIME_LIB_PATHS:PATH={place}/lib" in script


def test_no_container_is_started_and_nothing_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS[1:4], "--backend=onnxruntime", "--ort-version=1.19.2", "--target-machine=x86_64"]
    assert main(["build", "plan", *words]) == 0
    before = capsys.readouterr().out
    assert "starts containers of its own" in before
    assert main(["build", "plan", *words, f"--component=onnxruntime={runtime(tmp_path / 'ort')}"]) == 0
    after = capsys.readouterr().out
    assert "starts containers of its own" not in after
    assert "microsoft/onnxruntime" in before
    assert "microsoft/onnxruntime" not in after


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({"machine": "aarch64"}, "is for aarch64, and x86_64 is built for"),
        ({"version": "1.2.3"}, "is version 1.2.3, and 1.19.2 is built for"),
        ({"needed": ["libodd.so.7"]}, "needs libodd.so.7, which is not here"),
        ({"needed": ["libgfortran.so.99"]}, "needs libgfortran.so.99, which is not here"),
    ],
)
def test_what_will_not_do_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: dict[str, object], expected: str
) -> None:
    place = runtime(tmp_path / "ort", **broken)  # type: ignore[arg-type]
    words = ["--backend=onnxruntime", f"--component=onnxruntime={place}", "--ort-version=1.19.2"]
    assert build(tmp_path, *words)[0] == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "a build").exists()


def test_headers_and_libraries_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--backend=onnxruntime", f"--component=onnxruntime={tmp_path}"]
    assert build(tmp_path, *words)[0] == 2
    shown = capsys.readouterr().err
    assert "holds no header onnxruntime_c_api.h" in shown
    assert "holds no libonnxruntime.so" in shown


def test_a_wheel_that_only_runs_it_holds_no_headers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_library(tmp_path / "ort/onnxruntime/capi/libonnxruntime.so.1.19.2")
    wheel = zipped(tmp_path / "ort.whl", tmp_path / "ort")
    words = ["--backend=onnxruntime", f"--component=onnxruntime={wheel}", "--ort-version=1.19.2"]
    assert build(tmp_path, *words)[0] == 2
    assert "holds no header onnxruntime_c_api.h; hand over the package for dev" in capsys.readouterr().err


def vino(root: Path, version: str = "2024.4.1") -> Path:
    """Lay out OpenVINO as its wheels have it: no library without a version in its name."""
    make_library(root / "openvino/libs/libopenvino.so.2441", needed=["libtbb.so.12"], search="$ORIGIN")
    make_library(root / "openvino/libs/libtbb.so.12")
    make_library(root / "openvino/libs/libopenvino_intel_cpu_plugin.so")
    make_library(root / "openvino/libs/libopenvino_intel_gpu_plugin.so", needed=["libOpenCL.so.1"])
    headers = root / "openvino/include/openvino"
    (headers / "core").mkdir(parents=True)
    (headers / "openvino.hpp").write_text("// C++\n")
    names = ("MAJOR", "MINOR", "PATCH")
    lines = (
        f"#define OPENVINO_VERSION_{name} {number}\n"
        for name, number in zip(names, version.split("."), strict=True)
    )
    (headers / "core/version.hpp").write_text("".join(lines))
    return root


def test_what_has_no_argument_is_laid_where_the_build_looks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = zipped(tmp_path / "vino.whl", vino(tmp_path / "vino"))
    words = ["--backend=openvino", f"--component=openvino={wheel}"]
    assert build(tmp_path, *words)[0] == 2
    assert "is version 2024.4.1, and" in capsys.readouterr().err
    status, script = build(tmp_path, *words, "--standalone-openvino-version=2024.4.1")
    assert status == 0, capsys.readouterr().err
    place = '"$BUILD_DIR"/backend-openvino/build/openvino'
    for name in ("libopenvino.so.2441", "libtbb.so.12", "libopenvino_intel_cpu_plugin.so"):
        assert f" {name} {place}/lib" in script
    assert f"/openvino/include '*' {place}/include" in script
    assert f"ln -sfn libopenvino.so.2441 {place}/lib/libopenvino.so\n" in script
    assert f"ln -sfn libopenvino.so.2441 {place}/lib/openvino.so\n" in script
    assert script.index("ln -sfn libopenvino") < script.index("cmake -S")
    assert "gpu_plugin" not in script
    plan = ["build", "plan", *WORDS[1:4], *words, "--standalone-openvino-version=2024.4.1"]
    assert main(plan) == 0
    shown = capsys.readouterr().out
    assert "starts containers of its own" not in shown
    assert "openvinotoolkit" not in shown


def test_an_old_abi_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "torch/include/torch").mkdir(parents=True)
    (tmp_path / "torch/include/torch/script.h").write_text("// C++\n")
    make_library(tmp_path / "torch/lib/libtorch.so", symbols=["_ZN5torch4loadERKSs"])
    assert build(tmp_path, "--backend=pytorch", f"--component=libtorch={tmp_path}/torch")[0] == 2
    assert "libtorch.so speaks the old ABI of the C++ library" in capsys.readouterr().err


def zipped(wheel: Path, folder: Path, more: str = "") -> Path:
    """Write a wheel of a folder, and one name more."""
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
        if more:
            archive.writestr(more, "")
    return wheel


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of LibTorch, and an empty store."""
    monkeypatch.setenv("TRILITH_STORE", str(tmp_path / "store"))
    header = tmp_path / "whole/torch/include/torch/script.h"
    header.parent.mkdir(parents=True)
    header.write_text("// C++\n")
    make_library(tmp_path / "whole/torch/lib/libtorch.so")
    return zipped(tmp_path / "torch-2.9.0-größe.whl", tmp_path / "whole")


def test_a_wheel_is_unpacked_once_and_handed_over(tmp_path: Path, wheel: Path) -> None:
    words = ["--backend=pytorch", f"--component=libtorch={wheel}"]
    status, script = build(tmp_path, *words)
    assert status == 0
    (unpacked,) = (tmp_path / "store/unpacked").iterdir()
    assert f"-DTRITON_PYTORCH_INCLUDE_PATHS:PATH={unpacked}/torch/include" in script
    assert f"-DTRITON_PYTORCH_LIB_PATHS:PATH={unpacked}/torch/lib" in script
    made = unpacked.stat().st_mtime_ns
    assert build(tmp_path, *words) == (0, script)
    assert unpacked.stat().st_mtime_ns == made


def test_a_wheel_without_headers_and_one_that_escapes_are_refused(
    tmp_path: Path, wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "whole/torch/include/torch/script.h").unlink()
    bare = zipped(tmp_path / "bare.whl", tmp_path / "whole")
    hostile = zipped(tmp_path / "hostile.whl", tmp_path / "whole", "../escaped")
    (tmp_path / "torn.whl").write_bytes(wheel.read_bytes()[:200])
    expected = {bare: "no header torch/script.h", hostile: "lies outside of it"}
    expected |= {tmp_path / "torn.whl": "cannot be unpacked"}
    for path, message in expected.items():
        assert build(tmp_path, "--backend=pytorch", f"--component=libtorch={path}")[0] == 2
        assert message in capsys.readouterr().err
    assert len(list((tmp_path / "store/unpacked").iterdir())) == 1  # of the one without headers
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--component=onnxruntme=/x"], "did you mean 'onnxruntime'?"),
        (["--component=onnxruntime"], "expected NAME=PATH"),
        (["--component=onnxruntime=/x"], "add --backend=onnxruntime"),
        (["--backend=onnxruntime", "--component=onnxruntime=/not/there"], "there is no such folder"),
        (["--backend=onnxruntime", "--component=onnxruntime=/x.whl"], "folder or wheel"),
        (["--backend=onnxruntime", "--component=onnxruntime:OTHER:PATH=/x"], "says nothing of 'onnxruntime'"),
    ],
)
def test_mistakes_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert build(tmp_path, *words)[0] == 2
    assert expected in capsys.readouterr().err
