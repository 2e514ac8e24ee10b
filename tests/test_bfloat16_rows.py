"""Rows of bfloat16 beside inputs and biases of float32: which functions take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import pytest

from test_bad_input import FULL_FUNCTIONS, arguments, w


@pytest.mark.parametrize("function", FULL_FUNCTIONS)
def test_who_takes_no_rows_of_bfloat16_says_so(function: Callable[..., Any]) -> None:
    good = arguments()
    message = "weights has dtype bfloat16; it must be float32 or float64"
    with pytest.raises(TypeError, match=message):
        function(**{**good, "weights": w.astype(ml_dtypes.bfloat16)})
