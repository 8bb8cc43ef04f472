"""Lists of packages, held against release files that a key of the tests signed."""

import gzip
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from trilith.build.locking.indexes import Target, check_indexes
from trilith.build.locking.model import LockedDebian
from trilith.build.locking.signatures import check_signature, keys_of
from trilith.build.problems import BuildError

pytestmark = pytest.mark.skipif(
    not all(shutil.which(name) for name in ("gpg", "gpgv", "apt-get")),
    reason="gpg, gpgv and apt come with Debian's system, and one of them is not here",
)
SHA256 = "a" * 64
PACKAGES = f"Package: small\nVersion: 1\nSHA256: {SHA256}\n"
SMALL = LockedDebian("small", "1", "all", SHA256)
KEY = "main/binary-amd64/Packages"


@dataclass(frozen=True)
class Repository:
    """What apt has of a repository."""

    lists: Path
    ring: Path
    home: Path

    @property
    def target(self) -> Target:
        """Its list of packages."""
        file = self.lists / "somewhere_dists_stable_main_binary-amd64_Packages.gz"
        return Target(
            KEY, file, "Somebody", "http://user:pass@somewhere", "stable", "main", f"{self.entry}:2"
        )

    @property
    def entry(self) -> Path:
        """The file that names it, second of two."""
        return self.lists.parent / "sources.sources"

    def write(self, packages: str = PACKAGES, release: str = "") -> None:
        """Write and sign it."""
        self.target.file.write_bytes(gzip.compress(packages.encode()))
        sha256 = hashlib.sha256(packages.encode()).hexdigest()
        text = release or f"Date: today\nMD5Sum:\n x 1 {KEY}\nSHA256:\n {sha256} {len(packages)} {KEY}\n"
        (self.home / "Release").write_text(text)
        sign(self.home, self.home / "Release", self.inside)

    @property
    def inside(self) -> Path:
        """The signed release file."""
        return self.lists / "somewhere_dists_stable_InRelease"


def sign(home: Path, text: Path, target: Path) -> None:
    gpg(home, "--yes", "--output", str(target), "--clear-sign", str(text))


def gpg(home: Path, *words: str) -> bytes:
    given = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *words]
    return subprocess.run(given, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key."""
    folder = tmp_path_factory.mktemp("k")
    gpg(folder, "--quick-generate-key", "Tests <tests@example.org>", "ed25519", "sign", "never")
    return folder


@pytest.fixture
def repository(home: Path, tmp_path: Path) -> Repository:
    """A repository that the key signed."""
    (tmp_path / "lists").mkdir()
    ring = tmp_path / "ring.gpg"
    ring.write_bytes(gpg(home, "--export"))
    found = Repository(tmp_path / "lists", ring, home)
    other = "Types: deb\nURIs: http://other\nSuites: x\nSigned-By: /nowhere.gpg\n"
    found.entry.write_text(
        f"{other}\nTypes: deb\nURIs: http://somewhere\nSuites: stable\nSigned-By: {ring}\n"
    )
    found.write()
    return found


def test_a_signed_list_is_locked_with_who_signed_it(repository: Repository) -> None:
    index = check_indexes([repository.target], [SMALL]).locked[0]
    assert (index.name, index.date) == ("Somebody stable main", "today")
    assert index.sha256 == hashlib.sha256(PACKAGES.encode()).hexdigest()
    assert index.release == hashlib.sha256(repository.inside.read_bytes()).hexdigest()
    fingerprint = gpg(repository.home, "--list-keys", "--with-colons").decode().split("fpr:::::::::")[1]
    assert index.signed_by == (fingerprint.partition(":")[0],)
    assert index.keyring == keys_of(str(repository.ring)).sha256


def test_a_list_that_was_tampered_with_stops_a_lock(repository: Repository) -> None:
    repository.target.file.write_bytes(gzip.compress(PACKAGES.replace("1", "2").encode()))
    with pytest.raises(BuildError, match=r"the list of packages is not what .*InRelease names"):
        check_indexes([repository.target], [SMALL])


def test_a_release_file_that_was_tampered_with_stops_a_lock(repository: Repository) -> None:
    text = repository.inside.read_text()
    repository.inside.write_text(text.replace("Date: today", "Date: other"))
    with pytest.raises(BuildError, match="nobody whose keys its source names signed it as it is"):
        check_indexes([repository.target], [SMALL])


def test_what_stands_outside_the_signature_counts_for_nothing(repository: Repository) -> None:
    forged = hashlib.sha256(b"forged").hexdigest()
    repository.target.file.write_bytes(gzip.compress(b"forged"))
    repository.inside.write_text(f"SHA256:\n {forged} 6 {KEY}\n\n{repository.inside.read_text()}")
    with pytest.raises(BuildError):
        check_indexes([repository.target], [])


def test_a_key_of_somebody_else_is_no_key(repository: Repository, tmp_path: Path) -> None:
    other = tmp_path / "o"
    other.mkdir(mode=0o700)
    gpg(other, "--quick-generate-key", "Other <other@example.org>", "ed25519", "sign", "never")
    repository.ring.write_bytes(gpg(other, "--export"))
    with pytest.raises(BuildError, match="nobody whose keys"):
        check_indexes([repository.target], [SMALL])
    with pytest.raises(BuildError, match="nobody whose keys"):
        check_signature(repository.inside, keys_of(f"{repository.ring} {'A' * 40}"))


def test_keys_may_be_armoured_and_stand_in_the_source(repository: Repository) -> None:
    armoured = gpg(repository.home, "--export", "--armor").decode()
    inside = "\n".join(f" {line or '.'}" for line in armoured.splitlines())
    assert check_signature(repository.inside, keys_of(f"\n{inside}")).by
    repository.ring.with_suffix(".asc").write_text(armoured)
    assert check_signature(repository.inside, keys_of(str(repository.ring.with_suffix(".asc")))).by


def test_a_signature_may_stand_beside(repository: Repository) -> None:
    text, beside = repository.home / "Release", repository.inside.with_name("somewhere_dists_stable_Release")
    shutil.copy(text, beside)
    gpg(repository.home, "--yes", "--output", f"{beside}.gpg", "--detach-sign", str(text))
    repository.inside.unlink()
    assert check_indexes([repository.target], [SMALL]).locked[0].signed_by
    Path(f"{beside}.gpg").unlink()
    found = check_indexes([repository.target], [SMALL])
    assert found.locked[0].signed_by == ()
    assert found.notes == ("packages of Somebody stable main are signed by nobody",)


def test_a_package_that_no_list_names_is_refused(repository: Repository) -> None:
    other = LockedDebian("other", "2", "all", "b" * 64)
    with pytest.raises(BuildError, match="package other 2: stands in no list that was checked"):
        check_indexes([repository.target], [SMALL, other])


def test_an_address_shows_no_password_where_nobody_says_who_made_it(repository: Repository) -> None:
    target = repository.target
    plain = Target(target.key, target.file, "", target.address, "stable", "", target.entry)
    assert plain.name == "***@somewhere stable"
