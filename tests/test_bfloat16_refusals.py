"""Which dtypes do not go together in the exact softmax, and which function takes no bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import manyclass as mc
from test_bad_input import arguments, w

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

EXACT_FUNCTIONS = [
    mc.full_softmax_loss,
    mc.full_softmax_loss_and_ranks,
    mc.label_ranks,
    mc.evaluate,
    lambda labels, num_true, **others: mc.top_k(k=2, **others),
]


@pytest.mark.parametrize("function", EXACT_FUNCTIONS)
def test_what_does_not_go_together_is_refused(function: Callable[..., Any]) -> None:
    rows = w.astype(BFLOAT16)
    good = arguments()
    wide = {name: good[name].astype(np.float64) for name in ("weights", "biases", "inputs")}
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        (
            {**wide, "weights": rows},
            TypeError,
            "weights has dtype bfloat16; it must be float32 or float64, and that of inputs, "
            "float64, or bfloat16 beside inputs of float32",
        ),
        (
            {"weights": wide["weights"]},
            TypeError,
            "weights has dtype float64; .* inputs, float32, or bfloat16",
        ),
        ({"inputs": good["inputs"].astype(BFLOAT16)}, TypeError, "inputs has dtype bfloat16"),
        (
            {"weights": rows, "biases": good["biases"].astype(BFLOAT16)},
            TypeError,
            "biases has dtype bfloat16; it must be float32",
        ),
        (
            {"weights": [rows[:5], w[5:]], "biases": [good["biases"][:5], good["biases"][5:]]},
            TypeError,
            r"weights\[1\] has dtype float32; it must be bfloat16, that of weights\[0\]",
        ),
        ({**wide, "compute_dtype": "bfloat16"}, ValueError, "bfloat16 is for float32 arrays"),
        ({"compute_dtype": "float16"}, ValueError, "compute_dtype is 'float16'; it must be None"),
        ({"weights": rows.view(np.uint16)}, TypeError, "weights has dtype uint16"),
    ]
    for changes, error, message in cases:
        with pytest.raises(error, match=message):
            function(**{**good, **changes})


@pytest.mark.parametrize("function", [mc.full_softmax_loss_and_grad, mc.FullSoftmaxGradient])
def test_gradients_over_all_classes_take_no_rows_of_bfloat16(function: Callable[..., Any]) -> None:
    message = "weights has dtype bfloat16; it must be float32 or float64"
    with pytest.raises(TypeError, match=message):
        function(**arguments(weights=w.astype(BFLOAT16)))
