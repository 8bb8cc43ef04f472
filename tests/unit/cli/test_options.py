"""From the values of a command line to what the server is told."""

from pathlib import Path

import pytest

from trilith.cli.flags import FLAGS
from trilith.cli.options import DEFAULT_QUANTILES, UsageError, build_options
from trilith.cli.parse import parse
from trilith.runtime.limits import Supply
from trilith.server.options import CacheChoice, Endpoint, ServerOptions


def build(*words: str) -> ServerOptions:
    return build_options(parse(["--model-repository=models", *words], FLAGS), "trilith serve models")


def endpoint(options: ServerOptions, name: str) -> Endpoint:
    return next(entry for entry in options.endpoints if entry.name == name)


def test_the_defaults_are_triton_s() -> None:
    options = build()
    assert options.repositories == (Path("models"),)
    assert [(entry.name, entry.address, entry.port) for entry in options.endpoints] == [
        ("http", "0.0.0.0", 8000),  # noqa: S104  compared, not bound
        ("grpc", "0.0.0.0", 8001),  # noqa: S104  compared, not bound
        ("metrics", "0.0.0.0", 8002),  # noqa: S104  compared, not bound
    ]
    assert endpoint(options, "http").settings == {
        "max_input_size": 67108864,
        "reuse_port": False,
        "client_timeout_seconds": 30,
    }
    assert endpoint(options, "grpc").settings == {
        "max_message_size": 2147483647,
        "reuse_port": False,
        "keepalive_time_ms": 7200000,
        "keepalive_timeout_ms": 20000,
        "client_timeout_seconds": 30,
    }
    assert endpoint(options, "metrics").settings == {"cpu": True, "client_timeout_seconds": 30}
    assert (options.server_id, options.strict_readiness, options.exit_on_error) == ("triton", True, True)
    assert (options.exit_timeout_seconds, options.load_threads, options.threads) == (30, 4, 0)
    assert options.complete_configurations
    assert options.notes == ()


def test_how_often_grpc_may_be_pinged_is_handed_on_where_it_is_said() -> None:
    options = build(
        "--grpc-keepalive-permit-without-calls=0",
        "--grpc-http2-max-pings-without-data=0",
        "--grpc-http2-min-recv-ping-interval-without-data=10000",
        "--grpc-http2-max-ping-strikes=0",
    )
    settings = endpoint(options, "grpc").settings
    assert settings["permit_without_calls"] is False
    assert (settings["max_pings_without_data"], settings["max_ping_strikes"]) == (0, 0)
    assert settings["min_ping_interval_ms"] == 10000


def test_metrics_listen_where_http_does_unless_told_otherwise() -> None:
    assert endpoint(build("--http-address=::1"), "metrics").address == "::1"
    assert endpoint(build("--http-address=::1", "--metrics-address=::2"), "metrics").address == "::2"


def test_an_endpoint_that_is_not_allowed_is_left_out() -> None:
    options = build("--allow-http=false", "--allow-metrics=0")
    assert [entry.name for entry in options.endpoints] == ["grpc"]


@pytest.mark.parametrize("word", ["--disable-auto-complete-config", "--strict-model-config=true"])
def test_completion_is_switched_off_by_either_name(word: str) -> None:
    assert not build(word).complete_configurations


def test_clients_may_share_memory_only_where_that_is_asked_for() -> None:
    assert not build().client_shared_memory
    assert build("--allow-client-shm=true").client_shared_memory


def test_a_deprecated_flag_is_noted_with_its_successor() -> None:
    assert build("--strict-model-config=false").notes == (
        "--strict-model-config is deprecated; use --disable-auto-complete-config",
    )


def test_flags_without_effect_are_noted_once() -> None:
    notes = build("--backend-directory=/x", "--host-policy=a,b=c", "--host-policy=a,c=d").notes
    assert notes == ("accepted without effect: --backend-directory, --host-policy",)


def test_backend_settings_are_grouped() -> None:
    options = build("--backend-config=a,x=1", "--backend-config=y=2", "--backend-config=a,z=3")
    assert options.backend_settings == {"a": {"x": "1", "z": "3"}, "": {"y": "2"}}


