"""Who has a shared library: data beside the catalogues, the same for all of them."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from trilith.build.facts import holds

_DATA = Path(__file__).parent / "data" / "libraries.toml"


@dataclass(frozen=True)
class Owner:
    """Who has a library."""

    debian: str = ""
    component: str = ""
    note: str = ""
    origin: str = ""
    """What it is part of, where that is installed on a machine by itself."""
    when: tuple[str, ...] = ()
    """Where this holds of a result, it is the machine's: a result is whole without it."""

    def elsewhere(self, facts: Collection[str]) -> bool:
        """Say whether a result with these facts may lack it: the machine that it will run on has it."""
        return bool(self.note) or (bool(self.when) and holds(self.when, facts))

    def __str__(self) -> str:
        """Say what to do to have it."""
        if self.origin:
            handed = f", or hand it over with --component={self.component}=PATH" if self.component else ""
            return f"it is part of {self.origin}: install that, or take a base that has it{handed}"
        if self.component:
            return f"hand over {self.component} with --component={self.component}=PATH"
        return f"the Debian package {self.debian} has it" + (f"; {self.note}" if self.note else "")


def owner_of(library: str) -> Owner | None:
    """Return who has a library; None if that is not known."""
    known = _known()
    if library in known:
        return known[library]
    return next((owner for pattern, owner in known.items() if fnmatchcase(library, pattern)), None)


@cache
def _known() -> dict[str, Owner]:
    tables = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    return {name: Owner(**{**table, "when": tuple(table.get("when", ()))}) for name, table in tables.items()}
