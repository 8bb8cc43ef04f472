"""Who has a shared library: data beside the catalogues, the same for all of them."""

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

_DATA = Path(__file__).parent / "data" / "libraries.toml"


@dataclass(frozen=True)
class Owner:
    """Who has a library."""

    debian: str = ""
    component: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Say what to do to have it."""
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
    return {name: Owner(**table) for name, table in tables.items()}
