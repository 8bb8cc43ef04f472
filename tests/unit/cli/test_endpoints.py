"""From the values of a command line to the doors that a server opens."""

import pytest
from tests.unit.cli.test_options import build, endpoint

from trilith.cli.options import UsageError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/a.sock", "unix:/run/a.sock"),
        ("unix:///run/a.sock", "unix:/run/a.sock"),
        ("unix:a.sock", "unix:a.sock"),
        (f"unix:/{'a' * 106}", f"unix:/{'a' * 106}"),
    ],
)
def test_a_socket_is_named_as_grpc_clients_name_it(text: str, address: str) -> None:
    made = endpoint(build(f"--grpc-address={text}"), "grpc")
    assert (made.address, made.is_local) == (address, True)
    assert made.settings["socket_mode"] == 0o660


@pytest.mark.parametrize("text", ["unix:", "unix://host/path", f"unix:/{'a' * 107}"])
def test_what_is_no_path_of_a_socket_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="path of a socket"):
        build(f"--http-address={text}")


@pytest.mark.parametrize("text", ["rw", "888", "1777", "-1"])
def test_permissions_have_to_be_octal(text: str) -> None:
    with pytest.raises(UsageError, match="in octal, such as 660"):
        build(f"--unix-socket-mode={text}")


def test_metrics_beside_a_socket_are_for_this_machine_alone() -> None:
    options = build("--http-address=unix:/a")
    assert endpoint(options, "metrics").address == "127.0.0.1"


def test_two_endpoints_cannot_share_a_socket_and_ports_do_not_clash_with_it() -> None:
    with pytest.raises(UsageError, match="--http-address and --grpc-address are both unix:/a"):
        build("--http-address=unix:/a", "--grpc-address=unix:///a")
    build("--http-address=unix:/a", "--http-port=8001", "--metrics-address=unix:/b")


def test_tls_takes_its_files() -> None:
    files = ("--grpc-server-cert=c", "--grpc-server-key=k", "--grpc-root-cert=r")
    assert "encryption" not in endpoint(build(*files), "grpc").settings
    made = endpoint(build("--grpc-use-ssl=true", *files), "grpc")
    assert made.is_encrypted
    assert made.settings["encryption"] == {"certificate": "c", "key": "k"}
    made = endpoint(build("--grpc-use-ssl-mutual=true", *files), "grpc")
    assert made.settings["encryption"] == {"certificate": "c", "key": "k", "roots": "r"}
    assert not endpoint(build("--grpc-use-ssl=true", *files), "http").is_encrypted


def test_all_files_that_tls_lacks_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        build("--http-use-ssl-mutual=true", "--grpc-use-ssl=true", "--grpc-server-key=k")
    assert str(caught.value).splitlines() == [
        "--http-use-ssl-mutual=true needs --http-server-cert=FILE",
        "--http-use-ssl-mutual=true needs --http-server-key=FILE",
        "--http-use-ssl-mutual=true needs --http-root-cert=FILE",
        "--grpc-use-ssl=true needs --grpc-server-cert=FILE",
    ]


def test_restrictions_reach_their_endpoint_with_the_prefix_of_grpc() -> None:
    options = build(
        "--http-restricted-api=health,trace:Key=a=b",
        "--grpc-restricted-protocol=inference:key=c",
        "--grpc-restricted-protocol=logging:other=d",
    )
    assert endpoint(options, "http").settings["restrictions"] == [
        {"apis": ("health", "trace"), "header": "Key", "value": "a=b"}
    ]
    assert endpoint(options, "grpc").settings["restrictions"] == [
        {"apis": ("inference",), "header": "triton-grpc-protocol-key", "value": "c"},
        {"apis": ("logging",), "header": "triton-grpc-protocol-other", "value": "d"},
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("health", "expected API1,API2:KEY=VALUE"),
        ("health:key=", "expected API1,API2:KEY=VALUE"),
        (":key=value", "expected API1,API2:KEY=VALUE"),
        ("health,:key=value", "'': unknown; there are health, metadata"),
        ("health:a b=c", "'a b' cannot be the name of a header"),
        ("health:a=b\n", "the value cannot be sent in a header"),
        ("health:a=é", "the value cannot be sent in a header"),
    ],
)
def test_a_restriction_that_cannot_be_is_explained(text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        build(f"--http-restricted-api={text}")


@pytest.mark.parametrize("words", [("health:a=b", "trace,health:c=d"), ("health,health:a=b",)])
def test_a_part_of_the_protocol_is_restricted_once(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="'health' is restricted twice; it can be in one group only"):
        build(*(f"--grpc-restricted-protocol={word}" for word in words))
    build("--grpc-restricted-protocol=health:a=b", "--http-restricted-api=health:a=b")


def test_what_connections_of_grpc_are_told() -> None:
    settings = endpoint(
        build(
            "--grpc-max-connection-age=5000",
            "--grpc-max-connection-age-grace=0",
            "--grpc-infer-response-compression-level=HIGH",
            "--grpc-header-forward-pattern=x-.*",
        ),
        "grpc",
    ).settings
    assert settings["max_connection_age_ms"] == 5000
    assert settings["max_connection_age_grace_ms"] == 0
    assert settings["response_compression"] == "high"
    assert settings["header_pattern"] == "x-.*"
