"""Which models need which others: an ensemble needs the models of its steps."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Needs = Mapping[str, Collection[str]]
"""By model, the models that it needs directly."""


def load_order(name: str, needs_of: Callable[[str], Iterable[str]]) -> list[str]:
    """List a model and all that it needs, directly or not, each behind what it needs itself.

    A circle is cut where it closes: whoever loads its models says what is wrong with them.
    """
    order: list[str] = []
    entered: set[str] = set()

    def visit(model: str) -> None:
        if model in entered:
            return
        entered.add(model)
        for needed in needs_of(model):
            visit(needed)
        order.append(model)

    visit(name)
    return order


def find_way(start: str, goal: str, needs_of: Callable[[str], Iterable[str]]) -> list[str]:
    """Find a way from a model over what it needs to another one, both included; empty if there is none."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    while waiting and goal not in before:
        model = waiting.pop()
        for needed in needs_of(model):
            if needed not in before:
                before[needed] = model
                waiting.append(needed)
    way: list[str] = []
    step = goal if goal in before else ""
    while step:
        way.insert(0, step)
        step = before[step]
    return way


def unload_order(names: Sequence[str], needs: Needs, kept: Collection[str], *, dependents: bool) -> list[str]:
    """List what goes when models go, each before what it needs.

    With them go those that need one of them, for they cannot work without. With ``dependents`` go also those
    that were only loaded because of them.

    Args:
        names: of the models.
        needs: of all that are loaded.
        kept: models that somebody asked for by name; they stay.
        dependents: whether to take along what nobody needs any more.
    """
    going = _needing(names, needs)
    if dependents:
        _add_orphans(going, needs, kept)
    left = dict.fromkeys(sorted(going))
    order: list[str] = []
    while left:
        free = [one for one in left if not any(one in needs.get(other, ()) for other in left if other != one)]
        for one in free or list(left):
            del left[one]
            order.append(one)
    return order


def _needing(names: Sequence[str], needs: Needs) -> set[str]:
    found = set(names)
    waiting = [*names]
    while waiting:
        current = waiting.pop()
        for model, needed in needs.items():
            if current in needed and model not in found:
                found.add(model)
                waiting.append(model)
    return found


def _add_orphans(going: set[str], needs: Needs, kept: Collection[str]) -> None:
    """Add what was needed by models that go, and by nobody who stays."""
    waiting = list(going)
    while waiting:
        for needed in needs.get(waiting.pop(), ()):
            is_needed = any(needed in others for model, others in needs.items() if model not in going)
            if needed not in going and needed not in kept and needed in needs and not is_needed:
                going.add(needed)
                waiting.append(needed)
