"""Models that clients bring along."""

import pytest

from trilith.contract import ConfigurationError
from trilith.repository.overrides import Override, read_override, remove_files, write_files


def test_a_load_without_parameters_overrides_nothing() -> None:
    assert not read_override("m", {})


def test_files_lie_where_they_say_until_they_are_removed() -> None:
    override = read_override(
        "m", {"config": "{}", "file:1/model.onnx": b"one", "file:3/deep/x": b"", "file:l.txt": b"a"}
    )
    folder = write_files("m", override)
    assert (folder.directory / "1" / "model.onnx").read_bytes() == b"one"
    assert (folder.directory / "l.txt").read_bytes() == b"a"
    assert (folder.name, folder.versions, folder.override) == ("m", (1, 3), "{}")
    remove_files(folder)
    assert not folder.directory.parent.exists()


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"file:1/m": b""}, "files were given without a configuration"),
        ({"config": "{}", "file:../m": b""}, "names no file inside"),
        ({"config": "{}", "file:/m": b""}, "names no file inside"),
        ({"config": "{}", "file:": b""}, "names no file inside"),
        ({"config": " "}, "takes the JSON of a ModelConfig"),
        ({"fil": b""}, "unrecognized load parameter 'fil'"),
    ],
)
def test_what_cannot_be_is_refused(parameters: dict[str, str | bytes], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_override("m", parameters)


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_override("m", {"config": "", "file:../m": b"", "other": "x"})
    assert len(caught.value.problems) == 3


def test_an_override_is_true_when_there_is_anything() -> None:
    assert Override("{}")
    assert not Override()
