"""What the sampled losses have in common: reading their arguments, handing gradients back."""

from __future__ import annotations

import sys
from typing import NamedTuple, TypeAlias

from manyclass import _core
from manyclass._arrays import (
    Array,
    ArrayLike,
    IdArray,
    Table,
    as_array,
    as_ids,
    as_table,
)
from manyclass._scalars import as_flag, as_integer, as_name
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.indexed_slices import IndexedSlices
from manyclass.samplers import LogUniformSampler, SampledValues, Sampler
from manyclass.threads import thread_argument

GivenValues: TypeAlias = SampledValues | tuple[ArrayLike, ArrayLike, ArrayLike]


# remove_accidental_hits, mask_repeats, log_q_correction, partition_strategy, num_threads.
LossOptions: TypeAlias = tuple[bool, bool, str, str, int]


class SampledArguments(NamedTuple):
    """The arrays of a step, in the core's order."""

    weights: Array | list[Array]
    biases: Array | list[Array]
    targets: _core.Targets
    inputs: Array
    candidates: _core.Candidates


def read_arguments(
    weights: Table,
    biases: Table,
    targets: _core.Targets,
    inputs: ArrayLike,
    num_sampled: int | None,
    num_classes: int,
    sampled_values: GivenValues | None,
    sampler: Sampler | None,
    seed: SeedLike,
) -> SampledArguments:
    """Return the arrays that a sampled loss was given, and where its candidates come from.

    ``num_sampled`` None is as many as are given.
    """
    weight_table, bias_table = _tables(weights, biases, num_classes)
    candidates = _candidates(sampled_values, sampler, seed, num_sampled, num_classes)
    return SampledArguments(
        weight_table, bias_table, targets, as_array(inputs, "inputs"), candidates
    )


def read_options(
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    partition_strategy: str,
    num_threads: int | None,
) -> LossOptions:
    """Return what follows the arrays, in the core's order."""
    return (
        as_flag(remove_accidental_hits, "remove_accidental_hits"),
        as_flag(mask_repeats, "mask_repeats"),
        as_name(log_q_correction, "log_q_correction"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
    )


def _tables(
    weights: Table, biases: Table, num_classes: int
) -> tuple[Array | list[Array], Array | list[Array]]:
    table = as_table(weights, "weights")
    number = as_integer(num_classes, "num_classes")
    rows = sum(map(_num_rows, table)) if isinstance(table, list) else _num_rows(table)
    if not 1 <= number <= rows:
        raise ValueError(
            f"num_classes is {number}; it must be at least 1 and at most the {rows} rows of weights"
        )
    return table, as_table(biases, "biases")


def _num_rows(table: Array) -> int:
    # The core refuses other ranks; only then are there rows to count.
    return len(table) if table.ndim == 2 else sys.maxsize


def _candidates(
    sampled_values: GivenValues | None,
    sampler: Sampler | None,
    seed: SeedLike,
    num_sampled: int | None,
    num_classes: int,
) -> _core.Candidates:
    """Return the candidates, or what they are to be drawn from."""
    if sampled_values is not None:
        if sampler is not None:
            raise ValueError("sampled_values and sampler are both given; only one may be")
        return _given(sampled_values, num_sampled)
    size = as_integer(num_sampled, "num_sampled")
    if sampler is None:
        fresh = LogUniformSampler(num_classes, seed=seed)
        return fresh._core, size, None
    check_sampler(sampler, num_classes)
    return sampler._core, size, None if seed is None else resolve_seed(seed)


def check_sampler(sampler: object, num_classes: int) -> None:
    """Refuse what is no sampler, and one of other classes."""
    if not isinstance(sampler, Sampler):
        raise TypeError(f"sampler is {sampler!r}; it must be a sampler such as LogUniformSampler")
    if sampler.num_classes != num_classes:
        raise ValueError(f"num_classes is {num_classes}, sampler has {sampler.num_classes} classes")


def _given(sampled_values: GivenValues, num_sampled: int | None) -> tuple[Array, Array, Array]:
    if not isinstance(sampled_values, tuple | list) or len(sampled_values) != 3:
        raise TypeError(
            "sampled_values must be a tuple of three arrays (sampled_candidates, "
            f"true_expected_count, sampled_expected_count), got {type(sampled_values).__name__}"
        )
    candidates, truth, sampled = sampled_values
    ids = as_ids(candidates, "sampled_candidates")
    if num_sampled is not None:
        size = as_integer(num_sampled, "num_sampled")
        if ids.ndim == 1 and len(ids) != size:
            raise ValueError(f"num_sampled is {size}, sampled_values has {len(ids)} candidates")
    return (
        ids,
        as_array(truth, "true_expected_count"),
        as_array(sampled, "sampled_expected_count"),
    )


def slices_of(
    table: Array | list[Array], parts: list[tuple[Array, IdArray]]
) -> IndexedSlices | list[IndexedSlices]:
    """Return the core's slices of a table as `IndexedSlices`: a list of them for shards."""
    if isinstance(table, list):
        return [
            IndexedSlices(values, indices, shard.shape)
            for shard, (values, indices) in zip(table, parts, strict=True)
        ]
    values, indices = parts[0]
    return IndexedSlices(values, indices, table.shape)
