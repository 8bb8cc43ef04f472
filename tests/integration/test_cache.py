"""Answers that are given again: by the cache in the server's memory, and by one that is written in Python."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.clients import KINDS, Client
from support.exposition import scrape
from support.folders import describe, write_model
from support.server import ServerProcess, run_to_end, wait_until
from support.shared import Region, placed_input, placed_output

CACHED = "response_cache { enable: true }"
OUTPUTS = [("OUTPUT0", "FP32", [-1]), ("RUN", "INT32", [1])]

STRANGER = '''
"""A cache of a package of its own: files in a folder."""

from pathlib import Path


class FileCache:
    def __init__(self, folder):
        self.folder = Path(folder)

    def look_up(self, key):
        file = self.folder / key
        return file.read_bytes() if file.exists() else None

    def store(self, key, entry):
        (self.folder / f"{key}.new").write_bytes(entry)
        (self.folder / f"{key}.new").rename(self.folder / key)

    def close(self):
        (self.folder / "closed").touch()


class FileCacheBrick:
    def open(self, settings):
        return FileCache(settings["folder"])
'''


def write_numbering(repository: Path, name: str, more: str = CACHED) -> Path:
    config = describe("python", outputs=OUTPUTS, more=more)
    return write_model(repository, name, config, {"model.py": read_template("numbering")})


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cached")
    write_numbering(folder, "cached")
    write_numbering(folder, "batched", f"dynamic_batching {{ preserve_ordering: true }}\n{CACHED}")
    write_numbering(folder, "plain", "")
    write_numbering(folder, "reloaded")
    return folder


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[ServerProcess]:
    flags = (
        "--cache-config=local,size=65536",
        "--allow-client-shm=true",
        "--model-control-mode=explicit",
        "--load-model=*",
        "--log-verbose=1",
        "--metrics-config=summary_latencies=true",
    )
    with ServerProcess(repository, *flags) as running:
        yield running


def row(request: pytest.FixtureRequest, *values: float) -> dict[str, Any]:
    """Return an input of one test's own: its first value is asked by no other."""
    own = zlib.crc32(request.node.nodeid.encode()) % (1 << 24)
    return {"INPUT0": np.array([[own, *values]], np.float32)}


def ask(client: Client, model: str, array: dict[str, Any], **named: Any) -> int:
    """Ask a model; the number of the run that made the answer."""
    answer = client.send(model, array, **named)
    assert np.array_equal(answer["OUTPUT0"], array["INPUT0"])
    return int(answer["RUN"][0, 0])


@pytest.mark.parametrize("model", ["cached", "batched"])
def test_an_answer_is_given_again_until_something_the_model_sees_is_different(
    client: Client, model: str, request: pytest.FixtureRequest
) -> None:
    array = row(request, 1, 2)
    first = ask(client, model, array)
    assert ask(client, model, array, request_id="another") == first
    assert ask(client, model, row(request, 2, 1)) > first
    assert ask(client, model, array, parameters={"tone": "loud"}) > first
    reversed_outputs = [client.output("RUN"), client.output("OUTPUT0")]
    assert ask(client, model, array, outputs=reversed_outputs) > first
    assert ask(client, model, array) == first


def test_a_model_that_does_not_ask_for_the_cache_runs_every_time(
    client: Client, request: pytest.FixtureRequest
) -> None:
    first = ask(client, "plain", row(request))
    assert ask(client, "plain", row(request)) == first + 1


def test_errors_are_made_anew_each_time(client: Client, request: pytest.FixtureRequest) -> None:
    array = row(request, -1)
    seen = set()
    for _ in range(2):
        with pytest.raises(InferenceServerException, match="negative in run") as caught:
            client.send("cached", array)
        seen.add(caught.value.message())
    assert len(seen) == 2


def test_classes_are_kept_as_they_were_asked_for(client: Client, request: pytest.FixtureRequest) -> None:
    array = row(request, 1, 3)
    for classes in (1, 2, 1):
        outputs = [client.output("OUTPUT0", classes=classes)]
        answer = client.send("cached", array, outputs=outputs)["OUTPUT0"]
        assert answer.shape == (1, classes)


def test_a_reload_with_another_content_answers_anew(
    repository: Path, server: ServerProcess, request: pytest.FixtureRequest
) -> None:
    array = row(request)
    with Client("http", server) as client:
        assert ask(client, "reloaded", array) == ask(client, "reloaded", array) == 1
        source = read_template("numbering").replace("self.run = 0", "self.run = 100")
        (repository / "reloaded" / "1" / "model.py").write_text(source)
        client.load_model("reloaded")
        assert ask(client, "reloaded", array) == 101


