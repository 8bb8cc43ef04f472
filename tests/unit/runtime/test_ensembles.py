"""What an ensemble finds of the models that it is made of."""

from pathlib import Path

import pytest

from trilith import config
from trilith.config.composition import Interface
from trilith.config.reader import parse
from trilith.contract import LoadError, ModelConfiguration
from trilith.runtime.ensembles import choose_version, is_stale, nothing_served, refuse_circle


def configure(extent: int = 4, count: int = 1) -> ModelConfiguration:
    tensors = f'input {{ name: "A" data_type: TYPE_FP32 dims: {extent} }}'
    text = f"{tensors}\n{tensors.replace('input', 'output')}\ninstance_group {{ count: {count} }}"
    return config.finish(parse(text, "m", "config.pbtxt"), Path(), "python")


def test_the_latest_version_is_taken_where_none_is_named() -> None:
    older, newer = configure(), configure(5)

    assert choose_version("m", -1, [(9, newer), (2, older)], "") is newer
    assert choose_version("m", 2, [(9, newer), (2, older)], "") is older


def test_a_version_that_is_not_there_is_told_beside_those_that_are() -> None:
    with pytest.raises(LoadError, match="version 3 of model 'm' is not served; served: 2, 9"):
        choose_version("m", 3, [(9, configure()), (2, configure())], "")


def test_a_model_that_failed_comes_with_the_reason() -> None:
    with pytest.raises(LoadError, match="model 'm' is not served: it broke"):
        choose_version("m", -1, (), "it broke")
    with pytest.raises(LoadError, match=r"model 'm' is not served$"):
        nothing_served("e", "m", -1)


def test_a_circle_is_told_from_the_ensemble_on() -> None:
    needs = {"a": ["b"], "b": ["c"], "c": ["a"], "d": []}

    refuse_circle("a", "d", needs.__getitem__)
    with pytest.raises(LoadError, match="in a circle: a -> b -> c -> a"):
        refuse_circle("a", "b", needs.__getitem__)
    with pytest.raises(LoadError, match="in a circle: a -> a"):
        refuse_circle("a", "a", needs.__getitem__)


def test_only_what_an_ensemble_sees_of_a_model_makes_it_stale() -> None:
    members = {("m", -1): Interface.of(configure())}

    assert not is_stale(members, lambda _name, _version: configure(count=2))
    assert is_stale(members, lambda _name, _version: configure(5))

    def find_nothing(name: str, version: int) -> ModelConfiguration:
        return choose_version(name, version, (), "")

    assert is_stale(members, find_nothing)
