"""Bad ragged labels, weights and smoothing: refused by name, before anything is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import manyclass as mc
from agreement import assert_same_bits
from bad_targets import (
    COUNTS,
    DENSE,
    PROBLEM,
    RAGGED,
    SMOOTHING,
    SPLITS,
    VALUES,
    WEIGHTS,
    Changes,
    cases,
    ragged,
    weights,
)

FULL = [mc.full_softmax_loss, mc.full_softmax_loss_and_grad]
SOFTMAX = [mc.sampled_softmax_loss, mc.sampled_softmax_loss_and_grad]
NCE = [mc.nce_loss, mc.nce_loss_and_grad]


def arguments(changes: Changes) -> Changes:
    """Return good arguments of every loss, with ragged labels, some of them replaced."""
    return PROBLEM._asdict() | ragged() | changes


def assert_refused(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        function(**arguments(changes))


def assert_refused_without_a_draw(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    """Refuse with a sampler whose next sample must be as if nothing had been asked."""
    sampler, twin = (mc.LearnedUnigramSampler(10, seed=3) for _ in range(2))
    sampling = {"num_sampled": 2, "num_classes": 10}
    if "sampled_values" not in changes:
        sampling["sampler"] = sampler
    assert_refused(function, sampling | changes, error, message)
    for mine, untouched in zip(
        sampler.sample(VALUES[:, None], 4), twin.sample(VALUES[:, None], 4), strict=True
    ):
        assert_same_bits(mine, untouched)


@pytest.mark.parametrize("function", FULL)
@cases(RAGGED, WEIGHTS, SMOOTHING)
def test_full_softmax_refuses(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    assert_refused(function, changes, error, message)


@cases(RAGGED)
def test_label_ranks_refuses(changes: Changes, error: type[Exception], message: str) -> None:
    assert_refused(mc.label_ranks, changes, error, message)


@pytest.mark.parametrize("function", SOFTMAX)
@cases(RAGGED, WEIGHTS, SMOOTHING, COUNTS)
def test_sampled_softmax_refuses(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    assert_refused_without_a_draw(function, changes, error, message)


@pytest.mark.parametrize("function", NCE)
@cases(RAGGED, WEIGHTS, COUNTS)
def test_nce_refuses(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    assert_refused_without_a_draw(function, changes, error, message)


@pytest.mark.parametrize("function", [*FULL, *SOFTMAX, *NCE])
@cases(DENSE)
def test_weights_of_dense_labels_are_refused(
    function: Callable[..., Any], changes: Changes, error: type[Exception], message: str
) -> None:
    dense = {"labels": PROBLEM.labels, "num_true": 2} | changes
    if function in FULL:
        assert_refused(function, dense, error, message)
    else:
        assert_refused_without_a_draw(function, dense, error, message)


@pytest.mark.parametrize("function", NCE)
def test_nce_refuses_targets_above_1(function: Callable[..., Any]) -> None:
    assert_refused_without_a_draw(
        function,
        weights(1, 0, 1, 1.5, 0.5),
        ValueError,
        "label_weights[3] is 1.5; for nce_loss it is a probability and must be at most 1",
    )


@pytest.mark.parametrize("function", NCE)
def test_nce_has_no_label_smoothing(function: Callable[..., Any]) -> None:
    assert_refused_without_a_draw(function, {"label_smoothing": 0.1}, TypeError, "label_smoothing")


def test_a_plain_tuple_is_no_ragged_labels() -> None:
    with pytest.raises(ValueError, match="labels is a list that is no rectangular array"):
        mc.full_softmax_loss(**arguments({"labels": (VALUES, SPLITS[:4])}))
    nested = arguments({"labels": ([3], [1], [9], [0])})
    assert mc.full_softmax_loss(**nested).shape == (4,)


def test_the_good_arguments_are_good() -> None:
    sampling = {"num_sampled": 2, "num_classes": 10}
    for function in (mc.full_softmax_loss, mc.sampled_softmax_loss, mc.nce_loss):
        more = {} if function is mc.full_softmax_loss else sampling
        assert function(**arguments(more)).shape == (4,)
        assert function(**arguments(more | weights(1, 0, 0.5, 1, 1))).shape == (4,)
    assert mc.label_ranks(**arguments({})).shape == (5,)
