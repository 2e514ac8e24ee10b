"""Sampled softmax loss and gradients against the oracle and against identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
import reference
from agreement import (
    assert_agrees,
    assert_gradients_agree,
    assert_same_bits,
    assert_same_slices,
)
from random_examples import Example, examples
from random_problems import make_problem, make_sample
from reference import Problem, Sample


def call(problem: Problem, sample: Sample, **options: Any) -> tuple[np.ndarray, mc.Gradients]:
    """Loss and gradients for explicit candidates."""
    return mc.sampled_softmax_loss_and_grad(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
        **options,
    )


@given(examples())
def test_agrees_with_oracle(example: Example) -> None:
    problem, sample, grad_loss, remove_hits, num_threads = example
    options = {"remove_accidental_hits": remove_hits, "num_threads": num_threads}
    loss, gradients = call(problem, sample, grad_loss=grad_loss, **options)
    expected_loss, expected = reference.sampled_softmax(problem, sample, remove_hits, grad_loss)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)
    assert loss.dtype == gradients.inputs.dtype == problem.weights.dtype
    alone = mc.sampled_softmax_loss(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
        **options,
    )
    assert_same_bits(alone, loss)


@given(st.integers(0, 100), st.integers(1, 3), st.integers(1, 60), st.integers(0, 20))
def test_agrees_where_the_gradients_cancel(
    seed: int, num_classes: int, num_sampled: int, batch: int
) -> None:
    # Nearly every candidate is every other: what is left of the sums is rounding.
    problem = make_problem(seed, num_classes=num_classes, batch=batch, num_true=2)
    sample = make_sample(seed, problem, num_sampled, repeats=True)
    loss, gradients = call(problem, sample)
    expected_loss, expected = reference.sampled_softmax(problem, sample)
    assert_agrees(loss, expected_loss)
    # Each row of logits has a gradient of at most 2 in all.
    largest = max(float(np.abs(a).max(initial=1.0)) for a in (problem.inputs, problem.weights))
    assert_gradients_agree(gradients, expected, scale=2.0 * largest * max(batch, 1))


@given(examples())
def test_gradients_name_each_touched_row_once(example: Example) -> None:
    problem, sample, _, remove_hits, _ = example
    _, gradients = call(problem, sample, remove_accidental_hits=remove_hits)
    touched = np.unique(np.concatenate([problem.labels.ravel(), sample.candidates]))
    for slices, shape in (
        (gradients.weights, problem.weights.shape),
        (gradients.biases, problem.biases.shape),
    ):
        assert isinstance(slices, mc.IndexedSlices)
        assert_same_bits(slices.indices, touched)
        assert slices.values.shape == (len(touched), *shape[1:])
        assert slices.values.dtype == problem.weights.dtype
        assert tuple(slices.dense_shape) == shape
    assert gradients.inputs.shape == problem.inputs.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("num_classes", "dim", "batch", "num_true", "num_sampled"),
    [(5000, 129, 70, 1, 1031), (300, 64, 513, 3, 257), (2000, 513, 33, 2, 300)],
)
def test_agrees_beyond_one_tile(
    num_classes: int, dim: int, batch: int, num_true: int, num_sampled: int, dtype: type
) -> None:
    problem = make_problem(
        3, num_classes=num_classes, dim=dim, batch=batch, num_true=num_true, dtype=dtype
    )
    sample = make_sample(4, problem, num_sampled)
    loss, gradients = call(problem, sample)
    expected_loss, expected = reference.sampled_softmax(problem, sample)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_gradients_agree_with_finite_differences() -> None:
    problem = make_problem(5, num_classes=12, dim=5, batch=4, num_true=2, dtype=np.float64)
    sample = make_sample(6, problem, 7, repeats=True)
    grad_loss = np.array([1.0, -0.5, 2.0, 0.25])
    _, gradients = call(problem, sample, grad_loss=grad_loss)
    dense = {
        "weights": gradients.weights.to_dense(),
        "biases": gradients.biases.to_dense(),
        "inputs": gradients.inputs,
    }
    step = 1e-5
    for name, gradient in dense.items():
        variable = getattr(problem, name)
        for place in np.ndindex(variable.shape):
            totals = []
            for shift in (step, -step):
                moved = variable.copy()
                moved[place] += shift
                loss, _ = call(problem._replace(**{name: moved}), sample)
                totals.append(float(loss @ grad_loss))
            slope = (totals[0] - totals[1]) / (2 * step)
            assert gradient[place] == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_classes_as_candidates_is_the_full_softmax(dtype: type) -> None:
    problem = make_problem(7, num_classes=53, dim=11, batch=9, dtype=dtype)
    ones = (np.ones((9, 1), np.float32), np.ones(53, np.float32))
    loss, gradients = call(problem, Sample(np.arange(53), *ones))
    expected_loss, expected = reference.full_softmax(problem)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_all_but_the_hit_removed_leaves_a_zero_loss() -> None:
    problem = make_problem(8, num_classes=4, batch=3)._replace(labels=np.full((3, 1), 2))
    ones = (np.ones((3, 1), np.float32), np.ones(1, np.float32))
    loss, gradients = call(problem, Sample(np.array([2]), *ones))
    assert loss.tolist() == [0.0, 0.0, 0.0]
    assert not gradients.weights.to_dense().any()
    assert not gradients.biases.to_dense().any()
    assert not gradients.inputs.any()


def test_only_the_last_of_a_repeated_hit_is_removed() -> None:
    problem = make_problem(9, num_classes=4, batch=1, dtype=np.float64)
    problem = problem._replace(labels=np.array([[2]]), weights=np.zeros((4, 8)), biases=np.zeros(4))
    true, sampled = np.ones((1, 1), np.float32), np.array([1, 1, 8], np.float32)
    loss, _ = call(problem, Sample(np.array([2, 0, 2]), true, sampled))
    assert loss[0] == pytest.approx(np.log(3.0), rel=1e-14)  # the true one, and two candidates
    kept, _ = call(
        problem, Sample(np.array([2, 0, 2]), true, sampled), remove_accidental_hits=False
    )
    assert kept[0] == pytest.approx(np.log(3.125), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("remove_hits", [False, True])
def test_logits_of_ten_thousand(dtype: type, remove_hits: bool) -> None:
    # Small integers times 1000: every logit is exact, so that ties and gaps are too.
    rng = np.random.default_rng(10)
    problem = Problem(
        (1000 * rng.integers(-3, 4, (30, 6))).astype(dtype),
        rng.integers(-3, 4, 30).astype(dtype),
        rng.integers(0, 30, (12, 2)),
        rng.integers(-2, 3, (12, 6)).astype(dtype),
    )
    sample = Sample(np.arange(0, 30, 2), np.ones((12, 2), np.float32), np.ones(15, np.float32))
    logits = reference.sampled_logits(problem, sample, remove_accidental_hits=False)
    assert np.abs(logits).max() > 1e4
    loss, gradients = call(problem, sample, remove_accidental_hits=remove_hits)
    expected_loss, expected = reference.sampled_softmax(problem, sample, remove_hits)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


@pytest.mark.parametrize("shape", [(6, 1), (1, 2), (1, 1), (2,), ()])
def test_true_expected_count_broadcasts(shape: tuple[int, ...]) -> None:
    problem = make_problem(11, batch=6, num_true=2)
    sample = make_sample(12, problem, 5)
    count = np.random.default_rng(13).uniform(0.5, 2.0, shape).astype(np.float32)
    loss, gradients = call(problem, sample._replace(true_count=np.asarray(count)))
    spread = sample._replace(true_count=np.broadcast_to(count, (6, 2)).copy())
    same_loss, same = call(problem, spread)
    assert_same_bits(loss, same_loss)
    assert_same_slices(gradients.weights, same.weights)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_expected_counts_may_be_float64(dtype: type) -> None:
    problem = make_problem(11, batch=6, num_true=2, dtype=dtype)
    sample = make_sample(12, problem, 5)
    doubles = Sample(
        sample.candidates, sample.true_count.astype(float), sample.sampled_count.astype(float)
    )
    loss, gradients = call(problem, doubles)
    expected_loss, expected = reference.sampled_softmax(problem, doubles)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_grad_loss_of_ones_is_the_default() -> None:
    problem = make_problem(14, batch=7, num_true=2)
    sample = make_sample(15, problem, 6)
    _, default = call(problem, sample)
    _, ones = call(problem, sample, grad_loss=np.ones(7, np.float32))
    assert_same_slices(ones.weights, default.weights)
    assert_same_slices(ones.biases, default.biases)
    assert_same_bits(ones.inputs, default.inputs)


def test_zero_grad_loss_silences_a_row() -> None:
    problem = make_problem(16, batch=2)
    sample = make_sample(17, problem, 6)
    grad_loss = np.array([0.0, 1.0], np.float32)
    loss, gradients = call(problem, sample, grad_loss=grad_loss)
    assert loss[0] != 0.0
    assert not gradients.inputs[0].any()
    assert gradients.inputs[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_true", [1, 3])
def test_same_bits_at_every_number_of_threads(dtype: type, num_true: int) -> None:
    problem = make_problem(18, num_classes=3000, dim=37, batch=401, num_true=num_true, dtype=dtype)
    sample = make_sample(19, problem, 701, repeats=True)
    loss, gradients = call(problem, sample, num_threads=1)
    for num_threads in (2, 3, 8):
        other_loss, other = call(problem, sample, num_threads=num_threads)
        assert_same_bits(other_loss, loss)
        assert_same_slices(other.weights, gradients.weights)
        assert_same_slices(other.biases, gradients.biases)
        assert_same_bits(other.inputs, gradients.inputs)
