"""Conditions, placeholders and walks."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from trilith.build.facts import fill, holds, reach
from trilith.build.files.shell import Script, quote
from trilith.build.spelling import nearest

FACTS = {"enable:gpu", "platform:linux"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ([], True),
        (["enable:gpu"], True),
        (["!enable:gpu"], False),
        (["enable:gpu", "platform:rhel"], False),
        (["platform:rhel|enable:gpu"], True),
        (["!platform:rhel|!enable:gpu"], True),
    ],
)
def test_conditions_hold_as_they_read(condition: list[str], *, expected: bool) -> None:
    assert holds(condition, FACTS) is expected


def test_placeholders_are_filled_and_variables_of_cmake_left() -> None:
    assert fill("{a}/${B}/{ref:core.x}", {"a": "1", "ref:core.x": "2"}) == "1/${B}/2"


def test_a_walk_gives_what_is_needed_first_and_who_asked() -> None:
    edges = {"a": ["b"], "b": ["c"], "c": []}
    assert reach(["a"], edges.__getitem__) == {"c": "b", "b": "a", "a": ""}


def test_the_nearest_name_ignores_separators() -> None:
    assert nearest("vertexai", ["vertex-ai", "http"]) == "vertex-ai"
    assert not nearest("zzz", ["http"])


@settings(max_examples=40, deadline=None)
@given(some.text(alphabet=some.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_every_word_survives_the_shell(word: str) -> None:
    """A quoted word comes out of bash as it went in, whatever is in it."""
    if "@" in word:
        return
    shown = subprocess.run(["bash", "-c", f"printf %s {quote(word)}"], capture_output=True, check=True).stdout
    assert shown.decode() == word


def test_folders_become_variables_of_the_script() -> None:
    assert quote("@BUILD_DIR@/a b/c") == "\"$BUILD_DIR\"'/a b/c'"
    assert quote("") == "''"


def test_long_commands_keep_flags_beside_their_values() -> None:
    script = Script("Title", [], trace=False)
    script.run("cmake", "-S", "a" * 60, "-B", "b" * 60)
    assert f"    -S {'a' * 60} \\\n" in script.text()
