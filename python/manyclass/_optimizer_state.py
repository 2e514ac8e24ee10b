"""The tables of numbers that optimizers keep for the memory of variables."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from manyclass import _core
from manyclass._arrays import Array, as_array, as_table
from manyclass._mapped_memory import map_memory
from manyclass._scalars import as_integer

# What a rule keeps: names, and whether a table has one number a row or the variable's shape.
StateTables: TypeAlias = Sequence[tuple[str, bool]]
State: TypeAlias = dict[str, Array]

_NUMPY_HUGE_PAGES_FROM = 2**22  # bytes
_ROWS_A_COPY = 2**14


class VariableStates:
    """The state of each array that has been updated, told apart by its memory."""

    def __init__(self, kept: Mapping[tuple[Any, ...], tuple[Array, State]] | None = None) -> None:
        # A variable is kept beside its state, so that its memory cannot become another's.
        self._kept: dict[tuple[Any, ...], tuple[Array, State]] = dict(kept or {})

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, variable: Array, tables: StateTables) -> State:
        """Return the state of an array, new tables of zeros where it has none yet."""
        return self._state(memory_of(variable), variable, tables)

    def _state(self, memory: tuple[Any, ...], variable: Array, tables: StateTables) -> State:
        if not tables:
            return {}
        _, kept = self._kept.get(memory, (None, {}))
        if len(kept) == len(tables):
            return kept
        return {
            name: kept[name] if name in kept else new_table(variable, one_a_row)
            for name, one_a_row in tables
        }

    def keep(self, variable: Array, state: State) -> None:
        """Make ``state`` the state of the array."""
        if state:
            self._kept[memory_of(variable)] = variable, state

    def for_step(
        self, variables: Sequence[Array], tables: StateTables
    ) -> tuple[list[State], VariableStates]:
        """Return the states of some arrays, and what is kept when a step has updated them.

        That is this same object if it has them already.
        """
        states, new = [], {}
        for variable in variables:
            memory = memory_of(variable)
            state = self._state(memory, variable, tables)
            if state and (memory not in self._kept or self._kept[memory][1] is not state):
                new[memory] = variable, state
            states.append(state)
        return states, VariableStates({**self._kept, **new}) if new else self


def new_table(variable: Array, one_a_row: bool) -> Array:
    """Return zeros for a variable: a table that takes memory where it is written, and only there.

    NumPy asks for huge pages. Rows far apart would each bring in 2 MB of them.
    """
    shape = variable.shape[:1] if one_a_row else variable.shape
    dtype = state_dtype(variable)
    size = math.prod(shape) * dtype.itemsize
    if size < _NUMPY_HUGE_PAGES_FROM or not hasattr(mmap, "MADV_NOHUGEPAGE"):
        return np.zeros(shape, dtype)
    # Not reserved: state of a table larger than memory may be, as long as few rows are touched.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    memory = map_memory(-1, size, flags=flags)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype).reshape(shape)


def state_dtype(variable: Array) -> np.dtype[Any]:
    """Return the dtype of an array's state: that of the arithmetic."""
    return np.dtype(np.float64 if variable.dtype == np.float64 else np.float32)


def named_arrays(variables: object) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of variables with their names: "weights", or "weights.0" for a shard."""
    if isinstance(variables, Mapping):
        pairs = list(variables.items())
    elif isinstance(variables, list | tuple):
        pairs = [(str(place), variable) for place, variable in enumerate(variables)]
    else:
        raise TypeError(
            f"variables is a {type(variables).__name__}; it must be a dict of names to variables, "
            "or a list of variables"
        )
    for name, variable in pairs:
        table = as_table(variable, f"variables[{name!r}]")
        if isinstance(table, list):
            for shard, array in enumerate(table):
                yield f"{name}.{shard}", array
        else:
            yield str(name), table


def check_keys(state: Mapping[str, object], wanted: set[str], optional: set[str]) -> None:
    """Refuse a state that has not these entries, or others than these."""
    if not isinstance(state, Mapping):
        raise TypeError(f"state is a {type(state).__name__}; it must be a dict")
    keys = set(state)
    for what, wrong in (("lacks", wanted - keys), ("also has", keys - wanted - optional)):
        if wrong:
            raise ValueError(f"state {what} {sorted(map(str, wrong))}; this optimizer keeps others")


def checked_seed(seed: object) -> tuple[int, int]:
    """Return the seed of a state, or refuse it."""
    if not isinstance(seed, tuple | list | np.ndarray) or len(seed) != 2:
        raise ValueError(f"state['seed'] is {seed!r}; it must be two integers")
    first, second = (as_integer(word, "state['seed']") for word in seed)
    if first < 0 or second < 0:
        raise ValueError(f"state['seed'] is {seed!r}; neither may be negative")
    return first, second


def checked_table(array: object, key: str, variable: Array, one_a_row: bool, copy: bool) -> Array:
    """Return a table of state that fits the variable, or refuse it."""
    table = as_array(array, f"state[{key!r}]")
    shape = variable.shape[:1] if one_a_row else variable.shape
    dtype = state_dtype(variable)
    if table.dtype != dtype:
        raise TypeError(
            f"state[{key!r}] has dtype {table.dtype}; for a variable of {variable.dtype} it must "
            f"be {dtype}"
        )
    if table.shape != shape:
        raise ValueError(
            f"state[{key!r}] has shape {list(table.shape)}; for a variable of shape "
            f"{list(variable.shape)} it must be {list(shape)}"
        )
    if copy:
        return _copy(table, new_table(variable, one_a_row))
    if not (table.flags.writeable and table.flags.c_contiguous and table.flags.aligned):
        raise ValueError(
            f"state[{key!r}] is read-only or not contiguous; with copy=False it is updated in place"
        )
    return table


def _copy(table: Array, new: Array) -> Array:
    """Fill ``new``, zeros, with the rows of ``table`` that are not: the others take no memory."""
    bits = table.view(f"u{table.itemsize}")
    for first in range(0, len(table), _ROWS_A_COPY):
        block = bits[first : first + _ROWS_A_COPY]
        rows = first + np.flatnonzero(block.any(axis=tuple(range(1, block.ndim))))
        new[rows] = table[rows]
    return new


def memory_of(array: Array) -> tuple[Any, ...]:
    """Return what views of the same elements have in common."""
    return _core.address(array), array.shape, array.strides, array.dtype
