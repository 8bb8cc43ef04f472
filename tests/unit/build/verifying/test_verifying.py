"""Results are read, started and asked; whatever is wrong is named with what to do."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from support.elf import make_library
from support.images import make_result
from support.results import LAUNCHER, PARTS, make_server
from trilith.build.problems import BuildError
from trilith.build.result import PLAN
from trilith.build.verifying import Report, Subject, open_subject, verify, verify_subject
from trilith.cli.main import main


def told(report: Report, check: str = "") -> str:
    return "\n".join(str(item) for item in report.findings if check in ("", item.check))


def wrong(report: Report, check: str = "") -> str:
    return "\n".join(str(item) for item in report.errors(check))


def test_a_whole_result_answers_through_every_endpoint(tmp_path: Path) -> None:
    report = verify(make_server(tmp_path / "a result of größe"))
    assert wrong(report) == ""
    text = told(report, "serving")
    assert "endpoint.http: backend.identity answered an inference" in text
    assert "endpoint.grpc: backend.identity answered an inference" in text
    assert "endpoint.metrics: the inferences of backend.identity are counted" in text
    assert "nowhere else" in text


def test_an_endpoint_that_the_plan_does_not_hold_is_found(tmp_path: Path) -> None:
    launcher = make_server(tmp_path / "x").joinpath("bin/trilith").read_text()
    open_too = launcher.replace('"$@"', '"$@" --grpc-port=0')
    report = verify(make_server(tmp_path / "result", ("core.server", "endpoint.http"), open_too))
    assert "which no endpoint of the plan explains" in wrong(report)


def test_without_a_plan_what_is_served_is_asked_and_the_rest_is_noted(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result", launcher=f"{LAUNCHER.rstrip()} --allow-grpc=false\n")
    (root / PLAN).unlink()
    report = verify(root, catalogue="trilith")
    assert "is missing" in wrong(report, "contents")
    assert wrong(report, "serving") == ""
    assert "endpoint.grpc is not served, and there is no plan" in told(report, "serving")
    assert "endpoint.http: backend.identity answered an inference" in told(report, "serving")


def test_an_extension_that_the_plan_leaves_out_is_found(tmp_path: Path) -> None:
    parts = tuple(part for part in PARTS if part != "feature.shared_memory")
    report = verify(make_server(tmp_path / "result", parts))
    assert "advertises 'system_shared_memory', which its plan leaves out" in wrong(report)


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result", launcher="#!/bin/sh\necho 'no such thing as a libfoo'\nexit 3\n")
    report = verify(root)
    assert "ended with status 3" in wrong(report)
    assert "no such thing as a libfoo" in wrong(report)


def test_a_machine_whose_loopback_is_down_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``unshare --net`` leaves it down."""

    def down(*_rest: object) -> NoReturn:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    root = make_server(tmp_path / "result")
    monkeypatch.setattr("socket.create_connection", down)
    text = wrong(verify(root), "serving")
    assert "nothing on this machine can be reached at 127.0.0.1" in text
    assert "ip link set lo up" in text


def on_machine_with(subject: Subject, device: Path) -> Subject:
    gpu = subject.catalogue.components["feature.gpu"]
    assert gpu.devices == ("/dev/nvidiactl",)
    components = {**subject.catalogue.components, gpu.key: replace(gpu, devices=(str(device),))}
    return replace(subject, catalogue=replace(subject.catalogue, components=components))


def test_what_needs_a_gpu_is_noted_where_there_is_none(tmp_path: Path) -> None:
    root, device = make_server(tmp_path / "result", (*PARTS, "feature.gpu")), tmp_path / "device"
    with open_subject(root) as subject:
        report = verify_subject(on_machine_with(subject, device), run=True)
        assert wrong(report) == ""
        assert f"feature.gpu is not tried: this machine has no {device}" in told(report, "serving")
        assert "backend.identity answered an inference" in told(report, "serving"), "the rest is tried"
        device.touch()
        assert "not tried" not in told(verify_subject(on_machine_with(subject, device), run=True))


def test_a_server_that_cannot_start_without_a_gpu_is_noted_where_gpus_were_chosen(tmp_path: Path) -> None:
    line = "bin/server: error while loading shared libraries: libcudart.so.12: cannot open shared object file"
    script = f"#!/bin/sh\necho '{line}: No such file or directory' >&2\nexit 127\n"
    report = verify(make_server(tmp_path / "gpu", (*PARTS, "feature.gpu"), launcher=script))
    assert wrong(report) == ""
    assert "the server is not tried: it needs libcudart.so.12, which this machine lacks" in told(report)
    report = verify(make_server(tmp_path / "cpu", launcher=script))
    assert "ended with status 127" in wrong(report), "nothing of the plan explains it"


