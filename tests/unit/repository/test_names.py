"""How models are told apart."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.repository.names import is_name, key_of, resolve, split_key, with_name

NAMES = st.text(st.characters(exclude_characters="/"), min_size=1)


@given(NAMES, st.text())
@settings(deadline=None)
def test_a_key_holds_the_name_and_the_namespace(name: str, namespace: str) -> None:
    """Law: what a key was made of can be read from it."""
    assert split_key(key_of(name, namespace)) == (name, namespace)


def test_without_namespaces_the_key_is_the_name() -> None:
    assert key_of("m") == "m"
    assert key_of("m", "/models") == "/models/m"


def test_a_name_is_that_of_a_folder() -> None:
    assert all(map(is_name, ["m", "m.v2", "model name"]))
    assert not any(map(is_name, ["", " ", ".", "..", ".git", "a/b", "/m", "a\0b"]))


def test_a_step_means_the_model_beside_the_ensemble_or_else_the_only_one() -> None:
    keys = ["/a/m", "/b/m", "/b/only", "brought"]
    assert with_name("m", keys) == ["/a/m", "/b/m"]
    assert resolve("m", "/b", keys) == "/b/m"
    assert resolve("only", "/a", keys) == "/b/only"
    assert resolve("brought", "/a", keys) == "brought"
    assert resolve("m", "/c", keys) == "/c/m", "neither of the two"
    assert resolve("nowhere", "/a", keys) == "/a/nowhere"
    assert resolve("m", "", ["m"]) == "m"
