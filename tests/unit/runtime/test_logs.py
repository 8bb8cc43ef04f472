"""Log lines, for people and as JSON."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from trilith.runtime.logs import LogOptions, change, configure, current

log = logging.getLogger("trilith.tests")


@pytest.fixture(autouse=True)
def _restore_the_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_has_severity_date_and_time_as_triton_writes_them() -> None:
    stream = io.StringIO()
    configure(LogOptions(), stream)
    log.warning("model '%s' waits", "a")
    assert re.fullmatch(r"W\d{4} \d\d:\d\d:\d\d\.\d{6} model 'a' waits\n", stream.getvalue())


def test_iso_lines_have_the_whole_date() -> None:
    stream = io.StringIO()
    configure(LogOptions(format="ISO8601"), stream)
    log.error("over")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ E over\n", stream.getvalue())


def test_a_block_follows_its_message() -> None:
    stream = io.StringIO()
    configure(LogOptions(), stream)
    log.info("models", extra={"block": "+--+\n|  |"})
    assert stream.getvalue().endswith("models\n+--+\n|  |\n")


def test_json_lines_are_objects_with_fields_and_exceptions() -> None:
    stream = io.StringIO()
    configure(LogOptions(format="json"), stream)
    log.info("two\nlines", extra={"fields": {"models": [1]}, "block": "no table here"})
    try:
        int("ü")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["message"], first["models"]) == ("info", "two\nlines", [1])
    assert "ValueError: invalid literal for int() with base 10: 'ü'" in second["exception"]


def test_colour_is_for_terminals_alone() -> None:
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        configure(LogOptions(), stream)
        log.error("over")
    assert "\033" not in plain.getvalue()
    assert "\033" in terminal.getvalue()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (LogOptions(), ["info", "warning", "error"]),
        (LogOptions(info=False), ["warning", "error"]),
        (LogOptions(warning=False), ["info", "error"]),
        (LogOptions(error=False), ["info", "warning"]),
        (LogOptions(verbose=1), ["debug", "info", "warning", "error"]),
    ],
)
def test_each_level_is_switched_by_itself(options: LogOptions, shown: list[str]) -> None:
    stream = io.StringIO()
    configure(options, stream)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    assert [line.rsplit(" ", 1)[1] for line in stream.getvalue().splitlines()] == shown


def test_a_log_file_takes_the_lines(tmp_path: Path) -> None:
    configure(LogOptions(file=str(tmp_path / "log")))
    log.info("here")
    assert (tmp_path / "log").read_text().endswith(" here\n")


def test_a_change_holds_at_once_and_leaves_where_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "log"
    configure(LogOptions(file=str(file)))
    log.debug("unseen")
    change(LogOptions(format="json", verbose=1, info=False))
    log.debug("seen")
    log.info("left out")
    assert current() == LogOptions(format="json", verbose=1, info=False, file=str(file))
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["message"] == "seen"
