"""From the words of a command line to values."""

import pytest

from trilith.cli.flags import FLAGS, Standing
from trilith.cli.parse import Parsed, parse


def read(*words: str) -> Parsed:
    return parse(words, FLAGS)


def test_a_value_follows_an_equals_sign_or_is_the_next_word() -> None:
    parsed = read("--http-port=1", "--grpc-port", "2")
    assert parsed.problems == []
    assert (parsed.values["http_port"], parsed.values["grpc_port"]) == (1, 2)


def test_flags_that_are_not_given_have_their_defaults() -> None:
    values = read().values
    assert (values["http_port"], values["grpc_port"], values["metrics_port"]) == (8000, 8001, 8002)
    assert values["exit_timeout_secs"] == 30
    assert values["strict_readiness"] is True
    assert values["model_repository"] == []


def test_a_flag_that_repeats_gathers_its_values_under_every_name_it_has() -> None:
    parsed = read("--model-repository=a", "--model-store", "b", "--model-repository", "c")
    assert parsed.values["model_repository"] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "on", "1"])
def test_yes_is_spelled_as_triton_spells_it(text: str) -> None:
    assert read(f"--allow-http={text}").values["allow_http"] is True


@pytest.mark.parametrize("text", ["false", "False", "off", "OFF", "0"])
def test_no_is_spelled_as_triton_spells_it(text: str) -> None:
    assert read(f"--allow-http={text}").values["allow_http"] is False


@pytest.mark.parametrize(("text", "value"), [("true", 1), ("false", 0), ("3", 3), ("0", 0)])
def test_verbosity_is_a_number_or_a_boolean(text: str, value: int) -> None:
    assert read(f"--log-verbose={text}").values["log_verbose"] == value


def test_a_flag_may_be_cut_short_while_it_stays_unique() -> None:
    assert read("--exit-t=5").values["exit_timeout_secs"] == 5


def test_an_ambiguous_flag_names_what_it_may_be() -> None:
    assert read("--allow-g=1").problems == [
        "--allow-g may be any of --allow-grpc, --allow-gpu-metrics; write it in full"
    ]


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("--http-prt=1", "http-port"),
        ("--model-repo-sitory=x", "model-repository"),
        ("--strict_readiness=1", "strict-readiness"),
    ],
)
def test_an_unknown_flag_gets_the_nearest_known_one(word: str, near: str) -> None:
    (problem,) = read(word).problems
    assert problem.endswith(f"did you mean --{near}?")


def test_an_unknown_flag_that_looks_like_none_gets_no_guess() -> None:
    assert read("--qqqqqqqq=1").problems == ["unknown flag --qqqqqqqq"]


def test_all_mistakes_are_found() -> None:
    problems = read(
        "--nonsuch-flag-x", "--http-port=x", "-v", "--grpc-port=70000", "--allow-http=maybe"
    ).problems
    assert len(problems) == 5


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("--http-port=65536", "--http-port=65536: expected a whole number from 0 to 65535"),
        ("--http-max-input-size=0", "--http-max-input-size=0: expected a whole number of at least 1"),
        ("--log-format=xml", "--log-format=xml: expected default or ISO8601 or json"),
        (
            "--backend-config=,a=b",
            "--backend-config=,a=b: expected NAME,SETTING=VALUE, or SETTING=VALUE for all",
        ),
        ("--metrics-config=a", "--metrics-config=a: expected SETTING=VALUE"),
        ("--disable-auto-complete-config=1", "--disable-auto-complete-config takes no value, found '1'"),
        ("--http-port", "--http-port needs a value: --http-port=PORT"),
        (
            "--model-load-gpu-limit=a",
            "--model-load-gpu-limit is not in this version of Trilith; start without it",
        ),
    ],
)
def test_each_mistake_says_what_was_expected(word: str, problem: str) -> None:
    assert read(word).problems == [problem]


@pytest.mark.parametrize("word", ["--allow-vertex-ai=false", "--rate-limit=OFF", "--model-namespacing=0"])
def test_asking_for_nothing_of_what_is_not_there_yet_is_fine(word: str) -> None:
    assert read(word).problems == []


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("echo,key=value", ("echo", "key", "value")),
        ("key=value", ("", "key", "value")),
        ("echo,key=a=b,c", ("echo", "key", "a=b,c")),
    ],
)
def test_backend_settings_have_a_name_or_hold_for_all(text: str, setting: tuple[str, str, str]) -> None:
    assert read(f"--backend-config={text}").values["backend_config"] == [setting]


def test_words_without_a_flag_are_kept_in_order() -> None:
    assert read("a", "--http-port=1", "b", "--", "--c").rest == ["a", "b", "--c"]


def test_help_is_asked_for_anywhere() -> None:
    assert read("a", "--help").wants_help
    assert not read("a").wants_help


def test_names_of_flags_are_unique() -> None:
    names = [flag.name for flag in FLAGS]
    assert len(names) == len(set(names))


def test_every_flag_that_does_something_says_what() -> None:
    silent = [flag.name for flag in FLAGS if flag.standing is Standing.USED and not flag.text]
    assert all(known.deprecated or known.alias_of for known in FLAGS if known.name in silent)
    assert {"model-store", "strict-model-config", "trace-rate", "server-id"} <= set(silent)
