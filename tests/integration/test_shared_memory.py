"""Tensors in shared memory: registered, read and written by the real clients."""

import base64
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from repositories.models import read_template
from support.clients import KINDS, Client
from support.everyday import write_everyday_models
from support.folders import describe, write_model
from support.gate import Gate
from support.server import ServerProcess
from support.shared import FOLDER, Region, placed_input, placed_output

MEBIBYTE = 1 << 20
VALUES = np.arange(64, dtype=np.float32)
ROW = ([1, 4], "FP32")
ANSWER = np.full((1, 4), 7, np.float32)


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Iterator[ServerProcess]:
    """A server whose clients may share memory."""
    repository = tmp_path_factory.mktemp("sharing")
    write_everyday_models(repository)
    files = {"model.py": read_template("gated")}
    write_model(repository, "gated", describe("python", parameters=gate.parameters), files)
    with ServerProcess(repository, "--allow-client-shm=true") as process:
        yield process


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, sharing: ServerProcess) -> Iterator[Client]:
    with Client(request.param, sharing) as connected:
        yield connected
        connected.unregister_system_shared_memory()


@pytest.fixture
def region(client: Client) -> Iterator[Region]:
    """A registered region of 256 bytes that holds the numbers from 0 on."""
    with Region("region", VALUES.nbytes) as made:
        made.write(VALUES)
        made.register(client)
        yield made


def statuses(client: Client, name: str = "") -> list[dict[str, Any]]:
    found = client.describe("get_system_shared_memory_status", name)
    rows = found if client.is_http else found.get("regions", {}).values()
    regions = (
        {**row, "offset": int(row.get("offset", 0)), "byte_size": int(row["byte_size"])} for row in rows
    )
    return sorted(regions, key=lambda region: str(region["name"]))


def refusal(call: Any, *positional: Any, **named: Any) -> str:
    with pytest.raises(InferenceServerException) as caught:
        call(*positional, **named)
    return str(caught.value)


def send(
    client: Client, inputs: list[Any], outputs: list[Any] | None = None, model: str = "identity_fp32"
) -> Any:
    return client.infer(model, inputs, outputs=outputs)


def read_row(client: Client, region: str, size: int = 16, offset: int = 0) -> Any:
    tensor = placed_input(client, "INPUT0", ROW, region, size=size, offset=offset)
    return send(client, [tensor]).as_numpy("OUTPUT0").tolist()


def write_row(client: Client, region: str, size: int = 16, offset: int = 0) -> Any:
    output = placed_output(client, "OUTPUT0", region, size, offset)
    return send(client, [client.input("INPUT0", ANSWER)], [output])


def test_an_input_is_read_where_it_lies(client: Client, region: Region) -> None:
    assert read_row(client, region.name, offset=40) == [[10, 11, 12, 13]]


def test_an_output_is_written_in_place_and_leaves_no_data_in_the_answer(
    client: Client, region: Region
) -> None:
    result = write_row(client, region.name, 100, offset=16)
    output = result.get_output("OUTPUT0")
    if client.is_http:
        assert output == {"name": "OUTPUT0", "datatype": "FP32", "shape": [1, 4]}
    else:
        assert (list(output.shape), output.datatype, dict(output.parameters)) == ([1, 4], "FP32", {})
        assert list(result.get_response().raw_output_contents) == [b""]
    assert region.read(np.float32, [10]).tolist() == [0, 1, 2, 3, 7, 7, 7, 7, 8, 9]


def test_large_tensors_go_in_and_out(client: Client) -> None:
    values = np.arange(MEBIBYTE // 4, dtype=np.float32)
    with Region("in", MEBIBYTE) as source, Region("out", MEBIBYTE) as target:
        source.write(values)
        source.register(client)
        target.register(client)
        tensor = placed_input(client, "INPUT0", ([1, len(values)], "FP32"), source.name, size=MEBIBYTE)
        send(client, [tensor], [placed_output(client, "OUTPUT0", target.name, MEBIBYTE)])
        assert np.array_equal(target.read(np.float32, values.shape), values)


def test_the_offset_of_a_region_counts_once(client: Client) -> None:
    with Region("offset", VALUES.nbytes) as made:
        made.write(VALUES)
        made.register(client, offset=20)
        assert read_row(client, made.name, offset=4) == [[6, 7, 8, 9]]
        write_row(client, made.name, offset=8)
        assert made.read(np.float32, [12]).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 11]


