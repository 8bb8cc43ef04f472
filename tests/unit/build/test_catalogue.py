"""Catalogues: what they say, and what they must not."""

import ast
from pathlib import Path
from typing import Any

import pytest

import trilith.build
from trilith.build.catalogue import load, names
from trilith.build.catalogue.bricks import derive
from trilith.build.catalogue.checking import circles
from trilith.build.catalogue.reading import parse, read
from trilith.build.problems import BuildError

HEAD = {"name": "small", "description": "Small", "builder": "cmake", "version": "1.0", "main": "core.server"}
SERVER = {"description": "The server", "build": "main"}
FAMILY = {
    "core": "server core common backend third_party",
    "backend": "tensorrt onnxruntime pytorch openvino tensorflow python dali fil paddlepaddle vllm "
    "tensorrtllm identity repeat square stateful hugectr fastertransformer armnn_tflite",
    "cache": "local redis",
    "repoagent": "checksum",
    "tool": "model_navigator pytriton model_analyzer perf_analyzer triton_cli client",
    "endpoint": "http grpc sagemaker vertex-ai openai metrics",
    "filesystem": "gcs s3 azure_storage",
}


def document(**more: Any) -> dict[str, Any]:
    return {"catalogue": HEAD, "core": {"server": SERVER}, **more}


def complaints(table: dict[str, Any]) -> list[str]:
    with pytest.raises(BuildError) as caught:
        parse(table)
    return [str(problem) for problem in caught.value.problems]


def test_two_catalogues_ship() -> None:
    assert names() == ["trilith", "triton"]


@pytest.mark.parametrize("kind", FAMILY)
def test_the_upstream_family_is_there(kind: str) -> None:
    assert set(FAMILY[kind].split()) <= set(load("triton").of_kind(kind))


def test_of_grpcs_submodules_five_are_used_and_the_others_left_out_with_a_reason() -> None:
    sources = load("triton").third_party["third_party.grpc-repo"]
    assert len(sources.submodules) == 5
    assert not set(sources.submodules) & set(sources.left_out)
    assert sources.left_out_reason


def test_the_own_catalogue_comes_from_manifests(tmp_path: Path) -> None:
    brick = tmp_path / "bricks" / "backends" / "mine"
    brick.mkdir(parents=True)
    (brick / "brick.toml").write_text(
        '[brick]\nname = "mine"\nkind = "backend"\ndescription = "Mine"\npython_requirements = ["x"]\n'
    )
    frame = tmp_path / "frame.toml"
    frame.write_text(
        '[catalogue]\nname = "own"\ndescription = "Own"\nbuilder = "wheel"\nmain = "core.server"\n'
        '[core.server]\ndescription = "The server"\nbuild = "wheel"\n'
    )
    catalogue = derive(frame, tmp_path)
    assert catalogue.components["backend.mine"].python_requirements == ("x",)
    assert catalogue.components["backend.mine"].requires == ("core.server",)


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    brick = tmp_path / "bricks" / "backends" / "mine"
    brick.mkdir(parents=True)
    (brick / "brick.toml").write_text('[brick]\nname = "mine"\nkind = "motor"\n')
    with pytest.raises(BuildError, match=r"description.*\n.*kind"):
        derive(tmp_path / "frame.toml", tmp_path)


def test_a_catalogue_of_ones_own_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[catalogue]\nname = "mine"\ndescription = "d"\nbuilder = "cmake"\nversion = "1"\n'
        'main = "core.server"\n'
        '[core.server]\ndescription = "The server"\nbuild = "main"\n'
    )
    assert load(str(file)).head.name == "mine"


def test_an_unknown_catalogue_gets_the_nearest_one() -> None:
    with pytest.raises(BuildError, match="did you mean 'triton'"):
        load("tritn")


def test_a_file_that_is_no_toml_says_so(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[[[")
    with pytest.raises(BuildError, match="cannot be read"):
        read(file)


def test_all_mistakes_are_reported_together() -> None:
    table = document(
        backend={
            "a": {
                "description": "A",
                "requires": ["backend.b", "core.servr"],
                "third_party": ["third_party.no"],
            },
            "b": {"description": "B", "requires": ["backend.a"]},
        },
    )
    found = "\n".join(complaints(table))
    assert "backend.a.requires: there is no 'core.servr'; did you mean 'core.server'?" in found
    assert "backend.a.third_party: there is no 'third_party.no'" in found
    assert "requires itself: backend.a -> backend.b -> backend.a" in found


def test_wrong_types_and_keys_are_named_with_their_place() -> None:
    table = document(backend={"a": {"description": 1, "requirs": [], "install": [{"path": "x", "to": "y"}]}})
    assert complaints(table) == [
        "backend.a.description: expected a text, found 1",
        "backend.a.requirs: unknown key; did you mean 'requires'?",
        "backend.a.install[0].origin: is missing",
    ]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x"])
def test_a_copy_cannot_leave_its_folder(path: str) -> None:
    copy = {"origin": "install", "path": path, "to": "lib"}
    table = document(backend={"a": {"description": "A", "install": [copy]}})
    assert complaints(table) == [f"backend.a.install: '{path}' leads out of its folder"]


def test_an_archive_needs_its_hash() -> None:
    table = document(
        third_party={"x": {"description": "X", "by": "archive", "address": "https://example.org/x"}}
    )
    assert complaints(table) == ["third_party.x.sha256: is missing: an archive is known by its hash"]


def test_a_preset_names_what_there_is() -> None:
    assert (
        "presets.p.backend: there is no 'nothing'"
        in complaints(document(presets={"p": {"backend": ["nothing"]}}))[0]
    )


def test_circles_are_found_once() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": ["d"]}) == [["b", "c", "b"], ["d", "d"]]


def test_no_component_is_named_in_code() -> None:
    """What is needed of a component stands in its catalogue."""
    catalogue = load("triton")
    kinds = ("backend", "cache", "repoagent", "filesystem", "tool")
    forbidden = {name for kind in kinds for name in catalogue.of_kind(kind)}
    forbidden |= {part.name for part in catalogue.third_party.values()}
    for path in Path(trilith.build.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                assert not forbidden & {node.value, *node.value.split(".")}, f"{path}:{node.lineno}"