def test_files_are_compared_with_the_manifest(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result")
    (root / "lib/backend.identity").write_text("other")
    (root / "lib/endpoint.http").unlink()
    (root / "lib/grown").write_text("new")
    report = verify(root, run=False)
    assert "lib/backend.identity is not what the manifest says" in wrong(report)
    assert "lib/endpoint.http is missing" in wrong(report)
    assert "such as lib/grown" in told(report)


def test_bricks_are_compared_with_the_plan(tmp_path: Path) -> None:
    root = make_server(tmp_path / "result", (*PARTS, "backend.python"))
    plan = root / "share/trilith/plan.json"
    document = json.loads(plan.read_text())
    document["parts"] = [part for part in document["parts"] if part["key"] != "backend.identity"]
    document["parts"].append({"key": "backend.onnxruntime", "chosen": True})
    plan.write_text(json.dumps(document))
    report = verify(root, run=False)
    assert "backend.identity has files in the result and is not in the plan" in wrong(report)
    assert "backend.onnxruntime was chosen and is not in the result" in wrong(report)


def test_missing_libraries_are_named_with_who_has_them(tmp_path: Path) -> None:
    root = tmp_path / "result"
    files = {"bin/trilith": ("core.server", b"#!/bin/sh\n")}
    libraries = {
        "lib/one.so": ["libgomp.so.1", "libodd.so.7"],
        "lib/two.so": ["libonnxruntime.so.1", "libgomp.so.1", "libcuda.so.1"],
    }
    for name, needed in libraries.items():
        files[name] = ("backend.one", make_library(tmp_path / name, needed=needed).read_bytes())
    files["lib/three.so"] = ("backend.one", make_library(tmp_path / "x", machine="aarch64").read_bytes())
    files["lib/four.so"] = ("backend.one", b"\x7fELF\x02")
    make_result(root, files)
    base = tmp_path / "base"
    base.mkdir()
    report = verify(root, run=False, catalogue="trilith", base=root)
    text = wrong(report, "libraries")
    assert (
        "libgomp.so.1 is missing: /lib/one.so, /lib/two.so need it; the Debian package libgomp1 has it"
        in text
    )
    assert "hand over onnxruntime with --component=onnxruntime=PATH" in text
    assert "libodd.so.7 is missing: /lib/one.so needs it; it was looked for in" in text
    assert "is for aarch64" in text
    assert "four.so: not a whole ELF file" in text
    assert "libcuda.so.1" not in text, "the driver brings it"
    assert "libcuda.so.1 is not here" in told(report)


@pytest.mark.parametrize("chosen", [True, False])
def test_libraries_of_a_gpu_are_the_machines_where_gpus_were_chosen(tmp_path: Path, chosen: bool) -> None:  # noqa: FBT001
    needed = ["libcudart.so.12", "libcudnn.so.9"]
    library = make_library(tmp_path / "x.so", needed=needed).read_bytes()
    parts = (*PARTS, "feature.gpu") if chosen else PARTS
    plan = {"catalogue": "trilith", "parts": [{"key": key} for key in parts]}
    files = {"bin/trilith": ("core.server", b"#!/bin/sh\n"), "lib/x.so": ("core.server", library)}
    root = tmp_path / "result"
    make_result(root, {**files, PLAN: ("core.server", json.dumps(plan).encode())})
    report = verify(root, run=False, base=root)
    text = told(report, "libraries") if chosen else wrong(report, "libraries")
    assert "libcudnn.so.9 is" in text
    assert "it is part of cuDNN: install that, or take a base that has it" in text
    assert ("libcudart" in wrong(report, "libraries")) is not chosen


def test_a_backend_without_the_server_lacks_what_the_server_brings(tmp_path: Path) -> None:
    library = make_library(tmp_path / "x.so", needed=["libtritonserver.so"]).read_bytes()
    plan = {"catalogue": "triton", "parts": [{"key": "backend.identity", "chosen": True}]}
    files = {
        "backends/identity/libtriton_identity.so": ("backend.identity", library),
        PLAN: ("core.server", json.dumps(plan).encode()),
    }
    root = tmp_path / "result"
    make_result(root, files)
    report = verify(root, base=root)
    assert wrong(report) == ""
    assert "libtritonserver.so is not here: core.server brings it" in told(report, "libraries")


def test_imports_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    packages = "lib/python3.11/site-packages"
    files = {
        "bin/trilith": b"#!/bin/sh\n",
        f"{packages}/a-1.0.dist-info/METADATA": b"Name: a\nVersion: 1.0\nRequires-Dist: b>=2\n"
        b"Requires-Dist: c; extra == 'x'\n",
        f"{packages}/a-1.0.dist-info/entry_points.txt": b"[console_scripts]\na = a.cli:main\n",
        f"{packages}/b-1.0.dist-info/METADATA": b"Name: b\nVersion: 1.0\n",
        f"{packages}/a/__init__.py": b"import os\nfrom . import inner\n",
        f"{packages}/a/inner.py": b"import absent.deep\n"
        b"try:\n    import fast\nexcept ImportError:\n    fast = None\n",
        f"{packages}/a/cli.py": b"from a.inner import main\ndef late():\n    import never\n",
    }
    root = tmp_path / "result"
    manifest = make_result(root, {name: ("core.server", data) for name, data in files.items()})
    text = (root / "share/trilith/manifest.json").read_text()
    (root / "share/trilith/manifest.json").write_text(
        text.replace('"python_version": ""', '"python_version": "3.11"')
    )
    assert manifest.python_version == ""
    text = wrong(verify(root, run=False, catalogue="trilith"), "imports")
    assert "a requires b>=2, and 1.0 is installed" in text
    assert "a.inner imports absent.deep, which is nowhere" in text
    assert "fast" not in text
    assert "never" not in text


def test_the_command_tells_people_and_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_server(tmp_path / "result")
    assert main(["build", "verify", "--static", str(root)]) == 0
    assert "nothing is wrong, and 2 things are noted" in capsys.readouterr().out
    (root / "lib/endpoint.http").unlink()
    assert main(["build", "verify", "--static", "--json", str(root)]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_what_is_no_server_is_explained(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is no server that a catalogue knows"):
        verify(tmp_path)
    with pytest.raises(BuildError, match="there is nothing here"):
        verify(tmp_path / "absent")