def test_latencies_are_as_the_metrics_configuration_says() -> None:
    assert build().latencies == {
        "summaries": False,
        "histograms": False,
        "quantiles": [list(pair) for pair in DEFAULT_QUANTILES],
    }
    options = build(
        "--metrics-config=summary_latencies=true",
        "--metrics-config=summary_quantiles=0.5:0.05,0.9:0.01",
        "--metrics-config=histogram_latencies=true",
        "--metrics-config=counter_latencies=true",
    )
    assert options.latencies == {
        "summaries": True,
        "histograms": True,
        "quantiles": [[0.5, 0.05], [0.9, 0.01]],
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--metrics-config=summary_latency=true", "did you mean summary_latencies?"),
        ("--metrics-config=summary_quantiles=0.5", "expected QUANTILE:ERROR, both from 0 to 1, found '0.5'"),
        ("--metrics-config=summary_quantiles=2:0", "found '2:0'"),
        ("--metrics-config=summary_latencies=maybe", "expected true or false"),
        ("--metrics-config=counter_latencies=false", "the counters are always served"),
        ("--load-model=m", "names what to load in --model-control-mode=explicit"),
        ("--http-port=8001", "--http-port and --grpc-port are both 8001"),
    ],
)
def test_values_that_cannot_be_are_named(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(word)
    assert message in str(caught.value)


def test_free_ports_do_not_clash() -> None:
    assert len(build("--http-port=0", "--grpc-port=0", "--metrics-port=0").endpoints) == 3


def test_the_same_port_on_other_addresses_does_not_clash() -> None:
    words = ("--http-address=127.0.0.1", "--grpc-address=127.0.0.2", "--grpc-port=8000")
    assert len(build(*words).endpoints) == 3


def test_all_mistakes_are_in_one_error() -> None:
    with pytest.raises(UsageError) as caught:
        build_options(parse(["--http-port=x", "--load-model=m"], FLAGS), "trilith serve models")
    assert len(str(caught.value).splitlines()) == 3
    assert "no model repository is named; for example: trilith serve models" in str(caught.value)


def test_the_log_is_as_its_flags_say() -> None:
    log = build("--log-format=JSON", "--log-verbose=2", "--log-info=false", "--log-file=x").log
    assert (log.format, log.verbose, log.info, log.file) == ("json", 2, False, "x")


def test_all_models_are_loaded_by_a_star_that_stands_alone() -> None:
    words = ["--model-control-mode=explicit", "--load-model=*", "--load-model=m"]
    with pytest.raises(UsageError, match="name no others beside it"):
        build(*words)
    assert build(*words[:2]).startup_models == ("*",)
    assert build(words[0], "--load-model=a", "--load-model=b").startup_models == ("a", "b")


def test_settings_of_one_cache_are_put_together() -> None:
    options = build("--cache-config=local,size=64", "--cache-config=local,other=a=b")
    assert options.cache == CacheChoice("local", {"size": "64", "other": "a=b"})
    assert build().cache is None


def test_the_old_name_of_the_cache_s_size_still_says_it() -> None:
    options = build("--response-cache-byte-size=64")
    assert options.cache == CacheChoice("local", {"size": "64"})
    assert "--response-cache-byte-size is deprecated" in options.notes[0]
    assert build("--response-cache-byte-size=0").cache is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cache-config=size=64"], "--cache-config=size=64: expected NAME,SETTING=VALUE"),
        (["--cache-config=local"], "--cache-config=local: expected NAME,SETTING=VALUE"),
        (["--cache-config=local,size"], "expected NAME,SETTING=VALUE"),
        (
            ["--cache-config=local,size=1", "--cache-config=redis,host=x"],
            "--cache-config: a server has one cache, found settings of local, redis",
        ),
        (["--cache-config=local,size=1", "--response-cache-byte-size=1"], "exclude each other"),
        (["--response-cache-byte-size=abc"], "expected a whole number of at least 0"),
    ],
)
def test_a_cache_that_cannot_be_is_explained(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(*words)
    assert message in str(caught.value)


def test_instances_are_limited_only_where_it_is_asked_for() -> None:
    assert build().supplies is None
    assert build("--rate-limit=off", "--rate-limit-resource=R:1").supplies is None
    assert build("--rate-limit=execution_count").supplies == ()
    limited = build(
        "--rate-limit=execution_count", "--rate-limit-resource=R:4", "--rate-limit-resource=S:2:1"
    )
    assert limited.supplies == (Supply("R", 4), Supply("S", 2, 1))


@pytest.mark.parametrize("text", ["R", "R:", ":1", "R:x", "R:-1", "R:1:", "R:1:2:3", "R:1:gpu"])
def test_a_resource_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(f"--rate-limit-resource={text}")
    assert "expected NAME:COUNT or NAME:COUNT:DEVICE" in str(caught.value)


@pytest.mark.parametrize("address", ["s3://bucket/models", "gs://bucket/models", "as://account/models"])
def test_a_repository_that_is_not_on_this_machine_is_refused_with_the_way_out(address: str) -> None:
    with pytest.raises(UsageError, match=f"'{address}' is not on this machine.*copy it into a folder"):
        build(f"--model-repository={address}")
