"""What a step updates: arrays one by one, each with its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from manyclass._arrays import Array, as_array, as_ids, as_table
from manyclass._optimizer_state import memory_of
from manyclass.indexed_slices import IndexedSlices, as_shape

# A table, or its shards, and the gradient of each.
Variable: TypeAlias = Any
Slices: TypeAlias = IndexedSlices | Sequence[IndexedSlices]
# An array, the rows of its gradient, their values, and what messages about them say first.
Part: TypeAlias = tuple[Array, Array, Array, str]


def parts_of(variable: Variable, slices: Slices, place: str) -> list[Part]:
    """Return what is to be updated: the variable, or each of its shards."""
    if isinstance(variable, IndexedSlices):
        raise TypeError(f"{place}variable is an IndexedSlices; slices come second")
    tables = as_table(variable, f"{place}variable")
    if not isinstance(tables, list):
        return [_part(tables, slices, place)]
    if isinstance(slices, IndexedSlices) or not isinstance(slices, list | tuple):
        raise TypeError(f"{place}variable is a list of shards; slices must be one, too")
    if len(tables) != len(slices):
        raise ValueError(f"{place}variable has {len(tables)} shards, slices has {len(slices)}")
    return [
        _part(table, one, f"{place}shard {shard}: ")
        for shard, (table, one) in enumerate(zip(tables, slices, strict=True))
    ]


def _part(table: Array, slices: object, place: str) -> Part:
    if not isinstance(slices, IndexedSlices):
        raise TypeError(f"{place}slices is a {type(slices).__name__}; it must be IndexedSlices")
    if as_shape(slices.dense_shape, f"{place}dense_shape") != table.shape:
        raise ValueError(
            f"{place}slices has dense_shape {list(slices.dense_shape)}, variable has shape "
            f"{list(table.shape)}; they must be the same"
        )
    indices = as_ids(slices.indices, f"{place}indices")
    return table, indices, as_array(slices.values, f"{place}values"), place


def check_all_different(parts: list[Part]) -> None:
    """Refuse a step that would update an array twice."""
    if len(parts) == 1:
        return
    places: dict[object, str] = {}
    for variable, _, _, place in parts:
        before = places.setdefault(memory_of(variable), place)
        if before is not place and variable.size:
            raise ValueError(
                f"{place}variable is that of {before.removesuffix(': ')}; a step takes each once"
            )
