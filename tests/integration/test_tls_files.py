"""What a server says of certificates and keys that it cannot use: all of it, before it listens."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from support.certificates import Authority, write_key
from support.folders import describe, write_model
from support.server import ServerProcess, run_to_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    authority = Authority(folder)
    authority.issue("server")
    authority.issue("old", first_day=-3, last_day=-1)
    authority.issue("future", first_day=2, last_day=3)
    write_key(folder / "locked.key", ec.generate_private_key(ec.SECP256R1()), b"passphrase")
    write_key(folder / "rare.key", ec.generate_private_key(ec.SECP521R1()))
    (folder / "server.der").write_bytes(b"\x30\x82\x01\x00")
    whole = (folder / "server.pem").read_text()
    (folder / "cut.pem").write_text(whole[: len(whole) // 2])
    body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (folder / "nonsense.pem").write_text(body)
    (folder / "empty.pem").write_text("")
    write_model(folder / "models", "echo", describe("identity"))
    return folder


def run(folder: Path, *words: str) -> str:
    status, log = run_to_end(folder / "models", *(word.replace("@", f"{folder}/") for word in words))
    assert status in (1, 2), log
    assert "listen" not in log
    return log


@pytest.mark.parametrize(
    ("certificate", "key", "expected"),
    [
        ("absent.pem", "server.key", "server-cert=@absent.pem: cannot be read: No such file"),
        ("server.pem", "absent.key", "server-key=@absent.key: cannot be read: No such file"),
        ("empty.pem", "server.key", "server-cert=@empty.pem: holds no certificate: it is empty"),
        ("cut.pem", "server.key", "server-cert=@cut.pem: is not whole"),
        ("nonsense.pem", "server.key", "server-cert=@nonsense.pem: is PEM, and what it holds is no X.509"),
        ("server.der", "server.key", "server-cert=@server.der: holds no certificate: it looks like DER"),
        ("server.key", "server.pem", "server-cert=@server.key: holds no certificate: it holds a private key"),
        ("server.pem", "server.pem", "server-key=@server.pem: holds no private key: it holds a certificate"),
        ("server.pem", "old.key", "server-key=@old.key: is not the key of the server's certificate"),
        ("server.pem", "locked.key", "server-key=@locked.key: the key is encrypted"),
        ("server.pem", "rare.key", "server-key=@rare.key: the key is of no kind that can be used"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    certificate: str, key: str, expected: str, folder: Path
) -> None:
    log = run(folder, "--grpc-use-ssl=1", f"--grpc-server-cert=@{certificate}", f"--grpc-server-key=@{key}")
    assert f"--grpc-{expected}".replace("@", f"{folder}/") in log


def test_everything_that_is_wrong_is_told_together(folder: Path) -> None:
    log = run(
        folder,
        *("--http-use-ssl-mutual=true", "--http-server-cert=@absent.pem", "--http-server-key=@locked.key"),
        *("--http-root-cert=@empty.pem", "--grpc-use-ssl=true", "--grpc-server-cert=@server.pem"),
        "--grpc-server-key=@old.key",
    )
    for flag in ("http-server-cert", "http-server-key", "http-root-cert", "grpc-server-key"):
        assert f"--{flag}=" in log


def test_files_that_are_not_named_are_asked_for(folder: Path) -> None:
    log = run(folder, "--http-use-ssl=true", "--grpc-use-ssl-mutual=true", "--grpc-server-key=@server.key")
    assert "--http-use-ssl=true needs --http-server-cert=FILE" in log
    assert "--http-use-ssl=true needs --http-server-key=FILE" in log
    assert "--grpc-use-ssl-mutual=true needs --grpc-server-cert=FILE" in log
    assert "--grpc-use-ssl-mutual=true needs --grpc-root-cert=FILE" in log


@pytest.mark.parametrize(("name", "words"), [("old", "expired on"), ("future", "is not valid before")])
def test_a_certificate_out_of_its_time_serves_with_a_warning(name: str, words: str, folder: Path) -> None:
    pair = (f"--grpc-server-cert={folder}/{name}.pem", f"--grpc-server-key={folder}/{name}.key")
    with ServerProcess(folder / "models", "--grpc-use-ssl=true", *pair, tolerates=words) as server:
        assert f"--grpc-server-cert={folder}/{name}.pem: {words}" in server.log
