import pytest
from benchmarks import batches


def test_a_replay_keeps_the_proportions_of_the_sizes() -> None:
    sizes = batches.replay({4: 75, 2: 25})
    assert sizes.count(4) == 3 * sizes.count(2)
    assert set(sizes) == {2, 4}


def test_a_replay_of_one_size_is_that_size_alone() -> None:
    assert set(batches.replay({8: 3})) == {8}


def test_the_mean_weighs_sizes_by_their_executions() -> None:
    assert batches.mean({1: 1, 4: 2}) == pytest.approx(3.0)
    assert batches.mean({}) == 0


def test_a_difference_leaves_out_sizes_that_did_not_occur() -> None:
    assert batches.difference({1: 5, 2: 7, 4: 1}, {1: 5, 2: 3}) == {2: 4, 4: 1}