def test_an_answer_from_the_cache_is_written_to_shared_memory(
    client: Client, request: pytest.FixtureRequest
) -> None:
    array = row(request, 5)["INPUT0"]
    with Region("cached", 64) as region:
        region.register(client)
        region.write(array)
        for _ in range(2):
            like = (array.shape, "FP32")
            inputs = [placed_input(client, "INPUT0", like, region.name, size=array.nbytes)]
            outputs = [placed_output(client, "OUTPUT0", region.name, array.nbytes, 32)]
            client.infer("cached", inputs, outputs=outputs)
            assert np.array_equal(region.read(np.float32, array.shape, 32), array)
            region.write(np.zeros_like(array), 32)
        client.unregister_system_shared_memory()


def test_hits_and_misses_are_counted_as_triton_counts_them(
    server: ServerProcess, request: pytest.FixtureRequest
) -> None:
    with Client("http", server) as client:
        before, seen = statistics(client), scrape(server)
        for _ in range(3):
            ask(client, "cached", row(request))
        after, metrics = statistics(client), scrape(server)
    assert difference(before, after) == {
        "inference_count": 1,
        "execution_count": 1,
        "success": 3,
        "queue": 3,
        "compute_infer": 1,
        "cache_hit": 2,
        "cache_miss": 1,
    }
    for name, count in {
        "nv_cache_num_hits_per_model": 2,
        "nv_cache_num_misses_per_model": 1,
        "nv_cache_hit_summary_per_model_count": 2,
        "nv_cache_miss_summary_per_model_count": 1,
        "nv_inference_request_success": 3,
    }.items():
        assert metrics.value(name, model="cached") - seen.value(name, model="cached") == count, name
    assert metrics.kinds["nv_cache_hit_duration_per_model"] == "counter"
    assert metrics.kinds["nv_cache_miss_duration_per_model"] == "counter"
    assert {"model": "plain", "version": "1"} not in metrics.labels("nv_cache_num_hits_per_model")


def statistics(client: Client) -> dict[str, Any]:
    return client.get_inference_statistics("cached")["model_stats"][0]


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    counts = {name: after[name] - before[name] for name in ("inference_count", "execution_count")}
    for name in ("success", "queue", "compute_infer", "cache_hit", "cache_miss"):
        parts = (one["inference_stats"][name]["count"] for one in (after, before))
        counts[name] = next(parts) - next(parts)
    return counts


def test_an_answer_larger_than_the_cache_is_not_kept_and_the_verbose_log_says_so(
    server: ServerProcess,
) -> None:
    array = {"INPUT0": np.zeros((1, 20_000), np.float32)}
    with Client("http", server) as client:
        assert ask(client, "cached", array) < ask(client, "cached", array)
    server.wait_for_log("and is not kept: the cache holds 65536 in all")


def test_a_cache_of_a_strangers_package_keeps_answers_too(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "site" / "files").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (tmp_path / "site" / "files" / "__init__.py").write_text(STRANGER)
    manifest = '[brick]\nname = "files"\nkind = "cache"\ndescription = "Files"\n'
    (tmp_path / "site" / "files" / "brick.toml").write_text(manifest)
    metadata = tmp_path / "site" / "files-1.0.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[trilith.bricks]\ncache.files = files:FileCacheBrick\n")
    search = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", search)
    flags = ("--cache-config=files,folder=" + str(tmp_path / "kept"),)
    array = row(request)
    with ServerProcess(repository, *flags) as server:
        for kind in KINDS:
            with Client(kind, server) as client:
                first = ask(client, "cached", array)
                wait_until(lambda: list((tmp_path / "kept").glob("?" * 64)), "the answer to be stored")
                assert ask(client, "cached", array) == first == 1
    assert (tmp_path / "kept" / "closed").exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--cache-config=locl,size=64", "there is no cache 'locl'; did you mean 'local'?"),
        (
            "--cache-config=local,size=abc",
            "--cache-config=local: size takes a whole number of bytes of at least 1, found 'abc'",
        ),
    ],
)
def test_a_cache_that_cannot_be_ends_the_start_with_what_to_write(
    tmp_path: Path, flag: str, message: str
) -> None:
    status, log = run_to_end(tmp_path, flag)
    assert status == 1
    assert message in log
