"""The three corrections of the sampled losses: what each computes and what it estimates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc
import reference
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits
from random_problems import make_problem, make_sample
from reference import Problem, Sample

CORRECTIONS = ("all", "sampled", "none")
LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (mc.sampled_softmax_loss_and_grad, reference.sampled_softmax),
    "nce": (mc.nce_loss_and_grad, reference.nce),
}
PROBLEM = make_problem(1, num_classes=30, batch=7, num_true=2)
SAMPLE = make_sample(2, PROBLEM, 12)


def arguments(problem: Problem, sample: Sample) -> tuple[Any, ...]:
    """Return a loss's arguments for explicit candidates."""
    return (
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("remove_hits", [False, True])
@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_agrees_with_oracle(name: str, correction: str, remove_hits: bool, dtype: type) -> None:
    ours, oracle = LOSSES[name]
    problem = make_problem(3, num_classes=40, batch=9, num_true=2, dtype=dtype)
    sample = make_sample(4, problem, 25, repeats=True)
    options = {"remove_accidental_hits": remove_hits, "log_q_correction": correction}
    loss, gradients = ours(*arguments(problem, sample), **options)
    expected_loss, expected = oracle(problem, sample, **options)
    assert_agrees(loss, expected_loss)
    assert_gradients_agree(gradients, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_all_is_the_default_and_others_differ(name: str) -> None:
    function, _ = LOSSES[name]
    losses = {
        correction: function(*arguments(PROBLEM, SAMPLE), log_q_correction=correction)[0]
        for correction in CORRECTIONS
    }
    assert_same_bits(function(*arguments(PROBLEM, SAMPLE))[0], losses["all"])
    for one, other in itertools.combinations(CORRECTIONS, 2):
        assert np.abs(losses[one] - losses[other]).min() > 1e-3


def test_equal_counts_cancel_in_the_softmax() -> None:
    equal = Sample(SAMPLE.candidates, np.full((1, 1), 0.25), np.full(12, 0.25))
    plain = mc.sampled_softmax_loss(*arguments(PROBLEM, equal), log_q_correction="none")
    assert_agrees(mc.sampled_softmax_loss(*arguments(PROBLEM, equal)), plain.astype(np.float64))


# One example of four classes: few enough samples to go through them all.
SMALL = make_problem(5, num_classes=4, dim=3, batch=1, dtype=np.float64)
PROBABILITIES = np.array([0.4, 0.3, 0.2, 0.1])


def partition_function() -> float:
    """Return the sum of exponentials over all classes."""
    return float(np.exp(SMALL.inputs @ SMALL.weights.T + SMALL.biases).sum())


def estimated_partition_function(
    candidates: tuple[int, ...], expected_count: np.ndarray, **options: Any
) -> float:
    """Return the sum of exponentials that the loss of one sample stands for."""
    label = SMALL.labels[0, 0]
    sample = Sample(
        np.array(candidates), expected_count[SMALL.labels], expected_count[list(candidates)]
    )
    loss = mc.sampled_softmax_loss(*arguments(SMALL, sample), **options)[0]
    logit = float(SMALL.inputs[0] @ SMALL.weights[label] + SMALL.biases[label])
    return math.exp(loss + logit)


def mean_over_repeated_draws(**options: Any) -> float:
    """Return the expectation over samples of three independent draws."""
    return sum(
        math.prod(PROBABILITIES[list(sample)])
        * estimated_partition_function(sample, 3 * PROBABILITIES, **options)
        for sample in itertools.product(range(4), repeat=3)
    )


def test_sampled_estimates_the_partition_function_without_bias() -> None:
    mean = mean_over_repeated_draws(log_q_correction="sampled", mask_repeats=True)
    assert mean == pytest.approx(partition_function(), rel=1e-13)


@pytest.mark.parametrize(
    "options",
    [
        {"log_q_correction": "all", "mask_repeats": True},
        {"log_q_correction": "none", "mask_repeats": True},
        {"log_q_correction": "sampled"},
        {"log_q_correction": "sampled", "remove_accidental_hits": False},
    ],
)
def test_nothing_else_does(options: dict[str, Any]) -> None:
    mean = mean_over_repeated_draws(**options)
    assert abs(mean / partition_function() - 1) > 1e-2


def test_sampled_is_unbiased_with_exact_inclusion_probabilities() -> None:
    # Two different classes, drawn one after the other; the sample's probability is that of both
    # orders, a class's expected count the sum over the samples that hold it.
    chances = {
        pair: sum(
            PROBABILITIES[i] * PROBABILITIES[j] / (1 - PROBABILITIES[i])
            for i, j in (pair, pair[::-1])
        )
        for pair in itertools.combinations(range(4), 2)
    }
    count = np.array([sum(p for pair, p in chances.items() if c in pair) for c in range(4)])
    mean = sum(
        chance * estimated_partition_function(pair, count, log_q_correction="sampled")
        for pair, chance in chances.items()
    )
    assert mean == pytest.approx(partition_function(), rel=1e-13)


def test_none_makes_nce_negative_sampling() -> None:
    # Mikolov et al. 2013, equation 4: -log sigmoid(true) - sum of log sigmoid(-sampled).
    problem = make_problem(6, num_classes=50, batch=8, dtype=np.float64)
    sample = make_sample(7, problem, 15)
    true = (problem.inputs * problem.weights[problem.labels[:, 0]]).sum(axis=1)
    true += problem.biases[problem.labels[:, 0]]
    sampled = problem.inputs @ problem.weights[sample.candidates].T
    sampled += problem.biases[sample.candidates]

    def log_sigmoid(x: np.ndarray) -> np.ndarray:
        return -np.log(1 + np.exp(-x))

    expected = -log_sigmoid(true) - log_sigmoid(-sampled).sum(axis=1)
    loss = mc.nce_loss(*arguments(problem, sample), log_q_correction="none")
    assert_agrees(loss, expected)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("unusable", [0.0, -1.0, np.nan, np.inf])
def test_counts_that_are_not_needed_are_not_read(name: str, unusable: float) -> None:
    function, _ = LOSSES[name]
    bad_true = SAMPLE._replace(true_count=np.full((7, 2), unusable, np.float32))
    bad_sampled = SAMPLE._replace(sampled_count=np.full(12, unusable, np.float32))
    both = bad_true._replace(sampled_count=bad_sampled.sampled_count)
    for correction, sample in (("sampled", bad_true), ("none", both)):
        loss, _ = function(*arguments(PROBLEM, sample), log_q_correction=correction)
        expected, _ = function(*arguments(PROBLEM, SAMPLE), log_q_correction=correction)
        assert_same_bits(loss, expected)
    with pytest.raises(ValueError, match=r"true_expected_count\[0, 0\] is"):
        function(*arguments(PROBLEM, bad_true))
    for correction in ("all", "sampled"):
        with pytest.raises(ValueError, match=r"sampled_expected_count\[0\] is"):
            function(*arguments(PROBLEM, bad_sampled), log_q_correction=correction)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_counts_must_have_the_right_shape_all_the_same(correction: str) -> None:
    for wrong, name in (
        (SAMPLE._replace(true_count=np.ones((3, 2), np.float32)), "true_expected_count"),
        (SAMPLE._replace(sampled_count=np.ones(5, np.float32)), "sampled_expected_count"),
    ):
        with pytest.raises(ValueError, match=name):
            mc.nce_loss(*arguments(PROBLEM, wrong), log_q_correction=correction)
