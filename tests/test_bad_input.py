"""Bad arguments of the losses: the message says what came and what is wanted; nothing is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits
from random_problems import make_problem

NUM_CLASSES, DIM, BATCH, NUM_TRUE, NUM_SAMPLED = 10, 3, 4, 2, 5
PROBLEM = make_problem(
    1, num_classes=NUM_CLASSES, dim=DIM, batch=BATCH, num_true=NUM_TRUE, dtype=np.float32
)

Changes = dict[str, Any]


def says(*words: object) -> str:
    """Return a pattern that finds all the words, in any order."""
    return "(?s)" + "".join(rf"(?=.*(?<![\w.]){re.escape(str(word))}(?!\w))" for word in words)


def arguments(**changes: Any) -> dict[str, Any]:
    """Return good arguments of the full losses with some of them replaced."""
    return {**PROBLEM._asdict(), "num_true": NUM_TRUE, **changes}


def sampled_arguments(**changes: Any) -> dict[str, Any]:
    """Return good arguments of the sampled losses with some of them replaced."""
    return arguments(num_sampled=NUM_SAMPLED, num_classes=NUM_CLASSES) | changes


def labels_with(row: int, column: int, value: int) -> np.ndarray:
    """Return the labels with one of them changed."""
    labels = PROBLEM.labels.copy()
    labels[row, column] = value
    return labels


w, b, y, x = PROBLEM

# Changes, exception, pattern: of arguments that every loss and label_ranks share.
SHARED: dict[str, tuple[Changes, type[Exception], str]] = {
    "weights of rank 1": ({"weights": w[0]}, ValueError, says("weights", "[3]")),
    "weights of rank 3": ({"weights": w[None]}, ValueError, says("weights", "[1, 10, 3]")),
    "biases of rank 2": ({"biases": b[:, None]}, ValueError, says("biases", "[10, 1]")),
    "labels of rank 1": (
        {"labels": y[:, 0].copy()},
        ValueError,
        says("labels", "[4]", "[batch, num_true]"),
    ),
    "labels of rank 3": ({"labels": y[None]}, ValueError, says("labels", "[1, 4, 2]")),
    "inputs of rank 1": ({"inputs": x[0]}, ValueError, says("inputs", "[3]")),
    "inputs of rank 3": ({"inputs": x[None]}, ValueError, says("inputs", "[1, 4, 3]")),
    "weights int32": (
        {"weights": w.astype(np.int32)},
        TypeError,
        "weights has dtype int32; it must be float32 or float64",
    ),
    "weights float16": (
        {"weights": w.astype(np.float16)},
        TypeError,
        "weights has dtype float16; it must be float32 or float64",
    ),
    "biases of another dtype": (
        {"biases": b.astype(np.float64)},
        TypeError,
        says("biases", "float64", "float32"),
    ),
    "inputs of another dtype": (
        {"inputs": x.astype(np.float64)},
        TypeError,
        says("float64", "float32"),
    ),
    "labels int32": ({"labels": y.astype(np.int32)}, TypeError, says("labels", "int32", "int64")),
    "labels float": ({"labels": y.astype(float)}, TypeError, says("labels", "float64", "int64")),
    "labels bool": ({"labels": y > 3}, TypeError, says("labels", "bool", "int64")),
    "weights None": ({"weights": None}, TypeError, "weights"),
    "weights a string": ({"weights": "w"}, TypeError, "weights"),
    "biases None": ({"biases": None}, TypeError, "biases"),
    "inputs None": ({"inputs": None}, TypeError, "inputs"),
    "too few biases": ({"biases": b[:9]}, ValueError, says("biases", 9, 10)),
    "too many biases": ({"biases": np.append(b, b[:1])}, ValueError, says("biases", 11, 10)),
    "inputs too narrow": ({"inputs": x[:, :2]}, ValueError, says("inputs", 2, 3)),
    "inputs too wide": ({"inputs": np.hstack([x, x])}, ValueError, says("inputs", 6, 3)),
    "labels of another batch": ({"labels": y[:3]}, ValueError, says("labels", 3, "inputs", 4)),
    "too many label columns": (
        {"labels": np.zeros((4, 3), np.int64)},
        ValueError,
        re.escape("labels must have shape [batch, num_true] = [4, 2], got [4, 3]"),
    ),
    "num_true of 1": ({"num_true": 1}, ValueError, says("labels", "[4, 1]", "[4, 2]")),
    "num_true of 0": ({"num_true": 0}, ValueError, says("num_true", 0)),
    "num_true below 0": ({"num_true": -2}, ValueError, r"num_true.*-2"),
    "num_true a float": ({"num_true": 2.0}, TypeError, "num_true"),
    "label too large": (
        {"labels": labels_with(1, 0, 10)},
        ValueError,
        re.escape("labels[1, 0] is 10, outside [0, 10)"),
    ),
    "label below 0": (
        {"labels": labels_with(3, 1, -1)},
        ValueError,
        re.escape("labels[3, 1] is -1, outside [0, 10)"),
    ),
    "label far too large": (
        {"labels": labels_with(0, 0, 2**62)},
        ValueError,
        re.escape(f"labels[0, 0] is {2**62}, outside [0, 10)"),
    ),
    "partition_strategy None": (
        {"partition_strategy": None},
        TypeError,
        "partition_strategy is None; it must be a string",
    ),
    "num_threads of 0": ({"num_threads": 0}, ValueError, r"num_threads.*0"),
    "num_threads below 0": ({"num_threads": -3}, ValueError, r"num_threads.*-3"),
    "num_threads a float": ({"num_threads": 1.5}, TypeError, "num_threads"),
}

# What only the sampled losses take.
SAMPLING: dict[str, tuple[Changes, type[Exception], str]] = {
    "log_q_correction unknown": (
        {"log_q_correction": "both"},
        ValueError,
        re.escape('log_q_correction is "both"; it must be "all", "sampled" or "none"'),
    ),
    "log_q_correction a truth value": (
        {"log_q_correction": False},
        TypeError,
        "log_q_correction is False; it must be a string",
    ),
    "remove_accidental_hits a number": (
        {"remove_accidental_hits": 7},
        TypeError,
        "remove_accidental_hits is 7; it must be True or False",
    ),
    "mask_repeats None": (
        {"mask_repeats": None},
        TypeError,
        "mask_repeats is None; it must be True or False",
    ),
    "mask_repeats without hits": (
        {"mask_repeats": True, "remove_accidental_hits": False},
        ValueError,
        says("mask_repeats", "remove_accidental_hits"),
    ),
    "num_sampled of 0": ({"num_sampled": 0}, ValueError, r"num_sampled.*0"),
    "num_sampled below 0": ({"num_sampled": -5}, ValueError, r"num_sampled.*-5"),
    "num_sampled a float": ({"num_sampled": 5.0}, TypeError, "num_sampled"),
    "num_sampled too large": (
        {"num_sampled": 11},
        ValueError,
        "num_sampled is 11, more than num_classes 10 with unique candidates",
    ),
    "num_classes of 0": ({"num_classes": 0}, ValueError, r"num_classes.*0"),
    "num_classes below 0": ({"num_classes": -1}, ValueError, r"num_classes.*-1"),
    "num_classes above the rows": ({"num_classes": 11}, ValueError, says("num_classes", 11, 10)),
    "num_classes a float": ({"num_classes": 10.0}, TypeError, "num_classes"),
}

GRADIENT: dict[str, tuple[Changes, type[Exception], str]] = {
    "grad_loss too short": (
        {"grad_loss": np.ones(3, np.float32)},
        ValueError,
        says("grad_loss", 3, 4),
    ),
    "grad_loss of rank 2": (
        {"grad_loss": np.ones((4, 1), np.float32)},
        ValueError,
        says("grad_loss", "[4, 1]"),
    ),
    "grad_loss of another dtype": (
        {"grad_loss": np.ones(4)},
        TypeError,
        says("grad_loss", "float64", "float32"),
    ),
}

FULL_FUNCTIONS = [mc.full_softmax_loss, mc.full_softmax_loss_and_grad, mc.label_ranks]
SAMPLED_FUNCTIONS = [
    mc.sampled_softmax_loss,
    mc.sampled_softmax_loss_and_grad,
    mc.nce_loss,
    mc.nce_loss_and_grad,
]


def assert_refused_without_a_draw(
    function: Callable[..., Any], changes: Changes, error: type[Exception], pattern: str
) -> None:
    """Refuse with a sampler of ours, whose next sample must be as if nothing had been asked."""
    sampler, twin = (mc.UniformSampler(NUM_CLASSES, seed=3) for _ in range(2))
    sampler.sample(PROBLEM.labels, 2)
    twin.sample(PROBLEM.labels, 2)
    with pytest.raises(error, match=pattern):
        function(**sampled_arguments(sampler=sampler, **changes))
    for mine, untouched in zip(
        sampler.sample(PROBLEM.labels, 4), twin.sample(PROBLEM.labels, 4), strict=True
    ):
        assert_same_bits(mine, untouched)


@pytest.mark.parametrize("function", FULL_FUNCTIONS)
@pytest.mark.parametrize(("changes", "error", "pattern"), SHARED.values(), ids=SHARED)
def test_full_functions_refuse(
    function: Callable[..., Any], changes: Changes, error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        function(**arguments(**changes))


@pytest.mark.parametrize("function", SAMPLED_FUNCTIONS)
@pytest.mark.parametrize(
    ("changes", "error", "pattern"), (SHARED | SAMPLING).values(), ids=SHARED | SAMPLING
)
def test_sampled_functions_refuse(
    function: Callable[..., Any], changes: Changes, error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        function(**sampled_arguments(seed=1, **changes))
    assert_refused_without_a_draw(function, changes, error, pattern)


@pytest.mark.parametrize(("changes", "error", "pattern"), GRADIENT.values(), ids=GRADIENT)
def test_grad_loss_is_refused(changes: Changes, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        mc.full_softmax_loss_and_grad(**arguments(**changes))
    assert_refused_without_a_draw(mc.sampled_softmax_loss_and_grad, changes, error, pattern)
    assert_refused_without_a_draw(mc.nce_loss_and_grad, changes, error, pattern)


@pytest.mark.parametrize("function", SAMPLED_FUNCTIONS)
def test_a_bad_seed_is_refused(function: Callable[..., Any]) -> None:
    for seed in (True, 1.0, "1"):
        assert_refused_without_a_draw(function, {"seed": seed}, TypeError, "seed")


@pytest.mark.parametrize("function", SAMPLED_FUNCTIONS)
def test_a_sampler_of_another_range_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=says("num_classes", 12, 10)):
        function(**sampled_arguments(sampler=mc.UniformSampler(12, seed=1)))


def test_the_good_arguments_are_good() -> None:
    assert mc.full_softmax_loss(**arguments()).shape == (BATCH,)
    assert mc.sampled_softmax_loss(**sampled_arguments()).shape == (BATCH,)
    assert mc.nce_loss(**sampled_arguments()).shape == (BATCH,)
