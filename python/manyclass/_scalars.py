"""Arguments that are single values: integers, truth values and names."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

_LEAST, _MOST = -(2**63), 2**63 - 1


def as_integer(value: object, name: str) -> int:
    """Return ``value`` as an int that the core can hold.

    Raises
    ------
    TypeError
        If it is no integer: a float is refused even where it is whole, and so is a truth value.
    ValueError
        If it does not fit 64 bits.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it must be an integer") from None
    if not _LEAST <= number <= _MOST:
        raise ValueError(f"{name} is {number}; it must fit a signed 64-bit integer")
    return number


def as_real(value: object, name: str) -> float:
    """Return ``value`` as a float: any real number, NumPy's too.

    Raises
    ------
    TypeError
        If it is none; a truth value is none.
    """
    if type(value) is float:  # at once: asking for a Real takes longer than the rest of a call
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} is {value!r}; it must be a real number")
    return float(value)


def as_flag(value: object, name: str) -> bool:
    """Return ``value``, which must be a truth value: a number would be an argument misplaced.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}; it must be True or False")
    return bool(value)


def as_name(value: object, name: str) -> str:
    """Return ``value``, which must be a string; the core knows which ones there are.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; it must be a string")
    return value


def as_dtype(value: DTypeLike, name: str) -> np.dtype[Any]:
    """Return ``value`` as a dtype.

    Raises
    ------
    TypeError
        If it is none.
    """
    try:
        return np.dtype(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; it must be float32 or float64") from None
