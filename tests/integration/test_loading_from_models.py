"""Models that load, unload and look for other models, in worker processes and in threads of the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tritonclient.utils import InferenceServerException

from support.folders import describe, write_model
from support.obedient import tell, write_obedient
from support.server import ServerProcess

TOLERATED = r"cannot be loaded|failed to load|load failed|(execute|finalize)\(\) raised"
LOAD = "pb_utils.load_model(model_name='{}')"
BLS = (
    "pb_utils.InferenceRequest(model_name='asking', requested_output_names=[], "
    "inputs=[pb_utils.Tensor('CODE', np.array([b'pass'], np.object_))]).exec()"
)
WARM = BLS + ";pb_utils.load_model('other')"
WARMUP = (
    'model_warmup { name: "one" batch_size: 1 inputs { key: "CODE" '
    'value { data_type: TYPE_STRING dims: [1] input_data_file: "code" } } }'
)


@pytest.fixture(scope="module")
def server(isolation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    repository = tmp_path_factory.mktemp("loading")
    write_obedient(repository, "asking", isolation=isolation)
    write_model(repository, "other", describe("identity"))
    write_obedient(repository, "first", isolation=isolation, initialize=LOAD.format("second"))
    write_obedient(repository, "second", isolation=isolation)
    write_obedient(repository, "itself", isolation=isolation, initialize=LOAD.format("itself"))
    write_obedient(repository, "this", isolation=isolation, initialize=LOAD.format("that"))
    write_obedient(repository, "that", isolation=isolation, initialize=LOAD.format("this"))
    write_obedient(repository, "early", isolation=isolation, initialize=BLS)
    write_obedient(repository, "late", isolation=isolation, finalize=BLS.replace("asking", "other"))
    write_obedient(repository, "warm", isolation=isolation, more=WARMUP)
    (repository / "warm" / "warmup").mkdir()
    content = len(WARM).to_bytes(4, "little") + WARM.encode()
    (repository / "warm" / "warmup" / "code").write_bytes(content)
    flags = ("--model-control-mode=explicit", "--load-model=asking", "--model-load-thread-count=1")
    with ServerProcess(repository, *flags, tolerates=TOLERATED) as running:
        yield running


def test_a_model_is_loaded_used_and_unloaded_by_another(server: ServerProcess) -> None:
    ready = "print(pb_utils.is_model_ready('other'), pb_utils.is_model_ready('other', '1'))"
    assert tell(server, "asking", ready) == "False False"
    assert tell(server, "asking", LOAD.format("other") + "\n" + ready) == "True True"
    assert server.get("/v2/models/other/ready")[0] == 200
    unload = "pb_utils.unload_model('other', unload_dependents=True)\n"
    assert tell(server, "asking", unload + ready) == "False False"


def test_a_load_takes_a_configuration_and_files(server: ServerProcess) -> None:
    tensor = '{"name": "%s", "data_type": "TYPE_FP32", "dims": [1]}'
    tensors = f'"input": [{tensor.replace("%s", "I")}], "output": [{tensor.replace("%s", "O")}]'
    config = '{"backend": "identity", "max_batch_size": 3, ' + tensors + "}"
    load = f"pb_utils.load_model('brought', config={config!r}, files={{'file:1/notes.txt': b'x'}})"
    tell(server, "asking", load)
    status, body = server.get("/v2/models/brought/config")
    assert status == 200
    assert b'"max_batch_size":3' in body


def test_a_model_may_load_and_unload_itself(server: ServerProcess) -> None:
    code = LOAD.format("asking") + "\npb_utils.load_model('asking', config='%s')\nprint('done')"
    status, body = server.get("/v2/models/asking/config")
    assert status == 200
    doubled = body.decode().replace('"count":1', '"count":2').replace("'", "\\'")
    assert tell(server, "asking", code % doubled.replace('"', '\\"')) == "done"
    tell(server, "asking", LOAD.format("second"))
    assert tell(server, "second", "pb_utils.unload_model('second')\nprint('gone')") == "gone"
    assert server.get("/v2/models/second/ready")[0] == 400


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("pb_utils.load_model('nobody')", "Failed to load model: failed to load 'nobody', failed to poll"),
        ("pb_utils.load_model('other', config='{bad')", "Failed to load model"),
        ("pb_utils.load_model('other', files=3)", "files should be a dictionary"),
        ("pb_utils.load_model('other', files={'file:1/a': b'x'})", "without a configuration"),
        ("pb_utils.load_model('other', config='{}', files={'1/a': b'x'})", "unrecognized load parameter"),
        ("pb_utils.load_model('other', config='{}', files={'file:../a': b'x'})", "inside the model's folder"),
        ("pb_utils.load_model('other', files={'file:1/a': 'x'})", "given as bytes"),
        ("pb_utils.is_model_ready('other', 'x')", "is no version"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_the_reason(
    server: ServerProcess, code: str, complaint: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        tell(server, "asking", code)
    assert complaint in caught.value.message()


def load(server: ServerProcess, name: str) -> tuple[int, str]:
    status, body = server.request("POST", f"/v2/repository/models/{name}/load", b"{}")
    return status, body.decode()


def test_initialize_may_load_another_model_even_with_one_loading_thread(server: ServerProcess) -> None:
    assert load(server, "first") == (200, "")
    assert server.get("/v2/models/second/ready")[0] == 200


@pytest.mark.parametrize("name", ["itself", "this"])
def test_a_load_that_would_wait_for_itself_is_refused(server: ServerProcess, name: str) -> None:
    status, body = load(server, name)
    assert status == 400
    assert "while it is being loaded, to load" in body


def test_other_models_are_asked_between_initialize_and_finalize_alone(server: ServerProcess) -> None:
    status, body = load(server, "early")
    assert status == 400
    assert "BLS is only supported during the 'execute' function" in body
    assert load(server, "late")[0] == 200
    assert server.request("POST", "/v2/repository/models/late/unload", b"{}")[0] == 200
    assert "BLS is only supported" in server.wait_for_log("BLS is only supported during")


def test_other_models_can_be_asked_while_a_model_is_warmed_up(server: ServerProcess) -> None:
    assert load(server, "warm") == (200, "")
    assert server.get("/v2/models/other/ready")[0] == 200


def test_without_explicit_control_the_mode_is_named(tmp_path: Path, isolation: str) -> None:
    write_obedient(tmp_path, "asking", isolation=isolation)
    with ServerProcess(tmp_path, tolerates=TOLERATED) as server:
        with pytest.raises(InferenceServerException, match="--model-control-mode=explicit"):
            tell(server, "asking", LOAD.format("asking"))
        with pytest.raises(InferenceServerException, match="Failed to unload model: explicit model load"):
            tell(server, "asking", "pb_utils.unload_model('asking')")
