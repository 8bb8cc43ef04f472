from pathlib import Path

import numpy as np
from benchmarks.models import MODELS, example_input, write_repository
from benchmarks.networks import mlp


def test_both_sides_get_the_same_configuration_but_for_the_backend(tmp_path: Path) -> None:
    ours = write_repository(tmp_path / "ours", ("identity",), ours=True, magika=tmp_path)
    theirs = write_repository(tmp_path / "theirs", ("identity",), ours=False, magika=tmp_path)
    mine = (ours / "identity" / "config.pbtxt").read_text().splitlines()
    other = (theirs / "identity" / "config.pbtxt").read_text().splitlines()
    assert [line for line in mine if line not in other] == ['backend: "identity"']
    assert [line for line in other if line not in mine] == ['backend: "python"']
    assert (theirs / "identity" / "1" / "model.py").exists()


def test_an_ensemble_comes_with_the_models_that_it_hands_its_tensor_through(tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "ours", ("ensemble",), ours=True, magika=tmp_path)
    assert sorted(path.name for path in repository.iterdir()) == [
        "ensemble",
        *(f"ensemble_step{index}" for index in (1, 2, 3)),
    ]
    config = (repository / "ensemble" / "config.pbtxt").read_text()
    assert 'key: "OUTPUT0" value: "TENSOR1"' in config
    assert 'key: "INPUT0" value: "TENSOR1"' in config
    assert not list((repository / "ensemble" / "1").iterdir())


def test_a_model_of_many_responses_is_decoupled_and_sends_as_many_as_are_expected(tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "ours", ("stream",), ours=True, magika=tmp_path)
    assert "decoupled: true" in (repository / "stream" / "config.pbtxt").read_text()
    source = (repository / "stream" / "1" / "model.py").read_text()
    assert MODELS["stream"].responses == 100
    assert "for number in range(100):" in source
    compile(source, "model.py", "exec")


def test_dynamic_batching_is_written_only_where_it_is_wanted() -> None:
    assert "dynamic_batching { }" in MODELS["identity"].configuration("python")
    assert "dynamic_batching" not in MODELS["identity_direct"].configuration("python")


def test_a_model_that_batches_is_asked_with_a_batch_of_one() -> None:
    assert example_input(MODELS["identity"]).shape == (1, 16)
    assert example_input(MODELS["identity_direct"]).shape == (16,)
    assert example_input(MODELS["large"]).nbytes == 2**20


def test_the_network_gives_the_same_bytes_whatever_batch_a_row_is_in() -> None:
    row = example_input(MODELS["mlp"])
    batch = np.repeat(row, 33, axis=0)
    assert mlp(batch)[7].tobytes() == mlp(row)[0].tobytes()
    exact = mlp(row.astype(np.float64))
    assert exact.tobytes() == mlp(row).tobytes()
