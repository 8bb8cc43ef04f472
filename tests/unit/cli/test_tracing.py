"""From ``--trace-config`` and the older flags to what is traced."""

import pytest

from trilith.cli.flags import FLAGS
from trilith.cli.options import UsageError, build_options
from trilith.cli.parse import parse
from trilith.server.options import ServerOptions, TraceOptions

FILE = "--trace-config=triton,file=a,b=c.json"


def build(*words: str) -> ServerOptions:
    return build_options(parse(["--model-repository=models", *words], FLAGS), "trilith serve models")


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    assert build().trace == TraceOptions()
    assert build().trace.rate == 1000
    assert build().trace.count is None


def test_settings_are_read_by_triton_s_names() -> None:
    options = build(
        FILE,
        "--trace-config=level=TIMESTAMPS",
        "--trace-config=level=tensors",
        "--trace-config",
        "rate=5",
        "--trace-config=count=7",
        "--trace-config=mode=triton",
        "--trace-config=TRITON,log-frequency=9",
    )
    assert options.trace == TraceOptions(
        timestamps=True, tensors=True, rate=5, count=7, log_frequency=9, file="a,b=c.json"
    )
    assert options.notes == ()


def test_the_older_flags_say_the_same_and_yield_to_the_newer() -> None:
    options = build(
        "--trace-file=old.json", "--trace-level=MAX", "--trace-rate=2", "--trace-count=-1",
        "--trace-log-frequency=3", "--trace-config=rate=4",
    )  # fmt: skip
    assert options.trace == TraceOptions(timestamps=True, rate=4, log_frequency=3, file="old.json")
    assert "--trace-file is deprecated; use --trace-config=triton,file=FILE" in options.notes


@pytest.mark.parametrize("word", ["OFF", "false"])
def test_off_prevails_over_whatever_else_is_said(word: str) -> None:
    trace = build(FILE, "--trace-config=level=TIMESTAMPS", f"--trace-config=level={word}").trace
    assert not trace.timestamps
    assert not trace.tensors


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--trace-config=level=TENSORS"], "no file is named"),
        ([FILE, "--trace-config=level=TENSORS", "--trace-config=rate=0"], "rate=0 takes no request"),
    ],
)
def test_what_leads_nowhere_is_said(words: list[str], note: str) -> None:
    assert any(note in line for line in build(*words).notes)


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("level=loud", "expected TIMESTAMPS, TENSORS or OFF"),
        ("rate=-1", "expected a whole number from 0 to 4294967295"),
        ("count=-2", "expected a whole number from -1 to 2147483647"),
        ("count=many", "expected a whole number from -1"),
        ("mode=loud", "expected triton"),
        ("triton,fil=x", "unknown setting; did you mean triton,file?"),
        ("levl=OFF", "unknown setting; did you mean level?"),
        ("jaeger,url=x", "unknown mode 'jaeger'; there are triton"),
        ("rate", "expected NAME,SETTING=VALUE"),
    ],
)
def test_a_setting_that_cannot_be_is_named(word: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(f"--trace-config={word}")
    assert f"--trace-config={word}: " in str(caught.value)
    assert problem in str(caught.value)


def test_a_mistake_in_an_older_flag_names_that_flag() -> None:
    with pytest.raises(UsageError, match="--trace-rate=fast: expected a whole number"):
        build("--trace-rate=fast")
