"""What a user passes, as NumPy arrays on the same memory."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
IdArray: TypeAlias = NDArray[np.int64]
# Anything `as_array` takes: arrays, and objects that speak DLPack or the array interface.
ArrayLike: TypeAlias = Any
# One array, or a list of shards.
Table: TypeAlias = Any


def as_array(value: ArrayLike, name: str) -> Array:
    """Return an array on the memory of ``value``, without a copy.

    Raises
    ------
    TypeError
        If ``value`` is neither an array nor offers one through ``__array_interface__`` or DLPack,
        or if it is a masked array: nothing here would look at the mask.
    """
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask nothing looks at; {name}.filled(...) makes an "
            "array without one"
        )
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__array_interface__"):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    raise TypeError(
        f"{name} is a {type(value).__name__}; it must be a NumPy array or an object that shares "
        f"its memory through DLPack or __array_interface__ (numpy.asarray({name}) makes an array)"
    )


def as_ids(value: ArrayLike, name: str) -> IdArray:
    """Return class ids as an array: lists of integers become one, arrays stay what they are."""
    if not isinstance(value, (list, tuple)):
        return as_array(value, name)
    try:
        array = np.array(value)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} is a list that is no rectangular array: {error}") from None
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} is a list of {array.dtype}; class ids must be integers")
    # NumPy 1 compares uint64 with an integer as floats.
    if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {array.max()}; class ids must fit int64")
    return array.astype(np.int64)


def as_some_ids(value: ArrayLike, name: str) -> IdArray:
    """Return class ids of any shape as an array, that of a single integer included."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return as_ids([value], name).reshape(())
    return as_ids(value, name)


def as_table(value: Table, name: str) -> Array | list[Array]:
    """Return one array, or the list of a list's or tuple's shards."""
    if isinstance(value, (list, tuple)):
        return [as_array(shard, f"{name}[{p}]") for p, shard in enumerate(value)]
    return as_array(value, name)
