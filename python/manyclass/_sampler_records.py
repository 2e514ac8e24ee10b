"""Samplers as what a checkpoint holds: numbers and strings, and arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from manyclass._arrays import Array
from manyclass.alias_sampler import AliasSampler
from manyclass.mixture import MixtureSampler
from manyclass.samplers import LogUniformSampler, Sampler, UniformSampler
from manyclass.unigram_samplers import LearnedUnigramSampler, UnigramSampler

Record: TypeAlias = dict[str, Any]
Arrays: TypeAlias = Mapping[str, Array]

# How to make a sampler of each kind that its state then fits.
_MAKERS: dict[str, Callable[[Record, Arrays], Sampler]] = {
    "UniformSampler": lambda record, _: UniformSampler(record["num_classes"]),
    "LogUniformSampler": lambda record, _: LogUniformSampler(record["num_classes"]),
    "UnigramSampler": lambda _, arrays: UnigramSampler(arrays["weights"]),
    "LearnedUnigramSampler": lambda record, _: LearnedUnigramSampler(record["num_classes"]),
    "AliasSampler": lambda _, arrays: AliasSampler(arrays["weights"]),
    "MixtureSampler": lambda record, arrays: MixtureSampler(
        [
            (make_sampler(part, _of_part(arrays, place)), share)
            for place, (part, share) in enumerate(
                zip(record["parts"], record["shares"], strict=True)
            )
        ]
    ),
}


def record_sampler(sampler: Sampler) -> tuple[Record, dict[str, Array]]:
    """Return all that `make_sampler` needs; a mixture's parts are in it."""
    state = sampler.state_dict()
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    record = {name: value for name, value in state.items() if name not in arrays}
    if isinstance(sampler, MixtureSampler):
        parts = [record_sampler(part) for part, _ in sampler.parts]
        record["parts"] = [part for part, _ in parts]
        for place, (_, of_part) in enumerate(parts):
            arrays |= {f"{place}.{name}": array for name, array in of_part.items()}
    return record, arrays


def make_sampler(record: Record, arrays: Arrays) -> Sampler:
    """Make the sampler that was recorded."""
    sampler = _MAKERS[record["sampler"]](record, arrays)
    load_sampler(sampler, record, arrays)
    return sampler


def load_sampler(sampler: Sampler, record: Record, arrays: Arrays) -> None:
    """Have a sampler go on where the recorded one stood; if it is no like one, it stays as it was.

    Raises
    ------
    ValueError
        If the record is of another kind.
    """
    before = record_sampler(sampler)
    try:
        _load(sampler, record, arrays)
    except Exception:
        _load(sampler, *before)
        raise


def _load(sampler: Sampler, record: Record, arrays: Arrays) -> None:
    sampler.load_state_dict({**record, **arrays})
    if isinstance(sampler, MixtureSampler):
        for place, ((part, _), of_part) in enumerate(
            zip(sampler.parts, record["parts"], strict=True)
        ):
            _load(part, of_part, _of_part(arrays, place))


def _of_part(arrays: Arrays, place: int) -> dict[str, Array]:
    prefix = f"{place}."
    return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}
