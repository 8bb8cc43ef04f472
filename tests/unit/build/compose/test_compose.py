"""A smaller server, cut out of a larger one."""

import json
from pathlib import Path

import pytest

from support.elf import make_library
from support.images import make_layout, make_result, member, settings
from support.results import PARTS, make_server
from trilith.build.compose import compose, cut
from trilith.build.image import Content, Destination, assemble, open_image, write
from trilith.build.problems import BuildError
from trilith.build.verifying import verify
from trilith.build.verifying.subject import open_subject
from trilith.cli.main import main

UPSTREAM = (
    "bin/tritonserver",
    "lib/libtritonserver.so",
    "LICENSE",
    "caches/local/c.so",
    "repoagents/checksum/r.so",
)


def upstream(root: Path) -> Path:
    """Lay out an installation as upstream's images have it, with a library that two backends share."""
    for name in UPSTREAM:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    backends = root / "backends"
    make_library(
        backends / "pytorch/libtriton_pytorch.so", needed=["libshared.so"], search="$ORIGIN/../openvino"
    )
    make_library(backends / "openvino/libtriton_openvino.so", needed=["libshared.so"], search="$ORIGIN")
    make_library(backends / "openvino/libshared.so")
    make_library(backends / "identity/libtriton_identity.so")
    return root


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def smaller(source: Path, output: str, **wanted: list[str]) -> list[str]:
    with open_subject(source) as subject:
        made = cut(subject, wanted)
        compose(subject, made, output)
        return sorted(made.rescued)


def test_an_installation_is_cut_and_keeps_what_is_needed(tmp_path: Path) -> None:
    source = upstream(tmp_path / "opt of größe")
    rescued = smaller(source, str(tmp_path / "small"), backend=["pytorch"], cache=["local"])
    assert rescued == ["backends/openvino/libshared.so"]
    assert names(tmp_path / "small") == [
        "LICENSE",
        "backends/openvino/libshared.so",
        "backends/pytorch/libtriton_pytorch.so",
        "bin/tritonserver",
        "caches/local/c.so",
        "lib/libtritonserver.so",
        "share/trilith/manifest.json",
    ]


def test_a_smaller_server_still_answers(tmp_path: Path) -> None:
    source = make_server(tmp_path / "full", (*PARTS, "backend.onnxruntime"))
    smaller(source, str(tmp_path / "small"), backend=["identity"])
    report = verify(tmp_path / "small")
    assert [str(error) for error in report.errors()] == []
    assert "lib/backend.onnxruntime" not in names(tmp_path / "small")
    plan = json.loads((tmp_path / "small/share/trilith/plan.json").read_text())
    assert plan["cut"] == ["backend.onnxruntime"]


def test_python_packages_go_with_their_brick_and_entry_points_too(tmp_path: Path) -> None:
    packages = "lib/python3.11/site-packages"
    info = f"{packages}/server-1.0.dist-info"
    points = b"[trilith.bricks]\nbackend.one = server.one:One\nbackend.two = server.two:Two\n"
    record = b"server/one.py,sha256=x,1\nserver/two.py,sha256=y,1\nserver-1.0.dist-info/entry_points.txt,,\n"
    files = {
        "bin/trilith": ("core.server", b"#!/bin/sh\n", ""),
        f"{info}/METADATA": ("core.server", b"Name: server\nVersion: 1.0\nRequires-Dist: shared\n", "server"),
        f"{info}/entry_points.txt": ("core.server", points, "server"),
        f"{info}/RECORD": ("core.server", record, "server"),
        f"{packages}/server/one.py": ("backend.one", b"1", "server"),
        f"{packages}/server/two.py": ("backend.two", b"2", "server"),
        f"{packages}/big.py": ("backend.two", b"big", "big"),
        f"{packages}/shared-1.0.dist-info/METADATA": (
            "backend.two",
            b"Name: shared\nVersion: 1.0\n",
            "shared",
        ),
        f"{packages}/shared.py": ("backend.two", b"shared", "shared"),
    }
    root = tmp_path / "full"
    make_result(root, {name: (brick, data) for name, (brick, data, _) in files.items()})
    manifest = root / "share/trilith/manifest.json"
    told = json.loads(manifest.read_text())
    told["python_version"] = "3.11"
    for file in told["files"]:
        file["package"] = files[file["path"]][2]
    manifest.write_text(json.dumps(told))
    with open_subject(root, catalogue="trilith") as subject:
        made = cut(subject, {"backend": ["one"]})
        assert set(made.rescued.values()) == {"server"}
        compose(subject, made, str(tmp_path / "small"))
    small = tmp_path / "small"
    assert f"{packages}/big.py" not in names(small)
    assert (
        small / info / "entry_points.txt"
    ).read_text() == "[trilith.bricks]\nbackend.one = server.one:One\n"
    assert "two" not in (small / info / "RECORD").read_text()
    assert verify(small, run=False, catalogue="trilith").passed


