"""Random rounding to bfloat16 as `apply_row_updates` documents it, element by element."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from philox_reference import MASK32, PhiloxStream, philox_4x32_10


def rounded(
    results: npt.NDArray[np.float32],
    rows: npt.NDArray[np.integer],
    seed: tuple[int, int],
    iterations: int,
    variable: int = 0,
) -> npt.NDArray[Any]:
    """Return float32 results for some rows of a variable as the bfloat16 that are kept."""
    step = PhiloxStream(seed, iterations)
    key = step.word32(), step.word32()
    table = results.reshape(len(rows), -1)
    upper = np.empty(table.shape, np.uint16)
    for place, row in enumerate(rows.tolist()):
        bits = table[place].view(np.uint32)
        for i in range(len(bits)):
            counter = (i // 8 & MASK32, variable, row & MASK32, row >> 32)
            noise = philox_4x32_10(counter, key)[i % 8 // 2] >> 16 * (i % 2) & 0xFFFF
            upper[place, i] = (int(bits[i]) + noise) >> 16
    return upper.view(ml_dtypes.bfloat16).reshape(results.shape)
