"""Mirror rules, and what they do not cover."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from trilith.build import BuildError, Plan
from trilith.build.addresses import addresses, uncovered
from trilith.build.mirrors import Mirrors, git_configuration, read

RULES = """
[git]
"https://github.com/" = "https://mirror.example/github/"
"https://github.com/grpc/" = "file:///srv/grpc/"
[archives]
"https://archives.boost.io/" = "https://mirror.example/boost/"
[pypi]
index = "https://mirror.example/simple"
[containers]
"ubuntu" = "mirror.example/ubuntu"
"""


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    file = tmp_path / "mirrors.toml"
    file.write_text(RULES)
    return read(file)


def test_the_longest_rule_counts(mirrors: Mirrors) -> None:
    assert mirrors.send("git", "https://github.com/grpc/grpc.git") == "file:///srv/grpc/grpc.git"
    assert (
        mirrors.send("git", "https://github.com/curl/curl.git")
        == "https://mirror.example/github/curl/curl.git"
    )
    assert mirrors.send("git", "https://gitlab.com/x.git") == "https://gitlab.com/x.git"


def test_git_itself_follows_the_rules(mirrors: Mirrors, tmp_path: Path) -> None:
    configuration = tmp_path / "gitconfig"
    configuration.write_text(git_configuration(mirrors))
    told = subprocess.run(
        ["git", "config", "--file", str(configuration), "--get-regexp", "insteadof|allow"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "url.https://mirror.example/github/.insteadof https://github.com/" in told
    assert "protocol.file.allow always" in told


def test_everything_that_no_rule_covers_is_listed(planned: Callable[..., Plan], mirrors: Mirrors) -> None:
    line = "--endpoint=http --backend=armnn_tflite --target-machine=aarch64"
    left = {item.address for item in uncovered(planned(line, "triton", mirrors))}
    assert left == {
        "https://gitlab.com/arm-research/smarter/armnn_tflite_backend.git",
        "https://github.com/google/googletest/archive/9406a60c7839052e4944ea4dbc8344762a89f9bd.zip",
        "https://github.com/google/flatbuffers/archive/v2.0.6.zip",
        "https://review.mlplatform.org/ml/ComputeLibrary",
        "https://review.mlplatform.org/ml/armnn",
    }
    assert len(uncovered(planned(line))) == len(addresses(planned(line)))


def test_mistakes_are_reported_together(tmp_path: Path) -> None:
    file = tmp_path / "mirrors.toml"
    file.write_text('[gti]\na = "b"\n[git]\na = 1\n[pypi]\nurl = "x"\n')
    with pytest.raises(BuildError) as caught:
        read(file)
    assert [str(problem).removeprefix(f"{file}: ") for problem in caught.value.problems] == [
        "gti: unknown table; did you mean 'git'?",
        'git: expected addresses on both sides; write "FROM" = "TO"',
        "pypi: takes one key, 'index'; write index = \"ADDRESS\"",
    ]
