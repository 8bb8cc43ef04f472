"""What instances ask for while they run, and whether there is as much."""

import json

import pytest

from trilith.contract import ConfigurationError, InstanceKind, ModelConfiguration, Placement, Resource
from trilith.runtime.limits import Supply, check_demands, write_demand, write_supplies

MODEL = ModelConfiguration("m", "b", "", 0, (), (), {}, {})


def asking(*resources: Resource, device: int = 0, priority: int = 0) -> Placement:
    return Placement("m_0", InstanceKind.CPU, device, resources, priority)


def test_a_resource_is_asked_for_on_the_device_of_the_instance_or_everywhere() -> None:
    placement = asking(Resource("R", 2), Resource("S", 1, is_global=True), device=3, priority=5)
    assert json.loads(write_demand(placement)) == {
        "resources": [{"name": "R", "count": 2, "device": 3}, {"name": "S", "count": 1, "device": None}],
        "priority": 5,
    }


def test_an_instance_that_asks_for_nothing_says_nothing() -> None:
    assert write_demand(asking()) == ""


def test_supplies_are_absent_where_nothing_is_limited() -> None:
    assert write_supplies(None) is None
    assert write_supplies(()) == []
    assert write_supplies([Supply("R", 2, 1)]) == [{"name": "R", "count": 2, "device": 1}]


@pytest.mark.parametrize("supplies", [None, (), (Supply("R", 2),), (Supply("R", 1), Supply("R", 2, 0))])
def test_what_is_there_may_be_asked_for(supplies: tuple[Supply, ...] | None) -> None:
    check_demands(MODEL, [asking(Resource("R", 2))], supplies)


@pytest.mark.parametrize("supplies", [(Supply("R", 1),), (Supply("R", 2, 1),), (Supply("S", 9),)])
def test_what_is_not_there_is_named_with_what_to_start_with(supplies: tuple[Supply, ...]) -> None:
    with pytest.raises(ConfigurationError, match="it would never run; start with --rate-limit-resource=R:2"):
        check_demands(MODEL, [asking(Resource("R", 2)), asking(Resource("R", 2))], supplies)


def test_what_all_devices_share_is_as_much_as_is_said_anywhere() -> None:
    check_demands(MODEL, [asking(Resource("R", 2, is_global=True))], (Supply("R", 2, 7),))
