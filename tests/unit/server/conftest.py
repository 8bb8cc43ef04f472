"""A server over the stand-in for the native core."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))  # the doubles are shared by several folders of tests

from tests.doubles import native  # noqa: E402  needs the path above
from tests.unit.runtime.conftest import CATALOGUE  # noqa: E402


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import trilith  # noqa: PLC0415
    import trilith.config  # noqa: PLC0415  with the native core it was imported with

    monkeypatch.setitem(sys.modules, "trilith.native", native)
    monkeypatch.setattr(trilith, "native", native, raising=False)
    monkeypatch.setattr("trilith.runtime.bricks.discover", lambda: CATALOGUE)
    monkeypatch.setattr(native.Server, "last", None)
    native.Server.made.clear()
    yield
    native.TAKEN_PORTS.clear()
