"""Weights of bfloat16 in the sampled losses: read as the float32 that they are."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bfloat16_reference
import manyclass as mc
import reference
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from random_problems import LAYOUTS, laid_out, make_problem, make_sample
from reference import Problem, Sample, cut
from test_bad_input import sampled_arguments, w
from test_bfloat16_compute import assert_close, dense
from test_same_bits import assert_same, bits, sizes

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
NAMES = ("sampled_softmax_loss", "nce_loss")
COMPUTE_DTYPES = (None, "bfloat16")

each_loss = pytest.mark.parametrize("name", NAMES)
each_compute_dtype = pytest.mark.parametrize("compute_dtype", COMPUTE_DTYPES)


def stored(problem: Problem) -> Problem:
    """Return the problem with its weights rounded to bfloat16."""
    return problem._replace(weights=problem.weights.astype(BFLOAT16))


def widened(problem: Problem) -> Problem:
    """Return the same numbers in float32."""
    return problem._replace(weights=problem.weights.astype(np.float32))


def compute(name: str, problem: Any, sample: Sample, num_classes: int, **options: Any) -> Any:
    """Return the loss and its gradients on given candidates."""
    return getattr(mc, f"{name}_and_grad")(
        *problem,
        len(sample.candidates),
        num_classes,
        problem[2].shape[1] if isinstance(problem[2], np.ndarray) else 1,
        sampled_values=sample,
        **options,
    )


@each_loss
@given(
    seed=st.integers(0, 999),
    dim=st.integers(1, 70),
    batch=sizes(140),
    num_true=st.integers(1, 3),
    num_sampled=st.integers(1, 60),
    hits=st.booleans(),
)
def test_agrees_with_float64_on_what_is_stored(
    name: str, seed: int, dim: int, batch: int, num_true: int, num_sampled: int, hits: bool
) -> None:
    problem = stored(make_problem(seed, num_classes=70, dim=dim, batch=batch, num_true=num_true))
    sample = make_sample(1, problem, num_sampled)
    loss, gradients = compute(name, problem, sample, 70, remove_accidental_hits=hits)
    oracle = reference.sampled_softmax if name == "sampled_softmax_loss" else reference.nce
    expected_loss, expected = oracle(problem, sample, hits, None)
    assert_agrees(loss, expected_loss)
    terms_scale = max(1.0, *(np.abs(gradient).max() for gradient in expected))  # they may cancel
    assert_gradients_agree(gradients, expected, terms_scale)
    for slices in gradients[:2]:
        assert slices.values.dtype == np.float32
    assert tuple(gradients.weights.dense_shape) == (70, dim)


@each_loss
@settings(deadline=None)
@given(data=st.data())
def test_agrees_with_float64_on_rounded_inputs(name: str, data: st.DataObject) -> None:
    draw = data.draw
    problem = stored(
        make_problem(
            draw(st.integers(0, 999)),
            num_classes=70,
            dim=draw(st.integers(1, 70)),
            batch=draw(sizes(140)),
            num_true=draw(st.integers(1, 3)),
        )
    )
    sample = make_sample(1, problem, draw(st.integers(1, 60)))
    loss, gradients = compute(name, problem, sample, 70, compute_dtype="bfloat16")
    oracle = {
        "sampled_softmax_loss": bfloat16_reference.sampled_softmax,
        "nce_loss": bfloat16_reference.nce,
    }[name]
    options = {} if name == "sampled_softmax_loss" else {"remove_accidental_hits": False}
    assert_close(loss, dense(gradients), oracle(problem, sample, **options))


@each_loss
@each_compute_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dim", [1, 9, 64, 255])
def test_same_bits_as_the_widened_rows(
    name: str, compute_dtype: str | None, layout: str, dim: int
) -> None:
    problem = stored(make_problem(3, num_classes=90, dim=dim, batch=33, num_true=2))
    sample = make_sample(4, problem, 41)
    in_place = problem._replace(weights=laid_out(problem.weights, layout))
    options = {"compute_dtype": compute_dtype, "num_threads": 1}
    result = compute(name, in_place, sample, 90, **options)
    assert bits(result) == bits(compute(name, widened(problem), sample, 90, **options))


@each_loss
@each_compute_dtype
@pytest.mark.parametrize("dim", [256, 257, 511, 1030])
def test_long_rows_are_read_in_pieces(name: str, compute_dtype: str | None, dim: int) -> None:
    problem = stored(make_problem(5, num_classes=50, dim=dim, batch=20))
    sample = make_sample(6, problem, 30)
    loss, gradients = compute(name, problem, sample, 50, compute_dtype=compute_dtype)
    expected_loss, expected = compute(
        name, widened(problem), sample, 50, compute_dtype=compute_dtype
    )
    assert_agrees(loss, expected_loss.astype(np.float64))
    for field in ("weights", "biases", "inputs"):
        one, two = (getattr(dense(g), field) for g in (gradients, expected))
        limit = 1e-6 if compute_dtype is None else 2.0**-7  # where a derivative rounds otherwise
        assert np.abs(one - two).max() <= limit * np.abs(two).max()


@each_loss
@each_compute_dtype
@pytest.mark.parametrize("strategy", ["div", "mod"])
@pytest.mark.parametrize("num_shards", [2, 3, 7])
def test_shards_have_the_bits_of_the_whole(
    name: str, compute_dtype: str | None, strategy: str, num_shards: int
) -> None:
    problem = stored(make_problem(7, num_classes=25, dim=9, batch=12, num_true=2))
    sample = make_sample(8, problem, 11)
    options = {"compute_dtype": compute_dtype}
    loss, gradients = compute(name, problem, sample, 25, **options)
    shards = problem._replace(
        weights=cut(problem.weights, num_shards, strategy),
        biases=cut(problem.biases, num_shards, strategy),
    )
    of_shards = compute(name, shards, sample, 25, partition_strategy=strategy, **options)
    assert_same_bits(of_shards[0], loss)
    assert_same_bits(of_shards[1].inputs, gradients.inputs)
    parts = [slices.to_dense() for slices in of_shards[1].weights]
    whole = cut(gradients.weights.to_dense(), num_shards, strategy)
    for part, expected in zip(parts, whole, strict=True):
        assert_same_bits(part, np.ascontiguousarray(expected))


@each_loss
@each_compute_dtype
def test_ragged_labels_and_weights_of_labels(name: str, compute_dtype: str | None) -> None:
    problem = stored(make_problem(9, num_classes=40, dim=13, batch=5))
    labels = mc.RaggedLabels(np.array([3, 9, 9, 0, 39, 7]), np.array([0, 2, 2, 5, 6, 6]))
    rng = np.random.default_rng(1)
    sample = Sample(np.arange(10, 30), np.ones(6), rng.uniform(0.1, 2.0, 20))
    options = {
        "compute_dtype": compute_dtype,
        "label_weights": rng.uniform(0.0, 1.0, 6).astype(np.float32),
        "grad_loss": rng.standard_normal(5).astype(np.float32),
    }
    results = [
        compute(name, one._replace(labels=labels), sample, 40, **options)
        for one in (problem, widened(problem))
    ]
    assert bits(results[0]) == bits(results[1])


@each_loss
@each_compute_dtype
def test_same_bits_at_every_number_of_threads(name: str, compute_dtype: str | None) -> None:
    problem = stored(make_problem(11, num_classes=3000, dim=65, batch=257, num_true=2))
    sample = make_sample(12, problem, 700)
    assert_same(
        lambda num_threads: compute(
            name, problem, sample, 3000, compute_dtype=compute_dtype, num_threads=num_threads
        )
    )


def test_numbers_of_every_size_are_read_as_they_are() -> None:
    weights = np.zeros((4, 3), BFLOAT16)
    weights[1] = [np.inf, 1.0, 0.0]
    weights[2] = [np.nan, 1.0, 0.0]
    weights[3] = np.array([1, 0x8001, 0x7F], np.uint16).view(BFLOAT16)  # below the normal numbers
    inputs = np.array([[0.0, 1.0, 0.0], [2.0**127, 2.0**127, 0.0]], np.float32)
    labels = np.array([[3], [3]])
    for compute_dtype in COMPUTE_DTYPES:
        for candidates in ([0], [1], [2]):
            sample = Sample(np.array(candidates), np.ones((2, 1)), np.ones(1))
            arguments = (weights, np.zeros(4, np.float32), labels, inputs)
            options = {"compute_dtype": compute_dtype}
            result = compute("sampled_softmax_loss", arguments, sample, 4, **options)
            wide = (weights.astype(np.float32), *arguments[1:])
            expected = compute("sampled_softmax_loss", wide, sample, 4, **options)
            assert bits(result[0]) == bits(expected[0])
    assert np.isfinite(result[0]).sum() == 0  # the last candidate is NaN


@each_loss
@pytest.mark.parametrize("function", ["", "_and_grad"])
def test_dtypes_that_do_not_go_together_are_refused(name: str, function: str) -> None:
    good = {**sampled_arguments(seed=1), "weights": w.astype(BFLOAT16)}
    call = getattr(mc, name + function)
    call(**good)
    shards = [w.astype(BFLOAT16)[:5], w[5:]]
    for changes, pattern in [
        ({"inputs": good["inputs"].astype(np.float64)}, "weights has dtype bfloat16.*float64"),
        ({"inputs": good["inputs"].astype(BFLOAT16)}, "inputs has dtype bfloat16.*float32"),
        ({"biases": good["biases"].astype(BFLOAT16)}, "biases has dtype bfloat16.*float32"),
        ({"biases": good["biases"].astype(np.float64)}, "biases has dtype float64.*float32"),
        ({"weights": shards}, r"weights\[1\] has dtype float32.*bfloat16"),
        ({"weights": shards[::-1]}, r"weights\[1\] has dtype bfloat16.*float32"),
    ]:
        with pytest.raises(TypeError, match=pattern):
            call(**{**good, **changes})
