"""The classes of the largest logits, against a full sort."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import TOLERANCE, assert_same_bits
from random_problems import LAYOUTS, laid_out
from reference import cut


def small_integers(
    seed: int, num_classes: int, dim: int, batch: int, dtype: Any = np.float32
) -> tuple[Any, Any, Any]:
    """Return weights, biases and inputs whose logits are exact in every order, and often equal."""
    rng = np.random.default_rng(seed)
    shapes = (num_classes, dim), (num_classes,), (batch, dim)
    return tuple(rng.integers(-2, 3, shape).astype(dtype) for shape in shapes)


def sorted_logits(weights: Any, biases: Any, inputs: Any) -> tuple[Any, Any]:
    """Return all logits in float64 and their classes, falling, smaller classes first, NaN last."""
    logits = inputs.astype(np.float64) @ weights.astype(np.float64).T + biases
    order = np.argsort(-logits, axis=1, kind="stable")
    return np.take_along_axis(logits, order, axis=1), order


def assert_top_k(weights: Any, biases: Any, inputs: Any, k: int, expected: Any, **options: Any):
    values, indices = mc.top_k(weights, biases, inputs, k, **options)
    assert values.dtype == inputs.dtype
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(indices, expected[1][:, :k])
    np.testing.assert_array_equal(values, expected[0][:, :k])


@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 9), st.data())
def test_is_the_start_of_a_full_sort(
    num_classes: int, dim: int, batch: int, data: st.DataObject
) -> None:
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    problem = small_integers(data.draw(st.integers(0, 99)), num_classes, dim, batch, dtype)
    assert_top_k(*problem, data.draw(st.integers(1, num_classes)), sorted_logits(*problem))


@pytest.mark.parametrize("k", [1, 7, 4500])
@pytest.mark.parametrize("batch", [3, 500])
def test_many_blocks_of_classes(k: int, batch: int) -> None:
    problem = small_integers(1, 10_000, 3, batch)
    assert_top_k(*problem, k, sorted_logits(*problem))


@pytest.mark.parametrize("num_shards", [1, 3, 40])
@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_shards_are_one_table(strategy: str, num_shards: int) -> None:
    weights, biases, inputs = small_integers(2, 100, 4, 6)
    expected = sorted_logits(weights, biases, inputs)
    for bias_table in (biases, cut(biases, 7, strategy)):
        shards = cut(weights, num_shards, strategy)
        assert_top_k(shards, bias_table, inputs, 30, expected, partition_strategy=strategy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_numbers(dtype: Any) -> None:
    rng = np.random.default_rng(3)
    weights, biases, inputs = (
        rng.standard_normal(shape).astype(dtype) for shape in ((5000, 32), (5000,), (8, 32))
    )
    values, indices = mc.top_k(weights, biases, inputs, 10)
    expected, _ = sorted_logits(weights, biases, inputs)
    tolerance = TOLERANCE[np.dtype(dtype)] * np.abs(expected).max()
    np.testing.assert_allclose(values, expected[:, :10], rtol=0, atol=tolerance)
    logits = inputs.astype(np.float64) @ weights.T.astype(np.float64) + biases
    np.testing.assert_allclose(
        values, np.take_along_axis(logits, indices, axis=1), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_are_used_as_they_lie(layout: str) -> None:
    weights, biases, inputs = small_integers(4, 50, 5, 6)
    expected = sorted_logits(weights, biases, inputs)
    assert_top_k(laid_out(weights, layout), biases, laid_out(inputs, layout), 9, expected)
    read_only = weights.copy()
    read_only.flags.writeable = False
    assert_top_k(read_only, biases, inputs, 9, expected)


def test_nan_is_behind_all_others_and_infinities_are_numbers() -> None:
    weights = np.array([[np.nan], [1], [-np.inf], [np.inf], [1], [np.nan]])
    inputs = np.array([[1.0], [np.nan]])
    values, indices = mc.top_k(weights, np.zeros(6), inputs, 6)
    assert indices.tolist() == [[3, 1, 4, 2, 0, 5], [0, 1, 2, 3, 4, 5]]
    expected = [[np.inf, 1, 1, -np.inf, np.nan, np.nan], [np.nan] * 6]
    np.testing.assert_array_equal(values, expected)
    shards = [weights[:2], weights[2:4], weights[4:]]
    for found, whole in zip(
        mc.top_k(shards, np.zeros(6), inputs, 4), (values[:, :4], indices[:, :4]), strict=True
    ):
        assert_same_bits(found, np.ascontiguousarray(whole))


def test_agrees_with_label_ranks() -> None:
    problem = small_integers(5, 60, 4, 10)
    _, indices = mc.top_k(*problem, 60)
    weights, biases, inputs = problem
    ranks = mc.label_ranks(weights, biases, indices, inputs, 60)
    np.testing.assert_array_equal(ranks, np.tile(np.arange(1, 61), (10, 1)))


WEIGHTS, BIASES, INPUTS = small_integers(6, 20, 4, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, ValueError, "k is 0; it must be at least 1 and at most the 20 classes"),
        ({"k": 21}, ValueError, "k is 21; it must be at least 1 and at most the 20 classes"),
        ({"k": 2.0}, TypeError, "k is 2.0; it must be an integer"),
        ({"inputs": INPUTS[0]}, ValueError, "inputs has shape [4]"),
        ({"inputs": INPUTS[:, 1:]}, ValueError, "inputs has shape"),
        ({"inputs": INPUTS.astype(np.float64)}, TypeError, "weights has dtype float32"),
        ({"inputs": INPUTS.astype(np.int64)}, TypeError, "inputs has dtype int64"),
        ({"inputs": 3}, TypeError, "inputs is a int"),
        ({"weights": WEIGHTS[:, :0]}, ValueError, "weights has no columns"),
        ({"weights": WEIGHTS[0]}, ValueError, "weights has shape [4]"),
        ({"biases": BIASES[1:]}, ValueError, "biases has 19 entries"),
        ({"weights": [WEIGHTS[:3], WEIGHTS[3:]]}, ValueError, "weights[0] has 3 rows"),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"weights": WEIGHTS, "biases": BIASES, "inputs": INPUTS, "k": 2, **change}
    with pytest.raises(error, match=re.escape(message)):
        mc.top_k(**arguments)
