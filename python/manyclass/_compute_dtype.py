"""What products are computed in, where that is not the dtype of the arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike


def as_compute_dtype(value: DTypeLike | None) -> str | None:
    """Return "bfloat16", or None for the dtype of the arrays.

    "bfloat16" by that name needs no ``ml_dtypes``; its dtype means the same.
    """
    if value is None or (isinstance(value, str) and value == "bfloat16"):
        return value
    try:
        name = np.dtype(value).name
    except (TypeError, ValueError):
        name = ""
    if name != "bfloat16":
        raise ValueError(
            f'compute_dtype is {value!r}; it must be None, the dtype of the arrays, or "bfloat16", '
            "for float32 arrays"
        )
    return name
