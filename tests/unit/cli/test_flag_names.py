"""Every flag of Triton's server is known here, and what is done with it is written down."""

from pathlib import Path

import pytest

from trilith.cli.flag import Standing
from trilith.cli.flags import FLAGS
from trilith.cli.parse import parse

OF_TRITON = frozenset((Path(__file__).parent / "tritonserver_flags.txt").read_text("utf-8").split())
"""What ``tritonserver --help`` of 2.51 lists, but for ``help``."""

OF_LATER_VERSIONS = frozenset(
    ["allow-client-shm", "grpc-infer-thread-count", "grpc-max-response-pool-size", "http-max-input-size"]
)

OWN = frozenset(
    [
        "client-timeout-secs",
        "grpc-max-message-size",
        "http-root-cert",
        "http-server-cert",
        "http-server-key",
        "http-use-ssl",
        "http-use-ssl-mutual",
        "server-id",
        "unix-socket-mode",
    ]
)
"""Names that Triton does not have."""

COMPATIBILITY = (Path(__file__).resolve().parents[3] / "docs" / "compatibility.md").read_text("utf-8")


def test_every_flag_of_triton_is_known_and_every_other_one_is_marked_as_our_own() -> None:
    assert {flag.name for flag in FLAGS} == OF_TRITON | OF_LATER_VERSIONS | OWN


@pytest.mark.parametrize("name", sorted(flag.name for flag in FLAGS if flag.standing is not Standing.USED))
def test_what_has_no_effect_or_is_refused_is_written_down_with_its_reason(name: str) -> None:
    assert f"`--{name}`" in COMPATIBILITY


@pytest.mark.parametrize("name", sorted(flag.name for flag in FLAGS if flag.standing is Standing.LATER))
def test_what_is_refused_is_refused_with_words(name: str) -> None:
    problems = parse([f"--{name}=7"], FLAGS).problems
    assert problems == [f"--{name} is not in this version of Trilith; start without it"]
