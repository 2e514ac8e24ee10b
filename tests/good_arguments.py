"""Good arguments of a small problem, and how a call of a function is written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

import manyclass as mc

N, DIM, BATCH, NUM_TRUE = 12, 3, 4, 2


class Call(NamedTuple):
    """A function, good arguments, those that it may write into, and what no refusal may change.

    `words` stand for names in messages that are another library's.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    written: tuple[str, ...] = ()
    state: Callable[[], Any] = lambda: None
    words: tuple[str, ...] = ()


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def bfloat16_numbers(*shape: int) -> np.ndarray:
    """Return those numbers in bfloat16."""
    return numbers(*shape).astype(ml_dtypes.bfloat16)


def label_ids() -> np.ndarray:
    return np.random.default_rng(2).integers(0, N, (BATCH, NUM_TRUE))


def layer_arrays() -> dict[str, Any]:
    return {"weights": numbers(N, DIM), "biases": numbers(N)}


def problem(**more: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "labels": label_ids(),
        "inputs": numbers(BATCH, DIM),
        "num_true": NUM_TRUE,
        "partition_strategy": "div",
        "num_threads": 1,
    }
    return layer_arrays() | common | more


def in_bfloat16() -> dict[str, Any]:
    """Return what stores rows and computes products of all classes in bfloat16."""
    return {"weights": bfloat16_numbers(N, DIM), "compute_dtype": "bfloat16"}


def label_targets() -> dict[str, Any]:
    weights = np.full((BATCH, NUM_TRUE), 0.5, np.float32)
    return {"label_weights": weights, "label_smoothing": 0.0}


def ragged_labels() -> dict[str, Any]:
    labels = mc.RaggedLabels(np.array([1, 2, 3, 1, 0]), np.array([0, 2, 2, 4, 5]))
    return {"labels": labels, "num_true": 1}


def sampled_problem(**more: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_sampled": 5,
        "num_classes": N,
        "seed": 1,
        "sampler": mc.UniformSampler(N, seed=1),
        "remove_accidental_hits": True,
        "mask_repeats": False,
        "log_q_correction": "all",
        "compute_dtype": "bfloat16",
    }
    return problem(**options, label_weights=label_targets()["label_weights"]) | more


def given_candidates() -> dict[str, Any]:
    values = mc.UniformSampler(N, seed=1).sample(label_ids(), 5)
    return {"sampled_values": values, "sampler": None, "seed": None}


def top_k_problem(**more: Any) -> dict[str, Any]:
    common = {"inputs": numbers(BATCH, DIM), "k": 3, "partition_strategy": "div"}
    return layer_arrays() | common | {"excluded": label_ids(), "log_probabilities": True} | more


GRAD = {"grad_loss": np.ones(BATCH, np.float32)}
