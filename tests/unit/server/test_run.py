"""From start to exit status."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.doubles import native

from trilith.runtime.logs import LogOptions
from trilith.server import run
from trilith.server.options import Endpoint, ServerOptions, TraceOptions

HTTP = Endpoint("http", "HTTP", "127.0.0.1", 8000, {"max_input_size": 1})
GRPC = Endpoint("grpc", "gRPC", "127.0.0.1", 8001)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "good" / "1").mkdir(parents=True)
    (tmp_path / "good" / "config.pbtxt").write_text('backend: "echo"')
    return tmp_path


def break_one(repository: Path) -> None:
    (repository / "broken" / "1").mkdir(parents=True)
    (repository / "broken" / "config.pbtxt").write_text('backend: "echo"\nmax_batch_siz: 8\n')


def serve(options: ServerOptions, meanwhile: Callable[[native.Server], None] | None = None) -> int:
    """Serve until open, do something, then send SIGTERM; the exit status."""

    def stop() -> None:
        assert native.Server.made.wait(20)
        server = native.Server.last
        assert server is not None
        assert server.opened.wait(20)
        if meanwhile:
            meanwhile(server)
        os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop, daemon=True)
    stopper.start()
    return run.serve(options)


def test_a_server_listens_then_loads_then_opens_and_ends_in_order(repository: Path) -> None:
    ready: list[str] = []
    status = serve(
        ServerOptions((repository,), (HTTP, GRPC)), lambda server: ready.append(server.states["good", 1][0])
    )
    server = native.Server.last
    assert status == 0
    assert server is not None
    assert ready == ["READY"]
    assert server.events == ["serve_http", "serve_grpc", "open", "begin_shutdown", "close"]
    assert server.states["good", 1] == ("UNAVAILABLE", "unloaded")


def test_the_native_core_is_told_name_version_and_extensions(repository: Path) -> None:
    serve(ServerOptions((repository,), (HTTP,), server_id="mine", strict_readiness=False, threads=3))
    server = native.Server.last
    assert server is not None
    assert server.options["name"] == "mine"
    assert server.options["strict_readiness"] is False
    assert server.options["client_shared_memory"] is False
    assert server.options["threads"] == 3
    assert "binary_tensor_data" in server.options["extensions"]
    assert server.listening["http"] == {"address": "127.0.0.1", "port": 8000, "max_input_size": 1}


def test_start_up_ends_with_a_table_and_a_request_to_paste(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    serve(ServerOptions((repository,), (HTTP,)))
    blocks = [getattr(record, "block", "") for record in caplog.records]
    assert any("| good  | 1       | READY  |" in block for block in blocks)
    assert any(block.startswith("curl -s 127.0.0.1:8000/v2/models/good/infer") for block in blocks)
    assert "HTTP on 127.0.0.1:8000" in caplog.text


def test_a_model_that_fails_ends_the_start_with_its_name(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    break_one(repository)
    assert run.serve(ServerOptions((repository,), (HTTP,))) == 1
    assert "not served: 'broken'" in caplog.text
    assert "--exit-on-error=false" in caplog.text
    assert native.Server.last is not None
    assert "open" not in native.Server.last.events


def test_a_model_that_fails_leaves_the_others_serving_where_that_is_asked_for(repository: Path) -> None:
    break_one(repository)
    states: dict[tuple[str, int | None], str] = {}

    def look(server: native.Server) -> None:
        states.update({key: state for key, (state, _) in server.states.items()})

    options = ServerOptions((repository,), (HTTP,), exit_on_error=False)
    assert serve(options, look) == 0
    assert states == {("good", 1): "READY", ("broken", 1): "UNAVAILABLE"}


def test_a_name_in_two_repositories_is_unavailable(repository: Path, tmp_path: Path) -> None:
    other = tmp_path.parent / f"{tmp_path.name}-other"
    (other / "good" / "1").mkdir(parents=True)
    states: dict[tuple[str, int | None], tuple[str, str]] = {}
    options = ServerOptions((repository, other), (HTTP,), exit_on_error=False)
    serve(options, lambda server: states.update(server.states))
    assert states["good", None][0] == "UNAVAILABLE"
    assert "several repositories" in states["good", None][1]


def test_a_missing_repository_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run.serve(ServerOptions((tmp_path / "nowhere",), (HTTP,))) == 1
    assert "nowhere: the model repository cannot be read" in caplog.text


def test_a_port_that_is_taken_is_named_with_its_flag(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    native.TAKEN_PORTS.add(8001)
    assert run.serve(ServerOptions((repository,), (HTTP, GRPC))) == 1
    assert "gRPC: cannot listen on 127.0.0.1:8001: Address already in use" in caplog.text
    assert "choose another with --grpc-port" in caplog.text


def test_certificates_that_cannot_be_used_are_told_before_anything_listens(
    repository: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        native, "TLS_FINDINGS", [("certificate", "expired", False), ("key", "is encrypted", True)]
    )
    secure = replace(HTTP, settings={"encryption": {"certificate": "c", "key": "k"}})
    assert run.serve(ServerOptions((repository,), (secure, GRPC))) == 1
    assert "--http-server-cert=c: expired" in caplog.text
    assert "--http-server-key=k: is encrypted" in caplog.text
    assert native.Server.last is None


def test_an_endpoint_that_was_not_built_in_is_left_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "FEATURES", ("http",))
    monkeypatch.delattr(native.Server, "serve_grpc")
    assert serve(ServerOptions((repository,), (HTTP, GRPC))) == 0
    assert native.Server.last is not None
    assert list(native.Server.last.listening) == ["http"]


def test_requests_that_outlast_the_exit_timeout_are_counted(
    repository: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.Model, "wait_idle", lambda _self, _seconds: False)
    monkeypatch.setattr(native.Model, "in_flight", lambda _self: 3)
    options = ServerOptions((repository,), (HTTP,), exit_timeout_seconds=2)
    assert serve(options) == 1
    assert "requests left of model 'good' version 1: 3" in caplog.text


def test_requests_in_flight_finish_before_the_server_ends(repository: Path) -> None:
    replies: list[native.Reply] = []

    def submit(server: native.Server) -> None:
        model = server.models["good", 1]
        replies.extend(model.submit(IN=np.full((1, 4), number, np.float32)) for number in range(30))

    assert serve(ServerOptions((repository,), (HTTP,)), submit) == 0
    assert all(reply.done.is_set() and not reply.error for reply in replies)


def test_a_signal_while_models_load_ends_the_start(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def load(_self: object) -> bool:
        os.kill(os.getpid(), signal.SIGTERM)
        return go.wait(20)

    monkeypatch.setattr("trilith.runtime.life.ModelLife.load", load)
    assert run.serve(ServerOptions((repository,), (HTTP,))) == 0
    go.set()
    assert native.Server.last is not None
    assert "open" not in native.Server.last.events


def test_what_is_still_loading_is_said_from_time_to_time(
    repository: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(run, "PROGRESS_SECONDS", 0.01)
    said = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "still loading: 'good'" in record.getMessage():
                said.set()

    def load(_self: object) -> bool:
        return said.wait(20)

    monkeypatch.setattr("trilith.runtime.life.ModelLife.load", load)
    listener = Listener()
    logging.getLogger("trilith.server").addHandler(listener)
    try:
        serve(ServerOptions((repository,), (HTTP,), exit_on_error=False))
    finally:
        logging.getLogger("trilith.server").removeHandler(listener)
    assert said.is_set()


def test_notes_of_the_command_line_are_told_once(repository: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = replace(ServerOptions((repository,), (HTTP,)), notes=("accepted without effect: --x",))
    serve(options)
    assert caplog.text.count("accepted without effect: --x") == 1


def test_settings_reach_the_models(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def load(self: object) -> bool:
        seen.append(self._settings)  # type: ignore[attr-defined]
        return False

    monkeypatch.setattr("trilith.runtime.life.ModelLife.load", load)
    log = LogOptions(format="json")
    settings = {"": {"a": "1"}, "echo": {"b": "2"}}
    options = ServerOptions(
        (repository,), (), complete_configurations=False, backend_settings=settings, log=log
    )
    run.serve(options)
    assert seen[0].complete is False  # type: ignore[attr-defined]
    assert seen[0].of_backend("echo") == {"a": "1", "b": "2"}  # type: ignore[attr-defined]
    assert seen[0].log is log  # type: ignore[attr-defined]


def test_a_trace_file_that_cannot_be_written_ends_the_start(
    repository: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trace = TraceOptions(timestamps=True, file=native.Server.unwritable_file)
    status = run.serve(ServerOptions((repository,), (HTTP,), trace=trace))
    assert status == 1
    assert "the trace file cannot be written: no; choose another with --trace-config" in caplog.text


def test_a_build_that_cannot_trace_says_so(
    repository: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "FEATURES", ("http",))
    trace = TraceOptions(tensors=True, file="trace.json")
    status = run.serve(ServerOptions((repository,), (HTTP,), trace=trace))
    assert status == 1
    assert "does not trace requests; start without --trace-config" in caplog.text


def test_traces_that_were_lost_are_counted_at_the_end(
    repository: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.Server, "lost_traces", "3 traces could not be written")
    serve(ServerOptions((repository,), (HTTP,)))
    assert "3 traces could not be written" in caplog.text