def test_strings_go_through_a_python_model(client: Client, region: Region) -> None:
    strings = np.array([[b"one", b"", b"three"]], object)
    content = np.frombuffer(serialize_byte_tensor(strings).item(), np.uint8)
    region.write(content)
    tensor = placed_input(client, "INPUT0", ([1, 3], "BYTES"), region.name, size=content.nbytes)
    send(client, [tensor], [placed_output(client, "OUTPUT0", region.name, 100, 100)], "python_text")
    assert region.read(np.object_, [1, 3], 100).tolist() == [[b"one", b"", b"three"]]


def test_shared_and_sent_tensors_go_together(client: Client, region: Region) -> None:
    placed = placed_input(client, "INPUT0", ([1, 2], "FP32"), region.name, size=8, offset=8)
    sent = client.input("INPUT1", np.array([[[5, 6]]], np.int64))
    for inputs in ([placed, sent], [sent, placed]):
        result = send(client, inputs, [placed_output(client, "OUTPUT1", region.name, 16, 240)], "pair")
        assert region.read(np.int64, [2], 240).tolist() == [5, 6]
        assert result.get_output("OUTPUT0") is None
    received = send(client, [placed, sent], model="pair")
    assert received.as_numpy("OUTPUT0").tolist() == [[2, 3]]
    assert received.as_numpy("OUTPUT1").tolist() == [[[5, 6]]]


def test_a_tensor_without_elements_takes_no_bytes(client: Client, region: Region) -> None:
    tensor = placed_input(client, "INPUT0", ([1, 0], "FP32"), region.name, size=0)
    assert send(client, [tensor]).as_numpy("OUTPUT0").shape == (1, 0)


def test_regions_are_listed_one_or_all_and_forgotten_one_or_all(client: Client, region: Region) -> None:
    expected = {"name": region.name, "key": region.name, "offset": 0, "byte_size": 256}
    with Region("other", 64) as other:
        other.register(client, offset=16)
        assert statuses(client, region.name) == [expected]
        assert [row["name"] for row in statuses(client)] == [other.name, region.name]
        region.unregister(client)
        region.unregister(client)
        assert [(row["offset"], row["byte_size"]) for row in statuses(client)] == [(16, 48)]
        client.unregister_system_shared_memory()
    assert statuses(client) == []
    assert region.name in refusal(statuses, client, region.name)


def test_regions_may_overlap(client: Client, region: Region) -> None:
    client.register_system_shared_memory("again", region.name, 128, offset=100)
    write_row(client, "again")
    assert read_row(client, region.name, offset=100) == ANSWER.tolist()


@pytest.mark.parametrize(
    ("key", "size", "offset", "expected"),
    [
        ("../../etc/passwd", 16, 0, "no name of a shared memory object"),
        ("/../passwd", 16, 0, "no name of a shared memory object"),
        ("/etc/passwd", 16, 0, "no name of a shared memory object"),
        ("trilith-test-nothing", 16, 0, "Unable to open shared memory region: 'trilith-test-nothing'"),
        ("triton_python_backend_shm_region_1", 16, 0, "reserved"),
        ("", 16, 0, "no name of a shared memory object"),
        ("REGION", 0, 0, "'byte_size' must be 1 or more"),
        ("REGION", 257, 0, "has 256 bytes"),
        ("REGION", 1, 256, "has 256 bytes"),
        ("REGION", 2**63, 2**63, "has 256 bytes"),
    ],
)
def test_what_cannot_be_registered_is_refused(
    client: Client, region: Region, key: str, size: int, offset: int, expected: str
) -> None:
    key = key.replace("REGION", region.name)
    assert expected in refusal(client.register_system_shared_memory, "bad", key, size, offset=offset)
    assert len(statuses(client)) == 1


def test_a_name_is_given_once(client: Client, region: Region) -> None:
    assert "already in manager" in refusal(region.register, client)


@pytest.mark.parametrize("call", [read_row, write_row])
@pytest.mark.parametrize(
    ("size", "offset", "expected"),
    [
        (16, 241, "Invalid offset + byte size"),
        (16, 256, "Invalid offset for"),
        (16, 2**62, "Invalid offset for"),
        (2**62, 8, "Invalid offset + byte size"),
        (12, 0, "16 bytes"),
    ],
)
def test_parts_that_leave_their_region_or_do_not_fit_are_refused(
    client: Client, region: Region, call: Any, size: int, offset: int, expected: str
) -> None:
    before = region.file.read_bytes()
    assert expected in refusal(call, client, region.name, size=size, offset=offset)
    assert region.file.read_bytes() == before


