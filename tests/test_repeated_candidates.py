"""Candidates that come several times: which copies of an accidental hit are taken out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc
import reference
from agreement import assert_agrees, assert_gradients_agree, assert_same_bits, assert_same_slices
from random_problems import make_problem, make_sample
from reference import Problem, Sample

LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "softmax": (mc.sampled_softmax_loss_and_grad, reference.sampled_softmax),
    "nce": (mc.nce_loss_and_grad, reference.nce),
}

pytestmark = pytest.mark.parametrize(("function", "oracle"), LOSSES.values(), ids=LOSSES)


def call(
    function: Callable[..., Any], problem: Problem, sample: Sample, **options: Any
) -> tuple[np.ndarray, mc.Gradients]:
    """Loss and gradients for explicit candidates, hits removed."""
    return function(
        *problem,
        len(sample.candidates),
        len(problem.weights),
        problem.labels.shape[1],
        mc.SampledValues(*sample),
        **{"remove_accidental_hits": True, **options},
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mask_repeats", [False, True])
@pytest.mark.parametrize("num_classes", [3, 40])
@pytest.mark.parametrize("num_true", [1, 4])
def test_agrees_with_oracle(
    function: Callable[..., Any],
    oracle: Callable[..., Any],
    num_true: int,
    num_classes: int,
    mask_repeats: bool,
    dtype: type,
) -> None:
    # Of three classes nearly all candidates are hits, and rows repeat labels as well.
    problem = make_problem(1, num_classes=num_classes, batch=90, num_true=num_true, dtype=dtype)
    sample = make_sample(2, problem, 70, repeats=True)
    assert len(np.unique(sample.candidates)) < 70
    loss, gradients = call(function, problem, sample, mask_repeats=mask_repeats)
    expected_loss, expected = oracle(problem, sample, True, mask_repeats=mask_repeats)
    assert_agrees(loss, expected_loss)
    # Each row of logits has a gradient of at most 70 in all, most of which may cancel.
    scale = None if num_classes > 3 else 90.0 * float(np.abs(problem.inputs).max())
    assert_gradients_agree(gradients, expected, scale)


def test_every_copy_is_as_if_it_had_not_been_drawn(
    function: Callable[..., Any], oracle: Callable[..., Any]
) -> None:
    del oracle
    problem = make_problem(3, num_classes=9, batch=1, dtype=np.float64)
    problem = problem._replace(labels=np.array([[4]]))
    count = np.array([0.5, 0.7, 0.9, 0.7, 1.1, 0.7])
    drawn = Sample(np.array([1, 4, 2, 4, 8, 4]), np.full((1, 1), 0.7), count)
    rest = np.array([0, 2, 4])
    dropped = Sample(drawn.candidates[rest], drawn.true_count, count[rest])
    loss, gradients = call(function, problem, drawn, mask_repeats=True)
    expected_loss, expected = call(function, problem, dropped)
    assert_agrees(loss, expected_loss)
    assert_agrees(gradients.weights.to_dense(), expected.weights.to_dense())
    assert_agrees(gradients.biases.to_dense(), expected.biases.to_dense())
    assert_agrees(gradients.inputs, expected.inputs)


def test_by_default_only_the_last_copy_goes(
    function: Callable[..., Any], oracle: Callable[..., Any]
) -> None:
    del oracle
    problem = make_problem(4, num_classes=9, batch=1, dtype=np.float64)
    problem = problem._replace(labels=np.array([[4]]))
    ones = np.ones((1, 1)), np.ones(3)
    first_kept, _ = call(function, problem, Sample(np.array([4, 1, 4]), *ones))
    second_gone, _ = call(function, problem, Sample(np.array([4, 1]), ones[0], ones[1][:2]))
    kept, _ = call(
        function,
        problem,
        Sample(np.array([4, 1]), ones[0], ones[1][:2]),
        remove_accidental_hits=False,
    )
    assert_agrees(first_kept, kept)
    assert first_kept[0] > second_gone[0]


def test_without_repeats_it_changes_nothing(
    function: Callable[..., Any], oracle: Callable[..., Any]
) -> None:
    del oracle
    problem = make_problem(5, num_classes=30, batch=20, num_true=3)
    sample = make_sample(6, problem, 25)
    loss, gradients = call(function, problem, sample, mask_repeats=True)
    expected_loss, expected = call(function, problem, sample)
    assert_same_bits(loss, expected_loss)
    assert_same_slices(gradients.weights, expected.weights)
    assert_same_slices(gradients.biases, expected.biases)
    assert_same_bits(gradients.inputs, expected.inputs)


def test_repeats_that_are_no_hits_stay(
    function: Callable[..., Any], oracle: Callable[..., Any]
) -> None:
    problem = make_problem(7, num_classes=9, batch=4, dtype=np.float64)
    problem = problem._replace(labels=np.zeros((4, 1), np.int64))
    sample = Sample(np.array([3, 5, 3, 3]), np.ones((4, 1)), np.ones(4))
    loss, _ = call(function, problem, sample, mask_repeats=True)
    kept, _ = oracle(problem, sample, False)
    assert_agrees(loss, kept)
