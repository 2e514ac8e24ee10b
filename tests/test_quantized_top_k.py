"""`QuantizedTopK` against `top_k`, and against rows quantised in NumPy."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from quantized_reference import approximate_logits, exact_logits
from random_problems import LAYOUTS, laid_out
from reference import cut


def problem(seed: int, num_classes: int, dim: int, batch: int, clusters: int = 0) -> Any:
    """Return weights, biases and inputs; with clusters, rows and inputs lie near a few points."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((num_classes, dim), np.float32)
    inputs = rng.standard_normal((batch, dim), np.float32)
    if clusters:
        centres = rng.standard_normal((clusters, dim), np.float32)
        weights = 0.1 * weights + centres[rng.integers(0, clusters, num_classes)]
        weights *= rng.uniform(0.5, 2, (num_classes, 1)).astype(np.float32)
        inputs = 0.1 * inputs + centres[rng.integers(0, clusters, batch)]
    return weights, rng.standard_normal(num_classes, np.float32), inputs


def assert_same_answer(actual: Any, expected: Any) -> None:
    for found, wanted in zip(actual, expected, strict=True):
        assert_same_bits(found, wanted)


@given(st.integers(1, 400), st.integers(1, 70), st.integers(0, 40), st.data())
def test_over_all_classes_it_is_top_k(
    num_classes: int, dim: int, batch: int, data: st.DataObject
) -> None:
    layer = problem(data.draw(st.integers(0, 99)), num_classes, dim, batch)
    k = data.draw(st.integers(1, num_classes))
    answer = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], k, num_reranked=num_classes)
    assert answer[0].dtype == np.float32
    assert answer[1].dtype == np.int64
    assert_same_answer(answer, mc.top_k(*layer, k))


@pytest.mark.parametrize("batch", [1, 8, 9, 250, 256, 258, 270])
@pytest.mark.parametrize("num_reranked", [40, 3000])
def test_values_have_the_bits_of_top_k(batch: int, num_reranked: int) -> None:
    # Candidates of 3,000 classes are not looked at for all examples at once.
    layer = problem(1, 3000, 24, batch)
    answer = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], 7, num_reranked=num_reranked)
    assert_same_answer(answer, mc.top_k(*layer, 7))


@pytest.mark.parametrize("clusters", [0, 5])
@given(st.integers(2, 500), st.integers(1, 130), st.integers(1, 30), st.data())
def test_candidates_are_the_best_by_quantised_rows(
    clusters: int, num_classes: int, dim: int, batch: int, data: st.DataObject
) -> None:
    layer = problem(data.draw(st.integers(0, 99)), num_classes, dim, batch, clusters)
    k = data.draw(st.integers(1, num_classes - 1))
    _, indices = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], k, num_reranked=k)
    logits, _ = approximate_logits(*layer)
    for found, row in zip(indices, logits, strict=True):
        assert len(set(found.tolist())) == k
        left = np.delete(row, found)
        # In float64: a class behind may be ahead by float32's rounding alone.
        assert row[found].min() >= left.max() - 1e-5 * np.abs(row).max()


@pytest.mark.parametrize("clusters", [0, 5])
@given(st.integers(20, 500), st.integers(1, 130), st.data())
def test_no_class_is_missed_that_errors_cannot_hide(
    clusters: int, num_classes: int, dim: int, data: st.DataObject
) -> None:
    layer = problem(data.draw(st.integers(0, 99)), num_classes, dim, 8, clusters)
    num_reranked = data.draw(st.integers(5, num_classes))
    _, indices = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], 5, num_reranked=num_reranked)
    exact = exact_logits(*layer)
    approximate, bound = approximate_logits(*layer)
    assert (np.abs(approximate - exact) <= bound).all()
    for found, best, row, error in zip(indices, mc.top_k(*layer, 5)[1], exact, bound, strict=True):
        for class_id in best:
            may_be_ahead = row + error >= row[class_id] - error[class_id]
            assert class_id in found or may_be_ahead.sum() > num_reranked


@pytest.mark.parametrize("clusters", [0, 30])
def test_recall_with_the_default(clusters: int) -> None:
    layer = problem(2, 20_000, 64, 100, clusters)
    quantized = mc.QuantizedTopK(*layer[:2])
    assert_same_answer(quantized.top_k(layer[2], 10), mc.top_k(*layer, 10))


