import shutil
from pathlib import Path

import pytest
from benchmarks import peers
from benchmarks.errors import SetupError


def test_the_variable_says_where_the_peers_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(peers.DIRECTORY_VARIABLE, "/somewhere")
    assert peers.locate(Path("/project")).directory == Path("/somewhere")
    monkeypatch.delenv(peers.DIRECTORY_VARIABLE)
    assert peers.locate(Path("/project")).directory == Path("/project/benchmarks/.peers")


def test_missing_tools_are_named_in_one_sentence_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None if tool == "h2load" else f"/usr/bin/{tool}")
    monkeypatch.setattr(peers, "find_library", lambda _: None)
    with pytest.raises(SetupError, match=r"h2load and libb64.*apt-get install nghttp2-client libb64-0d"):
        peers.require_tools()
