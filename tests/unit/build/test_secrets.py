"""Credentials stay out of what is written and said."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from trilith.build import Mirrors, Plan, emit
from trilith.build.problems import BuildError
from trilith.build.processes import ProgramError, run
from trilith.build.secrets import has_secret, redact, refuse_secrets

LINE = "--no-container-build --endpoint=http"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fatal: https://me:hunter2@host/x not found", "fatal: https://***@host/x not found"),
        ("https://hunter2@host/x", "https://***@host/x"),
        ("https://host/x?a=1&access_token=hunter2&b=2", "https://host/x?a=1&access_token=***&b=2"),
        ("https://host/x@1", "https://host/x@1"),
    ],
)
def test_what_is_shown_holds_no_credential(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_users_name_alone_is_no_credential() -> None:
    assert not has_secret("ssh://git@host/x")
    assert has_secret("https://token@host/x")
    assert has_secret("https://host/x?private-token=y")


def test_what_a_program_says_is_shown_without_credentials() -> None:
    with pytest.raises(ProgramError) as caught:
        run(["sh", "-c", "echo https://me:hunter2@host >&2; exit 3"])
    assert "hunter2" not in str(caught.value)
    assert "sh ended with status 3" in str(caught.value)


def test_no_file_is_written_with_a_credential_in_it(planned: Callable[..., Plan]) -> None:
    mirrors = Mirrors({"git": {"https://github.com/": "https://me:hunter2@mirror.example/"}})
    with pytest.raises(BuildError, match=r"the mirror of https://github\.com/ holds a credential") as caught:
        emit(replace(planned(LINE), mirrors=mirrors))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(BuildError, match="--github-organization holds a credential"):
        refuse_secrets(planned(f"{LINE} --github-organization=https://me:hunter2@host/x"), rules=False)