@pytest.mark.parametrize("num_shards", [1, 3, 40])
@pytest.mark.parametrize("strategy", ["div", "mod"])
def test_shards_are_one_table(strategy: str, num_shards: int) -> None:
    weights, biases, inputs = problem(3, 1000, 9, 20)
    expected = mc.QuantizedTopK(weights, biases).top_k(inputs, 5, num_reranked=7)
    for bias_table in (biases, cut(biases, 7, strategy)):
        shards = cut(weights, num_shards, strategy)
        quantized = mc.QuantizedTopK(shards, bias_table, partition_strategy=strategy)
        assert_same_answer(quantized.top_k(inputs, 5, num_reranked=7), expected)
        quantized.refresh([0, 999, 500])
        assert_same_answer(quantized.top_k(inputs, 5, num_reranked=7), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_are_used_as_they_lie(layout: str) -> None:
    weights, biases, inputs = problem(4, 300, 7, 6)
    lying = laid_out(weights, layout)
    lying.flags.writeable = False
    quantized = mc.QuantizedTopK(lying, biases)
    expected = mc.QuantizedTopK(weights, biases).top_k(inputs, 5, num_reranked=6)
    assert_same_answer(quantized.top_k(laid_out(inputs, layout), 5, num_reranked=6), expected)


def test_values_are_those_of_the_arrays_as_they_are(tmp_path: Path) -> None:
    weights, biases, inputs = problem(5, 400, 8, 3)
    mapped = np.memmap(tmp_path / "weights", np.float32, "w+", shape=weights.shape)
    mapped[:] = weights
    quantized = mc.QuantizedTopK(mapped, biases)
    mapped *= 2
    biases += 1
    values, indices = quantized.top_k(inputs, 10)
    logits = exact_logits(mapped, biases, inputs)
    np.testing.assert_allclose(values, np.take_along_axis(logits, indices, axis=1), rtol=1e-5)
    assert_same_answer((values, indices), mc.top_k(mapped, biases, inputs, 10))


def test_refresh_finds_what_has_changed() -> None:
    weights, biases, inputs = problem(6, 5000, 16, 4)
    quantized = mc.QuantizedTopK(weights, biases)
    changed = np.array([4999, 0, 77, 77, 1234])
    weights[changed] *= -3
    stale = quantized.top_k(inputs, 4, num_reranked=20)
    quantized.refresh(changed)
    fresh = quantized.top_k(inputs, 4, num_reranked=20)
    assert_same_answer(fresh, mc.top_k(weights, biases, inputs, 4))
    assert set(fresh[1].ravel()) & set(changed)
    assert not np.array_equal(stale[1], fresh[1])
    weights[:] = weights[::-1].copy()
    quantized.refresh()
    assert_same_answer(
        quantized.top_k(inputs, 4, num_reranked=20), mc.top_k(weights, biases, inputs, 4)
    )


@pytest.mark.parametrize("ragged", [False, True])
def test_excluded_classes_are_no_answer(ragged: bool) -> None:
    layer = problem(7, 2000, 16, 12)
    best = mc.top_k(*layer, 30)[1]
    excluded: Any = best[:, ::2].copy()
    if ragged:
        excluded = mc.RaggedLabels(best[:, :20].ravel(), np.arange(0, 241, 20))
    quantized = mc.QuantizedTopK(*layer[:2])
    answer = quantized.top_k(layer[2], 10, num_reranked=30, excluded=excluded)
    assert_same_answer(answer, mc.top_k(*layer, 10, excluded=excluded))
    # Candidates are fewer than asked for where fewer classes are left.
    all_but = np.delete(np.arange(2000), [3, 500, 1999])[None].repeat(12, axis=0)
    answer = quantized.top_k(layer[2], 3, num_reranked=2000, excluded=all_but)
    assert_same_answer(answer, mc.top_k(*layer, 3, excluded=all_but))
    with pytest.raises(ValueError, match="excluded leaves 3 classes to example 0"):
        quantized.top_k(layer[2], 4, num_reranked=2000, excluded=all_but)


def test_of_equal_logits_the_smaller_class_is_ahead() -> None:
    # Rows from -127 to 127, which 8 bits hold exactly, each one twenty times.
    rng = np.random.default_rng(8)
    few = rng.integers(-127, 128, (50, 6)).astype(np.float32)
    few[:, 0] = 127
    layer = np.tile(few, (20, 1)), np.zeros(1000, np.float32), few[:9]
    answer = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], 30, num_reranked=30)
    assert_same_answer(answer, mc.top_k(*layer, 30))


