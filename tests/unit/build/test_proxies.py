"""A proxy that is named on the command line."""

import os
from pathlib import Path

import pytest

from trilith.build import BuildError
from trilith.build.proxies import use_proxy
from trilith.cli.main import main


def test_every_program_is_told_of_the_proxy() -> None:
    variables = {"no_proxy": "localhost"}
    use_proxy("http://me:secret@proxy.example:3128", variables)
    assert variables["https_proxy"] == variables["HTTP_PROXY"] == "http://me:secret@proxy.example:3128"
    assert variables["no_proxy"] == "localhost"


@pytest.mark.parametrize("address", ["proxy.example:3128", "http://", "ftp://a", "http://a\n"])
def test_what_is_no_address_is_refused(address: str) -> None:
    variables: dict[str, str] = {}
    with pytest.raises(BuildError, match=r"expected an address; write http://HOST:PORT"):
        use_proxy(address, variables)
    assert not variables


def test_a_proxy_lands_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "")  # put back afterwards
    words = [
        "--preset=minimal",
        f"--build-dir={tmp_path}/b",
        "--proxy",
        "http://me:secret@proxy.example:3128",
    ]
    assert main(["build", "--dryrun", "-q", *words]) == 0
    assert os.environ["https_proxy"] == "http://me:secret@proxy.example:3128"
    for path in (tmp_path / "b").iterdir():
        assert "secret" not in path.read_text()
        assert "proxy.example" not in path.read_text()
