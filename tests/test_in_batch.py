"""The batch's own labels as candidates: counts by hand and by enumeration, hits, log-Q."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from random_problems import make_problem
from reference import Problem, Sample, full_softmax, sampled_softmax

COUNTS = np.array([40.0, 20, 10, 5, 5, 1])


def loss_and_grad(problem: Problem, values: mc.SampledValues, **options: Any) -> Any:
    """Loss and gradients for the candidates of a batch."""
    return mc.sampled_softmax_loss_and_grad(
        *problem,
        len(values.sampled_candidates),
        len(problem.weights),
        problem.labels.shape[1],
        values,
        **options,
    )


label_lists = st.lists(
    st.lists(st.integers(0, 5), min_size=2, max_size=2), min_size=1, max_size=20
).map(np.array)


@given(label_lists)
def test_candidates_and_counts_by_hand(labels: np.ndarray) -> None:
    values = mc.InBatchSampler(COUNTS).sample(labels)
    assert values.sampled_candidates.tolist() == sorted(set(labels.ravel().tolist()))
    n = 2 * max(len(labels) - 1, 1)
    p = COUNTS / COUNTS.sum()
    count = 1.0 - (1.0 - p) ** n
    assert values.true_expected_count.shape == labels.shape
    for got, classes in (
        (values.true_expected_count, labels),
        (values.sampled_expected_count, values.sampled_candidates),
    ):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, count[classes], rtol=1e-6)


def test_small_frequencies_are_not_rounded_away() -> None:
    values = mc.InBatchSampler([1.0, 1e12]).sample(np.array([[0], [1], [1]]))
    np.testing.assert_allclose(values.sampled_expected_count, [2e-12, 1.0], rtol=1e-6)


def test_each_rows_partition_function_is_estimated_without_bias() -> None:
    # All batches of three labels of four classes, each with its probability; the first is ours.
    p = np.array([0.6, 0.25, 0.1, 0.05])
    logits = np.array([0.3, -0.2, 1.5, 0.7])
    sampler = mc.InBatchSampler(p)
    for own in range(4):
        estimate = uncorrected = 0.0
        for others in itertools.product(range(4), repeat=2):
            values = sampler.sample(np.array([[own], *([other] for other in others)]))
            chance = p[list(others)].prod()
            negative = values.sampled_candidates != own
            terms = np.exp(logits[values.sampled_candidates]) * negative
            estimate += chance * (
                np.exp(logits[own]) + (terms / values.sampled_expected_count).sum()
            )
            uncorrected += chance * (np.exp(logits[own]) + terms.sum())
        assert estimate == pytest.approx(np.exp(logits).sum(), rel=1e-6)
        assert abs(uncorrected / np.exp(logits).sum() - 1) > 0.1


def test_log_q_brings_the_gradient_closer_to_the_full_softmax() -> None:
    # Popular labels follow Zipf's law; the gradient of the batch, averaged over many batches.
    rng = np.random.default_rng(4)
    num_classes, batch, batches = 60, 48, 300
    p = 1.0 / np.arange(1, num_classes + 1)
    p /= p.sum()
    base = make_problem(5, num_classes=num_classes, dim=6, batch=batch, dtype=np.float64)
    given_sampler = mc.InBatchSampler(p)
    learning_sampler = mc.InBatchSampler(mc.StreamingFrequencies(num_classes))
    full = np.zeros(num_classes)
    errors = {name: full.copy() for name in ("given", "learned", "sampled only", "uncorrected")}
    for _ in range(batches):
        problem = base._replace(labels=rng.choice(num_classes, (batch, 1), p=p))
        full = full_softmax(problem)[1].biases
        values = given_sampler.sample(problem.labels)
        for name, one, correction in (
            ("given", values, "all"),
            ("learned", learning_sampler.sample(problem.labels), "all"),
            ("sampled only", values, "sampled"),
            ("uncorrected", values, "none"),
        ):
            _, gradients = loss_and_grad(problem, one, log_q_correction=correction)
            errors[name] += gradients.biases.to_dense() - full
    distance = {name: np.linalg.norm(error) / batches for name, error in errors.items()}
    for name in ("given", "learned", "sampled only"):
        assert distance[name] < 0.5 * distance["uncorrected"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_positives_of_a_row_are_taken_out_exactly(dtype: Any) -> None:
    # Every row has the same positives, so that every candidate is a hit in every row; a
    # probability above zero anywhere would show as a gradient.
    problem = make_problem(6, num_classes=6, dim=4, batch=5, num_true=1, dtype=dtype)
    problem = problem._replace(labels=np.full((5, 1), 3))
    values = mc.InBatchSampler(COUNTS).sample(problem.labels)
    assert values.sampled_candidates.tolist() == [3]
    loss, gradients = loss_and_grad(problem, values)
    assert (loss == 0.0).all()
    assert (gradients.inputs == 0.0).all()
    assert (gradients.weights.to_dense() == 0.0).all()
    assert (gradients.biases.to_dense() == 0.0).all()


@pytest.mark.parametrize("row", range(8))
def test_hits_have_probability_zero_in_every_row(row: int) -> None:
    # Three positives a row, of few classes: each is somebody else's candidate too. A bias of 60 on
    # the row's own classes would leave a hit with nearly all the probability.
    problem = make_problem(7, num_classes=12, dim=4, batch=8, num_true=3, dtype=np.float64)
    rng = np.random.default_rng(8)
    labels = np.stack([rng.permutation(12)[:3] for _ in range(8)])
    values = mc.InBatchSampler(np.arange(1.0, 13.0)).sample(labels)
    own = labels[row]
    biases = problem.biases.copy()
    biases[own] += 60.0
    problem = problem._replace(labels=labels, biases=biases)
    only = np.eye(8)[row]
    _, gradients = loss_and_grad(problem, values, grad_loss=only)
    # By hand: a softmax over the row's positives and the candidates that are none of them.
    others = np.setdiff1d(values.sampled_candidates, own)
    counts = dict(zip(values.sampled_candidates, values.sampled_expected_count, strict=True))
    classes = np.concatenate([own, others])
    logits = problem.weights[classes] @ problem.inputs[row] + biases[classes]
    logits -= np.log([float(counts[c]) for c in classes])
    probability = np.exp(logits - logits.max())
    probability /= probability.sum()
    expected = np.zeros(12)
    expected[classes] = probability
    expected[own] -= 1.0 / 3.0
    assert_agrees(gradients.biases.to_dense(), expected)
    # Hits bring nothing: the gradient of the positives' biases sums to minus that of the others.
    dense = gradients.biases.to_dense()
    assert dense[own].sum() == pytest.approx(-dense[others].sum(), abs=1e-12)


@pytest.mark.parametrize("num_true", [1, 3])
def test_the_loss_agrees_with_the_oracle(num_true: int) -> None:
    problem = make_problem(9, num_classes=30, batch=16, num_true=num_true)
    values = mc.InBatchSampler(mc.StreamingFrequencies(30)).sample(problem.labels)
    loss, gradients = loss_and_grad(problem, values)
    expected_loss, expected = sampled_softmax(problem, Sample(*values))
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


def test_streaming_frequencies_learn_before_they_are_read() -> None:
    frequencies, twin = mc.StreamingFrequencies(6), mc.StreamingFrequencies(6)
    sampler = mc.InBatchSampler(frequencies)
    assert sampler.num_classes == 6
    rng = np.random.default_rng(10)
    for _ in range(4):
        labels = rng.integers(0, 6, (8, 2))
        values = sampler.sample(labels)
        twin.update(labels)
        by_hand = mc.InBatchSampler(twin.probability(np.arange(6))).sample(labels)
        for got, expected in zip(values, by_hand, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert frequencies.num_labels == 64
    sampler.sample(labels, update=False)
    assert frequencies.num_labels == 64


def test_an_empty_batch_has_no_candidates() -> None:
    values = mc.InBatchSampler(COUNTS).sample(np.zeros((0, 2), np.int64))
    assert [array.shape for array in values] == [(0,), (0, 2), (0,)]


def test_frequencies_given_are_copied() -> None:
    counts = COUNTS.copy()
    sampler = mc.InBatchSampler(counts)
    before = sampler.sample(np.array([[0], [1]]))
    counts[:] = 1.0
    for got, expected in zip(sampler.sample(np.array([[0], [1]])), before, strict=True):
        assert_same_bits(got, expected)


BAD_LABELS: dict[str, tuple[Any, type[Exception], str]] = {
    "too large": (
        np.array([[1], [6]]),
        ValueError,
        re.escape("true_classes[1, 0] is 6, outside [0, 6)"),
    ),
    "below 0": (np.array([[-1]]), ValueError, re.escape("true_classes[0, 0] is -1")),
    "rank 1": (np.array([1, 2]), ValueError, r"true_classes has shape \[2\]"),
    "int32": (np.array([[1]], np.int32), TypeError, "true_classes.*int32.*int64"),
    "float": (np.array([[1.0]]), TypeError, "true_classes.*float64.*int64"),
}


@pytest.mark.parametrize(("labels", "error", "pattern"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels_teach_nothing(labels: Any, error: type[Exception], pattern: str) -> None:
    frequencies = mc.StreamingFrequencies(6)
    with pytest.raises(error, match=pattern):
        mc.InBatchSampler(frequencies).sample(labels)
    assert frequencies.num_labels == 0


def test_a_label_without_a_frequency_is_refused() -> None:
    with pytest.raises(ValueError, match=r"true_classes holds the class 2, whose frequency is 0"):
        mc.InBatchSampler([1.0, 1.0, 0.0]).sample(np.array([[1], [2]]))
    with pytest.raises(ValueError, match=r"the class 1, whose frequency is 0"):
        mc.InBatchSampler(mc.StreamingFrequencies(3)).sample(np.array([[1]]), update=False)


@pytest.mark.parametrize(
    ("frequencies", "error", "pattern"),
    [
        ([1.0, -1.0], ValueError, r"frequencies\[1\] is -1"),
        ([1.0, np.nan], ValueError, r"frequencies\[1\] is nan"),
        ([], ValueError, r"frequencies.*\b0\b"),
        (np.ones((2, 2)), ValueError, "frequencies"),
        ("abc", TypeError, "frequencies"),
        (None, TypeError, "frequencies"),
    ],
)
def test_bad_frequencies(frequencies: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        mc.InBatchSampler(frequencies)


def test_a_class_almost_forgotten_has_a_count_that_losses_take() -> None:
    frequencies = mc.StreamingFrequencies(3, counts=np.array([1e-60, 1.0, 1.0]))
    sample = mc.InBatchSampler(frequencies).sample(np.array([[0], [1]]), update=False)
    assert sample.sampled_expected_count[0] == np.finfo(np.float32).tiny
    assert sample.true_expected_count[0, 0] > 0
