"""What `QuantizedTopK` refuses, and how it says so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import manyclass as mc

RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal((20, 4), np.float32)
BIASES = np.zeros(20, np.float32)
INPUTS = RNG.standard_normal((3, 4), np.float32)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"weights": WEIGHTS.astype(np.float64)}, TypeError, "weights has dtype float64"),
        ({"weights": WEIGHTS.astype(np.int8)}, TypeError, "weights has dtype int8"),
        ({"weights": WEIGHTS[0]}, ValueError, "weights has shape [4]"),
        ({"weights": WEIGHTS[:, :0]}, ValueError, "weights has no columns"),
        ({"weights": WEIGHTS[:0], "biases": BIASES[:0]}, ValueError, "weights has no rows"),
        ({"weights": [WEIGHTS[:3], WEIGHTS[3:]]}, ValueError, "weights[0] has 3 rows"),
        ({"weights": "rows"}, TypeError, "weights is a str"),
        ({"biases": BIASES[1:]}, ValueError, "biases has 19 entries"),
        ({"biases": BIASES.astype(np.float64)}, TypeError, "biases has dtype float64"),
        ({"partition_strategy": "row"}, ValueError, 'partition_strategy is "row"'),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
        (
            {"weights": np.zeros((1, 133_145), np.float32), "biases": BIASES[:1]},
            ValueError,
            "weights has 133145 columns; a quantised copy takes 1 to 133144",
        ),
    ],
)
def test_what_cannot_be_quantised(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        mc.QuantizedTopK(**{"weights": WEIGHTS, "biases": BIASES, **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"k": 0}, ValueError, "k is 0; it must be at least 1 and at most the 20 classes"),
        ({"k": 21}, ValueError, "k is 21; it must be at least 1 and at most the 20 classes"),
        ({"k": -(2**63)}, ValueError, "k is -9223372036854775808"),
        ({"k": 2.0}, TypeError, "k is 2.0; it must be an integer"),
        ({"num_reranked": 1}, ValueError, "num_reranked is 1; it must be at least k, 2, and"),
        ({"num_reranked": 21}, ValueError, "num_reranked is 21; it must be at least k, 2, and"),
        ({"num_reranked": "all"}, TypeError, "num_reranked is 'all'; it must be an integer"),
        ({"inputs": INPUTS[0]}, ValueError, "inputs has shape [4]"),
        ({"inputs": INPUTS[:, 1:]}, ValueError, "inputs has shape"),
        ({"inputs": INPUTS.astype(np.float64)}, TypeError, "inputs has dtype float64"),
        ({"excluded": np.array([[20], [0], [0]])}, ValueError, "excluded[0, 0] is 20"),
        ({"excluded": np.zeros((2, 1), np.int64)}, ValueError, "excluded has 2 rows"),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
    ],
)
def test_what_cannot_be_asked(change: dict[str, Any], error: type[Exception], message: str) -> None:
    quantized = mc.QuantizedTopK(WEIGHTS, BIASES)
    with pytest.raises(error, match=re.escape(message)):
        quantized.top_k(**{"inputs": INPUTS, "k": 2, **change})


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([3, 20], ValueError, "ids[1] is 20, outside [0, 20)"),
        ([-1], ValueError, "ids[0] is -1, outside [0, 20)"),
        (np.array([[1]]), ValueError, "ids has shape [1, 1]"),
        (np.array([1.0]), TypeError, "ids has dtype float64"),
    ],
)
def test_a_refused_refresh_changes_nothing(ids: Any, error: type[Exception], message: str) -> None:
    weights = WEIGHTS.copy()
    quantized = mc.QuantizedTopK(weights, BIASES)
    weights[3] = 100 * np.abs(INPUTS[0])  # behind all others for the copy as it was
    before = quantized.top_k(INPUTS, 1, num_reranked=1)[1]
    with pytest.raises(error, match=re.escape(message)):
        quantized.refresh(ids)
    np.testing.assert_array_equal(quantized.top_k(INPUTS, 1, num_reranked=1)[1], before)


def test_a_table_that_has_lost_rows_is_refused() -> None:
    weights = [WEIGHTS[:10], WEIGHTS[10:]]
    quantized = mc.QuantizedTopK(weights, BIASES)
    for other in (WEIGHTS[:19], WEIGHTS[:, :3].copy()):
        state = (other, BIASES[: len(other)], "div")
        with pytest.raises(ValueError, match="its quantised copy has"):
            quantized._rows.top_k(state, INPUTS[:, : other.shape[1]].copy(), 2, None, None, 0)
