"""Builds that are told to stop: nothing that they have started goes on, and they can be run again."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from support.family import SITE, Family, catalogue_of, make, make_family
from support.results import make_server
from support.server import wait_until
from trilith.cli.main import main

pytestmark = pytest.mark.usefixtures("cmake_of_the_environment")

BUILD = [sys.executable, "-m", "trilith.cli.main", "build"]
TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PART = """
cmake_minimum_required(VERSION 3.18)
project(part NONE)
add_custom_target(slow ALL COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/slow.sh)
install(FILES slow.sh DESTINATION backends/part)
"""
# Whoever holds the pipe has not ended: its reader sees the end when nobody does any more.
SLOW = """
if [ -p "$PIPE" ]; then exec >"$PIPE"; echo began; sleep 3600; fi
"""
# In a session of its own, and not to be asked.
STUBBORN = """
if [ -p "$PIPE" ]; then
    exec >"$PIPE"
    setsid sh -c 'trap "echo asked" TERM INT; echo began; while :; do sleep 3600; done'
fi
"""
# An engine whose containers belong to nobody here: what attaches to one hears no signal, and ends with it.
ENGINE = """
echo "$*" >>"$LOG"
case $1 in
create) echo 42 ;;
start) trap "" TERM INT; exec 3>"$PIPE"; echo began >&3; read -r _ <"$GONE" ;;
rm) echo gone >"$GONE" ;;
esac
"""


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Have commands hear every signal, whatever these tests were told to ignore (by nohup, or by a shell)."""
    ignored = [number for number in (*TOLD, signal.SIGQUIT) if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@dataclass
class Build:
    """A command that runs, and the pipe that something it has started writes into."""

    process: subprocess.Popen[str]
    pipe: IO[str]

    def stop(self, number: int) -> tuple[int, str]:
        """Send a signal to the command alone; its status and what it said."""
        self.process.send_signal(number)
        _, errors = self.process.communicate()
        return self.process.returncode, errors

    def nothing_goes_on(self) -> bool:
        """Wait until nothing holds the pipe."""
        self.pipe.read()
        return True


@contextmanager
def running(words: list[str], folder: Path, **environment: str) -> Iterator[Build]:
    """Run a command until something that it starts says that it has begun."""
    pipe = folder / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    variables = {**os.environ, "PIPE": str(pipe), "TRILITH_STORE": str(folder / "own"), **environment}
    done = subprocess.Popen(
        [*BUILD, *words], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with done, pipe.open() as told:
        try:
            assert told.readline() == "began\n"
            yield Build(done, told)
        finally:
            done.kill()


def selection(folder: Path, slow: str) -> list[str]:
    """Write a part whose building does not end."""
    mirrors = folder / "mirrors"
    mirrors.mkdir()
    make(mirrors, "part", {"CMakeLists.txt": PART, "slow.sh": slow})
    (folder / "slow.toml").write_text(catalogue_of("slow", "A part that takes long"))
    (folder / "mirrors.toml").write_text(f'[git]\n"{SITE}/" = "file://{mirrors}/"\n')
    words = [f"--catalogue={folder}/slow.toml", "--no-core-build", "--no-container-build", "--backend=part"]
    return [*words, f"--mirrors={folder}/mirrors.toml", f"--build-dir={folder}/build"]


@pytest.mark.parametrize("number", TOLD)
def test_a_signal_to_the_builder_alone_ends_the_whole_build(tmp_path: Path, number: int) -> None:
    words = selection(tmp_path, SLOW)
    with running(words, tmp_path) as build:
        status, errors = build.stop(number)
        assert build.nothing_goes_on()
    assert status == 128 + number
    assert errors.splitlines()[-1] == (
        f"trilith build: stopped by {signal.Signals(number).name}; ended with all that they had started: "
        "cmake_build. Run it again: what is whole is kept"
    )
    (tmp_path / "pipe").unlink()
    done = subprocess.run([*BUILD, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_z_sends_all_of_it_to_sleep(tmp_path: Path) -> None:
    words = selection(tmp_path, SLOW.replace("echo began", "echo began; echo $$"))
    with running(words, tmp_path) as build:
        shell = int(build.pipe.readline())
        for number, state in ((signal.SIGTSTP, "T"), (signal.SIGCONT, "S")):
            build.process.send_signal(number)
            for pid in (shell, build.process.pid):
                wait_until(lambda pid=pid, state=state: state_of(pid) == state, f"{pid} in state {state}")
        status, _ = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_who_ignores_hanging_up_goes_on(tmp_path: Path) -> None:
    words = selection(tmp_path, SLOW.replace("sleep 3600", 'read -r _ <"$MORE"'))
    os.mkfifo(tmp_path / "more")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(words, tmp_path, MORE=f"{tmp_path}/more") as build:
            signal.signal(signal.SIGHUP, before)
            build.process.send_signal(signal.SIGHUP)
            (tmp_path / "more").write_text("\n")
            assert build.process.wait() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_signal_kills_what_does_not_want_to_end(tmp_path: Path) -> None:
    with running(selection(tmp_path, STUBBORN), tmp_path) as build:
        build.process.send_signal(signal.SIGTERM)
        assert build.pipe.readline() == "asked\n"
        status, _ = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is a package of the system, and is not here")
def test_a_build_from_a_lock_lets_go_of_its_folder(tmp_path: Path) -> None:
    words, lock = selection(tmp_path, SLOW), f"{tmp_path}/L"
    assert main(["build", "lock", *words, f"--output={lock}", f"--store={tmp_path}/own"]) == 0
    command = [f"--lock={lock}", f"--mirrors={tmp_path}/mirrors.toml", f"--build-dir={tmp_path}/build"]
    with running([*command, "--prove", "--quiet"], tmp_path) as build:
        status, errors = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM
    assert "Run it again" in errors
    (tmp_path / "pipe").unlink()
    done = subprocess.run([*BUILD, *command, f"--store={tmp_path}/own"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_container_of_a_build_is_removed(tmp_path: Path) -> None:
    engine, log, gone = tmp_path / "engine", tmp_path / "log", tmp_path / "gone"
    engine.write_text(f"#!/bin/sh{ENGINE}")
    engine.chmod(0o755)
    os.mkfifo(gone)
    words = ["--catalogue=triton", "--backend=identity", "--no-core-build", "--image=base,debian:bookworm"]
    command = [*words, "--container-build", f"--build-dir={tmp_path}/build"]
    with running(command, tmp_path, ENGINE=str(engine), LOG=str(log), GONE=str(gone)) as build:
        status, _ = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM
    assert log.read_text().splitlines()[-1] == "rm --force 42"


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Family, list[str]]:
    """A family that is locked, and the words that fetch it; this user's own store holds all of it."""
    family, own = make_family(tmp_path), tmp_path / "own"
    monkeypatch.setenv("TRILITH_STORE", str(own))
    lock, rules = f"--lock={tmp_path}/L", f"--mirrors={family.rules}"
    assert main(["build", "lock", *family.words, rules, f"--output={tmp_path}/L"]) == 0
    assert main(["build", "fetch", lock, f"--to={own}", rules, "--quiet"]) == 0
    return family, ["fetch", lock, f"--to={tmp_path}/store", rules, "--quiet"]


def test_a_fetch_ends_its_git(locked: tuple[Family, list[str]], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "own" / "git")
    with running(locked[1], tmp_path, GIT_EXEC_PATH=executables(tmp_path / "programs")) as build:
        status, errors = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM
    assert "ended with all that they had started: git. Run it again" in errors
    assert not [*tmp_path.glob("store/git/*"), *tmp_path.glob("store/partial/scratch-*")]
    assert main(["build", *locked[1]]) == 0


def test_a_fetch_waits_for_no_server(locked: tuple[Family, list[str]], tmp_path: Path) -> None:
    family, words = locked
    sha256 = hashlib.sha256(family.archive).hexdigest()
    (tmp_path / "own" / "blobs" / sha256).unlink()
    rules = family.rules.read_text()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        family.rules.write_text(f'[archives]\n"https://files.nowhere.example/" = "{address}"\n')
        with subprocess.Popen([*BUILD, *words], stderr=subprocess.PIPE, text=True) as done:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n1234")
                done.send_signal(signal.SIGINT)
                _, errors = done.communicate()
    assert done.returncode == 128 + signal.SIGINT
    assert errors == "trilith build: stopped by SIGINT. Run it again: what is whole is kept\n"
    family.rules.write_text(rules)
    assert main(["build", *words]) == 0


def executables(folder: Path) -> str:
    """Lay out the programs of git; the one that hands out objects never gets to it."""
    told = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    folder.mkdir()
    for path in Path(told.stdout.strip()).iterdir():
        (folder / path.name).symlink_to(path)
    program = folder / "git-upload-pack"
    program.unlink()
    program.write_text('#!/bin/sh\nexec 3>"$PIPE"; echo began >&3; exec sleep 3600\n')
    program.chmod(0o755)
    return str(folder)


def test_the_server_of_a_verification_does_not_outlive_it(tmp_path: Path) -> None:
    launcher = '#!/bin/sh\nexec >"$PIPE"; echo began; sleep 3600 & wait\n'
    root = make_server(tmp_path / "result", launcher=launcher.replace("$PIPE", f"{tmp_path}/pipe"))
    with running(["verify", str(root)], tmp_path) as build:
        status, errors = build.stop(signal.SIGTERM)
        assert build.nothing_goes_on()
    assert status == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in errors


def test_a_half_bundle_goes(
    locked: tuple[Family, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trilith.build.bundling.write_tar", tell_to_stop)
    out = tmp_path / "out"
    assert main(["build", "bundle", locked[1][1], f"{out}/small.tar"]) == 128 + signal.SIGTERM
    assert list(out.iterdir()) == []


def test_a_half_composed_server_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out = make_server(tmp_path / "result"), tmp_path / "out"
    monkeypatch.setattr("shutil.copy2", tell_to_stop)
    words = ["compose", f"--from={root}", "--backend=identity", f"--output={out}/small"]
    assert main(["build", *words]) == 128 + signal.SIGTERM
    assert list(out.iterdir()) == []
    assert capsys.readouterr().err.endswith("stopped by SIGTERM. Run it again: what is whole is kept\n")


def tell_to_stop(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