@pytest.mark.parametrize("call", [read_row, write_row])
def test_a_region_that_is_not_known_is_named(client: Client, call: Any) -> None:
    assert "Unable to find shared memory region: 'nothing'" in refusal(call, client, "nothing")


def test_classes_cannot_be_placed(client: Client, region: Region) -> None:
    output = client.output("OUTPUT0", binary=False, classes=2)
    with pytest.raises(InferenceServerException, match="classification"):
        output.set_shared_memory(region.name, 16)


@pytest.mark.parametrize("call", [read_row, write_row])
def test_an_object_that_was_cut_short_is_refused_and_the_server_lives(client: Client, call: Any) -> None:
    with Region("cut", MEBIBYTE) as made:
        made.register(client)
        os.truncate(made.file, 0)
        assert "cut short" in refusal(call, client, made.name, offset=MEBIBYTE // 2)
        assert "cut short" in refusal(call, client, made.name)
    assert client.is_server_live()


def test_a_region_that_goes_while_it_is_used_lives_until_its_request_ends(
    sharing: ServerProcess, gate: Gate
) -> None:
    with Client("http", sharing) as client, Region("held", 64) as made, ThreadPoolExecutor(1) as pool:
        made.register(client)
        with Client("grpc", sharing) as asking:
            output = placed_output(asking, "OUTPUT0", made.name, 16)
            tensor = asking.input("INPUT0", ANSWER)
            answer = pool.submit(send, asking, [tensor], [output], "gated")
            gate.next_arrival()
            made.unregister(client)
            assert statuses(client) == []
            gate.let_through()
            answer.result()
        assert made.read(np.float32, [1, 4]).tolist() == ANSWER.tolist()


def test_an_object_that_is_cut_short_while_it_is_used_fails_its_request_alone(
    sharing: ServerProcess, gate: Gate
) -> None:
    with Client("grpc", sharing) as client, Region("race", MEBIBYTE) as made, ThreadPoolExecutor(1) as pool:
        made.register(client)
        output = placed_output(client, "OUTPUT0", made.name, 16, MEBIBYTE // 2)
        answer = pool.submit(send, client, [client.input("INPUT0", ANSWER)], [output], "gated")
        gate.next_arrival()
        os.truncate(made.file, 0)
        gate.let_through()
        with pytest.raises(InferenceServerException, match="cut short"):
            answer.result()
        assert client.is_server_live()
        client.unregister_system_shared_memory()


def test_what_is_no_object_is_refused(sharing: ServerProcess, tmp_path: Path) -> None:
    link = FOLDER / f"trilith-test-{os.getpid()}-link"
    (tmp_path / "target").write_bytes(bytes(64))
    link.symlink_to(tmp_path / "target")
    try:
        with Client("http", sharing) as client:
            assert "Unable to open" in refusal(client.register_system_shared_memory, "link", link.name, 16)
    finally:
        link.unlink()


def test_cuda_regions_are_listed_and_refused(client: Client, region: Region) -> None:
    assert client.describe("get_cuda_shared_memory_status") in ([], {})
    assert "not CUDA" in refusal(client.get_cuda_shared_memory_status, region.name)
    client.unregister_cuda_shared_memory()
    assert len(statuses(client)) == 1
    handle = base64.b64encode(bytes(64))
    assert "GPUs not supported" in refusal(client.register_cuda_shared_memory, "gpu", handle, 0, 64)
    assert "64 bytes" in refusal(client.register_cuda_shared_memory, "gpu", b"AAAA", 0, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_was_not_told_to_share_says_what_to_do(kind: str, server: ServerProcess) -> None:
    with Client(kind, server) as client, Region("closed", 64) as made:
        hint = "--allow-client-shm=true"
        assert statuses(client) == []
        assert hint in refusal(made.register, client)
        assert hint in refusal(read_row, client, made.name)
        assert hint in refusal(write_row, client, made.name)


def test_the_extensions_are_announced(client: Client) -> None:
    extensions = client.describe("get_server_metadata")["extensions"]
    assert {"system_shared_memory", "cuda_shared_memory"} <= set(extensions)
