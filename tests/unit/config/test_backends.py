from pathlib import Path

import pytest

from trilith import config
from trilith.config.draft import Draft
from trilith.contract import BrickKind, ConfigurationError, Manifest

MANIFESTS = [
    Manifest("python", BrickKind.BACKEND, "", default_filename="model.py"),
    Manifest("identity", BrickKind.BACKEND, ""),
    Manifest(
        "onnxruntime",
        BrickKind.BACKEND,
        "",
        config_platforms=("onnxruntime_onnx",),
        default_filename="model.onnx",
    ),
    Manifest("http", BrickKind.ENDPOINT, ""),
]


def choose(version_directory: Path, name: str = "m", **document: str) -> str:
    draft = Draft(name, "config.pbtxt", dict(document))
    return config.choose_backend(draft, version_directory, MANIFESTS)


@pytest.mark.parametrize(
    ("document", "backend"),
    [
        ({"backend": "identity"}, "identity"),
        ({"backend": "python", "platform": "anything"}, "python"),
        ({"platform": "onnxruntime_onnx"}, "onnxruntime"),
        ({"backend": "onnxruntime", "platform": "onnxruntime_onnx"}, "onnxruntime"),
        ({"default_model_filename": "model.py"}, "python"),
    ],
)
def test_what_is_written_decides(tmp_path: Path, document: dict[str, str], backend: str) -> None:
    (tmp_path / "model.onnx").touch()

    assert choose(tmp_path, **document) == backend


@pytest.mark.parametrize(("file", "backend"), [("model.onnx", "onnxruntime"), ("model.py", "python")])
def test_the_files_of_a_version_decide_where_nothing_is_written(
    tmp_path: Path, file: str, backend: str
) -> None:
    (tmp_path / file).touch()

    assert choose(tmp_path) == backend


def test_the_end_of_the_name_decides_where_nothing_else_does(tmp_path: Path) -> None:
    assert choose(tmp_path, "copy.identity") == "identity"


def test_a_misspelled_backend_leads_to_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(tmp_path, backend="onnxrutime")

    assert str(caught.value) == (
        "config.pbtxt: backend: no backend 'onnxrutime' is installed; "
        "installed backends: identity, onnxruntime, python; did you mean 'onnxruntime'?"
    )


def test_an_endpoint_is_no_backend(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no backend 'http' is installed"):
        choose(tmp_path, backend="http")


def test_an_unknown_platform_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'tensorrt_plan'; platforms: onnxruntime_onnx"):
        choose(tmp_path, platform="tensorrt_plan")


def test_a_platform_that_contradicts_the_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not go with backend 'onnxruntime'"):
        choose(tmp_path, backend="onnxruntime", platform="tensorflow_graphdef")


def test_what_was_looked_for_is_said_where_nothing_was_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(tmp_path / "1")

    message = str(caught.value)
    assert str(tmp_path / "1") in message
    assert "model.onnx (onnxruntime), model.py (python)" in message
    assert "installed backends: identity, onnxruntime, python" in message


def test_a_filename_that_tells_no_backend_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'net\.bin' does not tell the backend"):
        choose(tmp_path, default_model_filename="net.bin")
