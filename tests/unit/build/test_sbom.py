"""A bill of materials equals the lock."""

import json
import tomllib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from trilith.build.problems import BuildError
from trilith.build.sbom import Material, read_bill, render
from trilith.cli.main import main

COMMIT, HASH = "ab" * 20, "cd" * 32
LOCK = f"""
format = 1
catalogue = "family"
plan = "{"01" * 32}"
source_date_epoch = 1700000000
[[source]]
name = "server"
sha256 = "{HASH}"
commit = "{COMMIT}"
[[git]]
name = "core.größe"
address = "https://git.example/a b.git"
ref = "v1"
commit = "{COMMIT}"
[[submodule]]
of = "core.größe"
path = "third party/x"
address = "https://git.example/x.git"
commit = "{COMMIT}"
[[archive]]
name = "boost"
address = "https://archives.example/boost.tar.gz"
sha256 = "{HASH}"
[[wheel]]
name = "numpy"
version = "2.0"
sha256 = "{HASH}"
[[wheel]]
name = "maturin"
version = "1.9"
sha256 = "{HASH}"
use = "build"
[[crate]]
name = "serde"
version = "1.0.0"
sha256 = "{HASH}"
[[crate]]
name = "serde"
version = "2.0.0"
sha256 = "{HASH}"
[[debian]]
name = "libc6"
version = "2.36-9+deb12u14"
architecture = "amd64"
sha256 = "{HASH}"
[[image]]
name = "base"
reference = "debian:bookworm"
platform = "linux/amd64"
digest = "sha256:{HASH}"
"""
BILL = read_bill(LOCK)
EMPTY = 'catalogue = "family"\nplan = "01"\nsource_date_epoch = 0\n'


def told_by_cyclonedx(text: str) -> list[tuple[str, str, str]]:
    return sorted(
        (one["name"], one.get("version", ""), one["hashes"][0]["content"])
        for one in json.loads(text)["components"]
    )


def told_by_spdx(text: str) -> list[tuple[str, str, str]]:
    packages = [one for one in json.loads(text)["packages"] if one["SPDXID"] != "SPDXRef-Result"]
    return sorted(
        (one["name"], one.get("versionInfo", ""), one["checksums"][0]["checksumValue"]) for one in packages
    )


def in_lock() -> list[tuple[str, str, str]]:
    return sorted((item.name, item.version, item.hash.removeprefix("sha256:")) for item in BILL.materials)


def test_every_table_of_a_lock_is_told() -> None:
    lock = tomllib.loads(LOCK)
    for table in ("source", "git", "submodule", "archive", "wheel", "crate", "debian", "image"):
        assert len(lock[table]) == sum(item.kind == table for item in BILL.materials)
    assert Material("debian", "libc6", "2.36-9+deb12u14", HASH, architecture="amd64") in BILL.materials


def test_both_forms_equal_the_lock() -> None:
    assert told_by_cyclonedx(render(BILL, "cyclonedx")) == in_lock()
    assert told_by_spdx(render(BILL, "spdx")) == in_lock()


@pytest.mark.parametrize("form", ["cyclonedx", "spdx"])
def test_one_lock_has_one_text(form: str) -> None:
    assert render(BILL, form) == render(BILL, form)


def test_cyclonedx_is_valid() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(render(BILL, "cyclonedx")) is None


def test_spdx_holds_what_it_must() -> None:
    told = json.loads(render(BILL, "spdx"))
    assert told["spdxVersion"] == "SPDX-2.3"
    names = {package["SPDXID"] for package in told["packages"]}
    assert len(names) == len(told["packages"])
    assert all(set("abcdefghijklmnopqrstuvwxyzSPDXRefult0123456789.-") >= set(name) for name in names)
    assert {one["relatedSpdxElement"] for one in told["relationships"]} <= names
    assert [one for one in told["relationships"] if one["relationshipType"] == "BUILD_DEPENDENCY_OF"]


def test_an_empty_lock_is_told_too() -> None:
    empty = read_bill(EMPTY)
    assert told_by_spdx(render(empty, "spdx")) == []
    assert json.loads(render(empty, "cyclonedx"))["metadata"]["timestamp"].startswith("1970-01-01")


@pytest.mark.parametrize(
    "text", ["", "= x", "catalogue = 1", EMPTY + "[[git]]\nref = 'x'", EMPTY + "git = 3"]
)
def test_what_is_no_lock_is_explained(text: str) -> None:
    with pytest.raises(BuildError, match="is no lock"):
        read_bill(text)


def test_the_command_reads_a_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "trilith-build.lock"
    path.write_text(LOCK)
    assert main(["build", "sbom", str(path)]) == 0
    assert told_by_cyclonedx(capsys.readouterr().out) == in_lock()
    assert main(["build", "sbom", str(path), "--format=spdx", f"--output={tmp_path}/s.json"]) == 0
    assert told_by_spdx((tmp_path / "s.json").read_text()) == in_lock()
    assert main(["build", "sbom", str(path), "--format=spxd"]) == 2
    assert "did you mean 'spdx'?" in capsys.readouterr().err
