"""Which models need which others."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.repository.dependencies import find_way, load_order, unload_order

NEEDS = {"both": ["a", "b"], "one": ["a"], "a": [], "b": ["deep"], "deep": []}


def test_what_is_needed_comes_first() -> None:
    assert load_order("both", lambda name: NEEDS[name]) == ["a", "deep", "b", "both"]
    assert load_order("a", lambda name: NEEDS[name]) == ["a"]


def test_a_circle_is_cut() -> None:
    assert load_order("x", lambda name: {"x": ["y"], "y": ["x"]}[name]) == ["y", "x"]


def test_with_a_model_go_those_that_need_it() -> None:
    assert unload_order(["a"], NEEDS, (), dependents=False) == ["both", "one", "a"]
    assert unload_order(["nowhere"], NEEDS, (), dependents=False) == ["nowhere"]


def test_dependents_take_along_what_nobody_needs_any_more() -> None:
    assert unload_order(["both"], NEEDS, (), dependents=True) == ["both", "b", "deep"]
    assert unload_order(["both"], NEEDS, {"b"}, dependents=True) == ["both"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)),
    st.sets(st.sampled_from("abcdef")),
    st.booleans(),
)
@settings(deadline=None)
def test_nobody_stays_without_what_it_needs(
    needs: dict[str, list[str]],
    kept: set[str],
    dependents: bool,  # noqa: FBT001  drawn by hypothesis
) -> None:
    """Law: after an unload, no model that stays needs one that went."""
    going = unload_order(["a"], needs, kept, dependents=dependents)
    assert len(going) == len(set(going))
    assert all(not set(needs[name]) & set(going) for name in needs if name not in going)


def test_a_way_leads_over_what_models_need() -> None:
    needs = {"a": ["b", "c"], "b": [], "c": ["d"], "d": ["a"]}

    assert find_way("c", "a", needs.__getitem__) == ["c", "d", "a"]
    assert find_way("b", "a", needs.__getitem__) == []
    assert find_way("a", "a", needs.__getitem__) == ["a"]
