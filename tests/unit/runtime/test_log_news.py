"""How worker processes learn that the log is to be written in another way."""

import json
import socket
from dataclasses import asdict

import pytest

from trilith.runtime import log_news
from trilith.runtime.log_news import LogNews
from trilith.runtime.logs import LogOptions

LOUD = LogOptions(verbose=3, info=False)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[LogOptions]:
    """What the log of this process was told."""
    changes: list[LogOptions] = []
    monkeypatch.setattr(log_news, "change", changes.append)
    monkeypatch.setattr(LogNews, "_latest", None)
    return changes


def test_news_reach_this_process_and_every_line_that_is_open(told: list[LogOptions]) -> None:
    lines = [LogNews(), LogNews(), LogNews()]
    lines[1].close()
    LogNews.announce(LOUD)
    assert told == [LOUD]
    for line in (lines[0], lines[2]):
        assert json.loads(line.theirs.recv(4096)) == asdict(LOUD)
        line.close()


def test_a_worker_that_starts_later_is_told_what_holds_then() -> None:
    assert LogNews.latest(LogOptions(info=False)) == LogOptions(info=False)
    LogNews.announce(LOUD)
    assert LogNews.latest(LogOptions()) == LOUD


def test_a_worker_that_is_gone_or_hangs_is_passed_over() -> None:
    gone, hanging = LogNews(), LogNews()
    gone.theirs.close()
    for _ in range(5000):
        LogNews.announce(LOUD)
    gone.close()
    hanging.close()


def test_a_worker_follows_until_the_server_ends(told: list[LogOptions]) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for options in (LOUD, LogOptions(format="json")):
        ours.send(json.dumps(asdict(options)).encode())
    ours.close()
    log_news._follow(theirs)
    assert told == [LOUD, LogOptions(format="json")]
