"""What the modules have in common: a sampler, the options of the loss, and the sampler's state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manyclass._arrays import Array
from manyclass._sampled_arguments import check_sampler
from manyclass._sampler_records import load_sampler, record_sampler
from manyclass._scalars import as_flag, as_integer, as_name, as_real
from manyclass._seeds import SeedLike
from manyclass.samplers import LogUniformSampler, Sampler
from manyclass.torch._targets import check_reduction

State = dict[str, Any]


def positive(value: int, name: str) -> int:
    """Return an integer of at least 1."""
    number = as_integer(value, name)
    if number < 1:
        raise ValueError(f"{name} is {number}; it must be at least 1")
    return number


def make_sampler(sampler: Sampler | None, num_classes: int, seed: SeedLike) -> Sampler:
    """Return the sampler, by default a log-uniform one of its own."""
    if sampler is None:
        return LogUniformSampler(num_classes, seed=seed)
    check_sampler(sampler, num_classes)
    return sampler


def loss_options(
    remove_accidental_hits: bool,
    log_q_correction: str,
    mask_repeats: bool,
    label_smoothing: float,
    reduction: str,
) -> dict[str, Any]:
    """Return the options of `sampled_softmax_loss` that a module keeps."""
    check_reduction(reduction)
    return {
        "remove_accidental_hits": as_flag(remove_accidental_hits, "remove_accidental_hits"),
        "log_q_correction": as_name(log_q_correction, "log_q_correction"),
        "mask_repeats": as_flag(mask_repeats, "mask_repeats"),
        "label_smoothing": as_real(label_smoothing, "label_smoothing"),
        "reduction": reduction,
    }


def sampler_state(sampler: Sampler) -> State:
    """Return where a sampler stands, as `torch.save` keeps it."""
    record, arrays = record_sampler(sampler)
    return {"record": record, "arrays": as_tensors(arrays)}


def load_sampler_state(sampler: Sampler, state: State) -> None:
    """Have a sampler of the same kind go on where that one stood."""
    load_sampler(sampler, state["record"], as_arrays(state["arrays"]))


def as_tensors(arrays: Mapping[str, Any]) -> State:
    """Return arrays as tensors on the same memory; what is no array stays."""
    return {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in arrays.items()
    }


def as_arrays(state: State) -> dict[str, Array]:
    """Return tensors as arrays on the same memory; what is no tensor stays."""
    return {
        name: value.numpy() if isinstance(value, Tensor) else value for name, value in state.items()
    }
