"""The values that `top_k` gives: logits and log probabilities, at every size of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import TOLERANCE, assert_same_bits
from reference import cut

BATCHES = [1, 2, 3, 4, 5, 17, 256, 257, 260, 513]  # few examples, one tile, a chunk and a rest


def real_problem(seed: int, num_classes: int, dim: int, batch: int, dtype: Any) -> Any:
    rng = np.random.default_rng(seed)
    shapes = (num_classes, dim), (num_classes,), (batch, dim)
    weights, biases, inputs = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return weights / dtype(np.sqrt(dim)), biases, inputs


def logits_of(weights: Any, biases: Any, inputs: Any) -> Any:
    return inputs.astype(np.float64) @ weights.astype(np.float64).T + biases.astype(np.float64)


def log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def assert_close(actual: Any, expected: Any, largest: float) -> None:
    error = np.abs(actual.astype(np.float64) - expected).max(initial=0)
    assert error <= TOLERANCE[actual.dtype] * largest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("dim", [1, 33, 300])
def test_batches_of_every_size(batch: int, dim: int, dtype: Any) -> None:
    problem = real_problem(batch, 1200, dim, batch, dtype)
    logits = logits_of(*problem)
    largest = float(np.abs(logits).max())
    values, indices = mc.top_k(*problem, 11)
    assert_close(values, -np.sort(-logits, axis=1)[:, :11], largest)
    assert_close(values, np.take_along_axis(logits, indices, axis=1), largest)
    probabilities, same = mc.top_k(*problem, 11, log_probabilities=True)
    assert_same_bits(same, indices)
    assert probabilities.dtype == dtype
    exact = np.take_along_axis(log_softmax(logits), indices, axis=1)
    assert_close(probabilities, exact, largest + float(np.abs(exact).max()))


@pytest.mark.parametrize("batch", [3, 21])
def test_excluded_classes_count_in_the_probabilities(batch: int) -> None:
    problem = real_problem(1, 2000, 16, batch, np.float64)
    _, best = mc.top_k(*problem, 30)
    values, indices = mc.top_k(*problem, 10, excluded=best, log_probabilities=True)
    expected = np.take_along_axis(log_softmax(logits_of(*problem)), indices, axis=1)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert not set(best[0]) & set(indices[0])


@pytest.mark.parametrize("batch", [1, 5])
def test_probabilities_of_all_classes_sum_to_one(batch: int) -> None:
    problem = real_problem(2, 777, 8, batch, np.float64)
    values, indices = mc.top_k(*problem, 777, log_probabilities=True)
    np.testing.assert_allclose(np.exp(values).sum(axis=1), 1, rtol=1e-12)
    assert (np.sort(indices, axis=1) == np.arange(777)).all()


def test_agrees_with_the_loss() -> None:
    weights, biases, inputs = real_problem(3, 500, 12, 9, np.float64)
    values, indices = mc.top_k(weights, biases, inputs, 4, log_probabilities=True)
    for j in range(4):
        label = np.ascontiguousarray(indices[:, j : j + 1])
        loss = mc.full_softmax_loss(weights, biases, label, inputs)
        np.testing.assert_allclose(-values[:, j], loss, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 4, 5, 257])
@pytest.mark.parametrize("log_probabilities", [False, True])
def test_same_bits_at_every_number_of_threads(
    batch: int, dtype: Any, log_probabilities: bool
) -> None:
    problem = real_problem(4, 6000, 20, batch, dtype)
    excluded = np.random.default_rng(5).integers(0, 6000, (batch, 50))
    options = {"excluded": excluded, "log_probabilities": log_probabilities}
    expected = mc.top_k(*problem, 25, **options, num_threads=1)
    for num_threads in (2, 3, 8, 64):
        found = mc.top_k(*problem, 25, **options, num_threads=num_threads)
        for one, other in zip(found, expected, strict=True):
            assert_same_bits(one, other)


@pytest.mark.parametrize("k", [1, 900, 5000])
def test_equal_rows_tie_exactly(k: int) -> None:
    # Their logits are equal to the bit wherever the rows stand, so the smaller class is ahead.
    weights, biases, inputs = real_problem(6, 5000, 37, 6, np.float32)
    weights[:], biases[:] = weights[0], biases[0]
    for table in (weights, cut(weights, 3, "div")):
        values, indices = mc.top_k(table, biases, inputs, k)
        assert (indices == np.arange(k)).all()
        assert (values == values[:, :1]).all()


def test_an_example_gives_the_same_beside_others() -> None:
    # In other chunks, in other lanes: values agree to rounding, and so classes but for near ties.
    weights, biases, inputs = real_problem(7, 3000, 64, 515, np.float64)
    values, indices = mc.top_k(weights, biases, inputs, 8)
    for rows in (slice(0, 1), slice(254, 259), slice(500, 515), slice(255, 515)):
        some_values, some = mc.top_k(weights, biases, inputs[rows], 8)
        np.testing.assert_array_equal(some, indices[rows])
        np.testing.assert_allclose(some_values, values[rows], rtol=0, atol=1e-13)


def test_infinite_and_nan_logits_have_no_probability() -> None:
    weights = np.array([[0.0], [np.inf], [1.0]])
    values, indices = mc.top_k(weights, np.zeros(3), np.ones((1, 1)), 3, log_probabilities=True)
    assert indices.tolist() == [[1, 2, 0]]
    assert np.isnan(values).all()  # as the loss is
    assert np.isnan(mc.full_softmax_loss(weights, np.zeros(3), [[0]], np.ones((1, 1)))).all()
    weights[1] = np.nan
    values, indices = mc.top_k(weights, np.zeros(3), np.ones((1, 1)), 3, log_probabilities=True)
    assert indices.tolist() == [[2, 0, 1]]
    assert np.isnan(values).all()
    weights[1] = -np.inf
    values, indices = mc.top_k(weights, np.zeros(3), np.ones((1, 1)), 3, log_probabilities=True)
    assert indices.tolist() == [[2, 0, 1]]
    np.testing.assert_allclose(values, [[-np.log1p(np.exp(-1)), -np.log1p(np.exp(1)), -np.inf]])


@pytest.mark.parametrize("batch", [1, 6, 300])
@pytest.mark.parametrize("position", [0, 63, 64, 127, 128, 4999])
def test_nan_hides_no_class(batch: int, position: int) -> None:
    # A NaN anywhere in a block of classes must not hide the best class before or after it.
    weights, biases, inputs = real_problem(8, 5000, 4, batch, np.float32)
    weights[position] = np.nan
    logits = logits_of(weights, biases, inputs)
    logits[:, position] = -np.inf
    _, indices = mc.top_k(weights, biases, inputs, 40)
    found = np.take_along_axis(logits, indices, axis=1)
    np.testing.assert_allclose(found, -np.sort(-logits, axis=1)[:, :40], atol=1e-5)
    assert position not in indices


def test_a_memory_map_is_read_where_it_lies(tmp_path: Path) -> None:
    weights, biases, inputs = real_problem(9, 900, 10, 7, np.float32)
    weights.tofile(tmp_path / "weights")
    mapped = np.memmap(tmp_path / "weights", np.float32, "r", shape=weights.shape)
    inputs.flags.writeable = False
    expected = mc.top_k(weights, biases, inputs, 6, log_probabilities=True)
    found = mc.top_k(mapped, biases, inputs, 6, log_probabilities=True)
    for one, other in zip(found, expected, strict=True):
        assert_same_bits(one, other)


def test_log_probabilities_must_be_a_truth_value() -> None:
    with pytest.raises(TypeError, match="log_probabilities is 1; it must be True or False"):
        mc.top_k(*real_problem(1, 9, 2, 1, np.float32), 1, log_probabilities=1)