def test_an_image_is_cut_and_untouched_layers_stay(tmp_path: Path) -> None:
    root = make_server(tmp_path / "full", (*PARTS, "backend.onnxruntime"))
    with open_subject(root) as subject:
        content = Content(root, subject.manifest)
    how = settings(root="/opt/trilith")
    write(Destination("oci", tmp_path / "image"), lambda blobs: assemble(content, how, None, blobs))
    for output in ("oci:", "docker-archive:"):
        target = tmp_path / f"small-{output[:3]}"
        smaller(tmp_path / "image", f"{output}{target}", backend=["identity"])
        before, after = open_image(tmp_path / "image"), open_image(target)
        titles = {layer.title: layer.diff_id for layer in after.layers}
        assert "brick backend.onnxruntime" not in titles
        assert titles["brick backend.identity"] in {layer.diff_id for layer in before.layers}
        assert after.settings["Labels"]["dev.trilith.build.cut"] == "backend.onnxruntime"
        assert verify(target, run=False).passed


def test_a_foreign_image_loses_the_files_of_one_layer(tmp_path: Path) -> None:
    layer = [
        (member("opt/tritonserver/bin/tritonserver", mode=0o755), b"#!/bin/sh\n"),
        (member("opt/tritonserver/backends/identity/libi.so"), b"i"),
        (member("opt/tritonserver/backends/python/model.py"), b"p"),
        (member("etc/hostname"), b"h"),
    ]
    source = make_layout(tmp_path / "image", [[(member("usr/bin/sh"), b"s")], layer])
    smaller(source, f"oci:{tmp_path}/small", backend=["python"])
    image = open_image(tmp_path / "small")
    assert image.layers[0].digest == open_image(source).layers[0].digest
    with image.layers[1].open() as archive:
        assert archive.getnames() == [
            "opt/tritonserver/bin/tritonserver",
            "opt/tritonserver/backends/python/model.py",
            "etc/hostname",
        ]


def test_unknown_names_are_reported_together(tmp_path: Path) -> None:
    with open_subject(upstream(tmp_path)) as subject, pytest.raises(BuildError) as caught:
        cut(subject, {"backend": ["pytroch"], "cache": ["remote"]})
    text = str(caught.value)
    assert "did you mean 'pytorch'?" in text
    assert "has no such cache; it has local" in text


def test_nothing_is_written_over(tmp_path: Path) -> None:
    source = upstream(tmp_path / "full")
    with pytest.raises(BuildError, match="is there already"):
        smaller(source, str(source), backend=["identity"])
    assert (source / "backends/pytorch").is_dir()


def test_the_command_says_what_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = upstream(tmp_path / "full")
    words = ["build", "compose", f"--from={source}", "--backend=identity"]
    assert main([*words, "--dryrun"]) == 0
    shown = capsys.readouterr().err
    assert "cut backend.pytorch: 1 files" in shown
    assert not (tmp_path / "small").exists()
    assert main([*words, f"--output={tmp_path}/small"]) == 0
    assert main(words) == 2
    assert "--output is missing" in capsys.readouterr().err