def test_nan_is_behind_all_others() -> None:
    weights, biases, inputs = problem(9, 500, 8, 7)
    weights[::3, 5] = np.nan
    biases[1] = np.nan
    biases[2] = np.inf
    biases[4] = -np.inf
    inputs[3, 2] = np.nan
    inputs[5, 0] = np.inf
    quantized = mc.QuantizedTopK(weights, biases)
    expected = mc.top_k(weights, biases, inputs, 10)
    values, indices = quantized.top_k(inputs, 10)
    rest = [0, 1, 2, 3, 4, 6]
    assert_same_answer((values[rest], indices[rest]), (expected[0][rest], expected[1][rest]))
    assert indices[:5:2, 0].tolist() == [2, 2, 2]
    assert indices[5].max() < 64  # the candidates of an infinite input
    assert_same_answer(quantized.top_k(inputs, 10, num_reranked=500), expected)
    weights[:] = np.nan
    quantized.refresh()
    assert_same_answer(quantized.top_k(inputs, 10), mc.top_k(weights, biases, inputs, 10))


def test_rows_of_infinities_are_no_candidates() -> None:
    weights, biases, inputs = problem(10, 300, 8, 3)
    weights[5] = np.inf
    quantized = mc.QuantizedTopK(weights, biases)
    finite = np.where(np.isinf(weights), np.float32(np.nan), weights)
    assert_same_answer(quantized.top_k(inputs, 10), mc.top_k(finite, biases, inputs, 10))


@pytest.mark.parametrize("factor", [1e-45, 1e-38, 1e-30, 1e-18, 1e18, 1e37])
def test_tiny_and_huge_numbers(factor: float) -> None:
    weights, biases, inputs = problem(11, 300, 8, 3)
    with np.errstate(over="ignore", under="ignore"):
        weights = (weights * np.float64(factor)).astype(np.float32)
    for layer in ((weights, biases, inputs), (inputs, biases[:3], weights)):
        answer = mc.QuantizedTopK(*layer[:2]).top_k(layer[2], 3, num_reranked=3)
        assert_same_answer(
            mc.QuantizedTopK(*layer[:2]).top_k(layer[2], 3, num_reranked=len(layer[0])),
            mc.top_k(*layer, 3),
        )
        assert np.isfinite(answer[0]).all()


def test_a_row_of_zeros_is_its_bias() -> None:
    biases = np.arange(20, dtype=np.float32)
    quantized = mc.QuantizedTopK(np.zeros((20, 4), np.float32), biases)
    values, indices = quantized.top_k(np.ones((2, 4), np.float32), 3, num_reranked=3)
    assert values.tolist() == [[19, 18, 17]] * 2
    assert indices.tolist() == [[19, 18, 17]] * 2


@pytest.mark.parametrize("batch", [0, 1, 7, 100])
def test_same_bits_at_every_number_of_threads(batch: int) -> None:
    layer = problem(12, 30_000, 20, batch)
    one = mc.QuantizedTopK(*layer[:2], num_threads=1).top_k(layer[2], 9, num_threads=1)
    for num_threads in (2, 3, 8):
        quantized = mc.QuantizedTopK(*layer[:2], num_threads=num_threads)
        assert_same_answer(quantized.top_k(layer[2], 9, num_threads=num_threads), one)


def test_copies_and_pickles_answer_alike() -> None:
    layer = problem(13, 300, 8, 3)
    quantized = mc.QuantizedTopK(*layer[:2])
    expected = quantized.top_k(layer[2], 5)
    for other in (pickle.loads(pickle.dumps(quantized)), copy.deepcopy(quantized)):
        assert_same_answer(other.top_k(layer[2], 5), expected)
        layer[0][:] = 0  # the copy has arrays of its own


def test_a_layer_is_quantised_where_it_lies() -> None:
    layer = mc.SampledSoftmax(1000, 16, num_sampled=5, seed=1)
    inputs = problem(14, 1, 16, 4)[2]
    quantized = layer.quantized()
    assert_same_answer(quantized.top_k(inputs, 5), layer.top_k(inputs, 5))
    layer.biases[7] = 100
    assert (quantized.top_k(inputs, 5)[1][:, 0] == 7).all()
    assert (quantized.num_classes, quantized.dim) == (1000, 16)
    assert quantized.nbytes < layer.weights.nbytes / 3


def test_its_repr_tells_what_it_is() -> None:
    weights, biases, _ = problem(1, 20, 3, 1)
    assert repr(mc.QuantizedTopK(weights, biases)) == "QuantizedTopK(20 classes of dim 3)"
