"""Bad ragged labels, weights and smoothing, and what their refusal says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import manyclass as mc
from random_problems import make_problem

PROBLEM = make_problem(1, num_classes=10, dim=3, batch=4, num_true=2)
VALUES = np.array([3, 1, 9, 0, 4])
SPLITS = np.array([0, 2, 2, 3, 5])

Changes = dict[str, Any]
Cases = dict[str, tuple[Changes, type[Exception], str]]


def ragged(values: Any = VALUES, row_splits: Any = SPLITS) -> Changes:
    """Return labels as a change of the arguments."""
    return {"labels": mc.RaggedLabels(values, row_splits)}


def splits(*numbers: int) -> Changes:
    """Return labels of these row splits."""
    return ragged(row_splits=np.array(numbers, np.int64))


def weights(*numbers: float) -> Changes:
    """Return weights of labels."""
    return {"label_weights": np.array(numbers, np.float32)}


# Changes of arguments with good ragged labels, exception, message.
RAGGED: Cases = {
    "num_true": (
        {"num_true": 2},
        ValueError,
        "num_true is 2; ragged labels have no fixed number: leave it at 1",
    ),
    "no splits": (splits(), ValueError, "labels.row_splits is empty"),
    "splits from 1 on": (
        splits(1, 2, 2, 3, 5),
        ValueError,
        "labels.row_splits[0] is 1; it must be 0",
    ),
    "splits below 0": (splits(-1, 2, 2, 3, 5), ValueError, "labels.row_splits[0] is -1"),
    "splits fall": (
        splits(0, 3, 2, 3, 5),
        ValueError,
        "labels.row_splits[2] is 2, below the 3 before it; row_splits must not fall",
    ),
    "splits far below 0": (
        splits(0, -(2**63), 2, 3, 5),
        ValueError,
        f"labels.row_splits[1] is {-(2**63)}, below the 0 before it",
    ),
    "splits end early": (
        splits(0, 2, 2, 3, 4),
        ValueError,
        "labels.row_splits ends with 4; it must end with the number of labels.values, 5",
    ),
    "splits end late": (splits(0, 2, 2, 3, 6), ValueError, "labels.row_splits ends with 6"),
    "splits end far away": (
        splits(0, 2, 2, 3, 2**63 - 1),
        ValueError,
        f"labels.row_splits ends with {2**63 - 1}",
    ),
    "too few rows": (
        splits(0, 2, 2, 5),
        ValueError,
        "labels has 3 rows, inputs has 4; both must have one for each example",
    ),
    "too many rows": (splits(0, 2, 2, 3, 5, 5), ValueError, "labels has 5 rows, inputs has 4"),
    "splits int32": (
        ragged(row_splits=SPLITS.astype(np.int32)),
        TypeError,
        "labels.row_splits has dtype int32; it must be int64",
    ),
    "splits of rank 2": (
        ragged(row_splits=SPLITS[:, None]),
        ValueError,
        "labels.row_splits has shape [5, 1]; it must have one dimension",
    ),
    "splits None": (ragged(row_splits=None), TypeError, "labels.row_splits is a NoneType"),
    "values int32": (
        ragged(VALUES.astype(np.int32)),
        TypeError,
        "labels.values has dtype int32; it must be int64",
    ),
    "values float": (ragged(VALUES / 1), TypeError, "labels.values has dtype float64"),
    "values of rank 2": (
        ragged(VALUES[:, None]),
        ValueError,
        "labels.values has shape [5, 1]; it must have one dimension",
    ),
    "a label too large": (
        ragged(np.array([3, 1, 9, 10, 4])),
        ValueError,
        "labels.values[3] is 10, outside [0, 10)",
    ),
    "a label below 0": (
        ragged(np.array([3, 1, 9, 0, -1])),
        ValueError,
        "labels.values[4] is -1, outside [0, 10)",
    ),
}
WEIGHTS: Cases = {
    "too few weights": (
        weights(1, 1, 1, 1),
        ValueError,
        "label_weights has 4 entries; it must have one for each of the 5 labels",
    ),
    "weights of rank 2": (
        {"label_weights": np.ones((5, 1), np.float32)},
        ValueError,
        "label_weights has shape [5, 1]; it must have one dimension",
    ),
    "weights of another dtype": (
        {"label_weights": np.ones(5)},
        TypeError,
        "label_weights has dtype float64; it must be float32",
    ),
    "weights a list": ({"label_weights": [1.0] * 5}, TypeError, "label_weights is a list"),
    "a weight below 0": (
        weights(1, 1, 0, -0.5, 1),
        ValueError,
        "label_weights[3] is -0.5; it must be finite and not negative",
    ),
    "a weight of NaN": (
        weights(1, np.nan, 0, 0.5, 1),
        ValueError,
        "label_weights[1] is nan; it must be finite and not negative",
    ),
    "a weight of infinity": (weights(1, 1, 0, 0.5, np.inf), ValueError, "label_weights[4] is inf"),
    "weights of a sum beyond float32": (
        weights(1, 1, 1, 3e38, 3e38),
        ValueError,
        "label_weights of example 3 have the sum 6e+38, which is beyond their dtype",
    ),
}
DENSE: Cases = {
    "weights of ragged labels": (
        {"label_weights": np.ones(8, np.float32)},
        ValueError,
        "label_weights has shape [8]; it must have shape [batch, num_true]",
    ),
    "too few columns": (
        {"label_weights": np.ones((4, 1), np.float32)},
        ValueError,
        "label_weights has shape [4, 1]; it must have the shape of labels, [4, 2]",
    ),
    "a weight below 0": (
        {"label_weights": np.array([[1, 1], [1, 1], [1, -1], [1, 1]], np.float32)},
        ValueError,
        "label_weights[2, 1] is -1; it must be finite and not negative",
    ),
}
SMOOTHING: Cases = {
    "smoothing of 1": (
        {"label_smoothing": 1.0},
        ValueError,
        "label_smoothing is 1; it must be at least 0 and below 1",
    ),
    "smoothing below 0": ({"label_smoothing": -0.1}, ValueError, "label_smoothing is -0.1"),
    "smoothing of NaN": ({"label_smoothing": np.nan}, ValueError, "label_smoothing is nan"),
    "smoothing a truth value": (
        {"label_smoothing": True},
        TypeError,
        "label_smoothing is True; it must be a real number",
    ),
    "smoothing None": ({"label_smoothing": None}, TypeError, "label_smoothing is None"),
}
# Of the sampled losses.
COUNTS: Cases = {
    "too few counts": (
        {"sampled_values": (np.array([1, 2]), np.ones(4), np.ones(2))},
        ValueError,
        "true_expected_count has shape [1, 4]; for ragged labels it must have one entry for each "
        "of the 5 labels",
    ),
    "counts of two columns": (
        {"sampled_values": (np.array([1, 2]), np.ones((5, 2)), np.ones(2))},
        ValueError,
        "true_expected_count has shape [5, 2]",
    ),
    "a count of 0": (
        {"sampled_values": (np.array([1, 2]), np.array([1, 1, 1, 0, 1.0]), np.ones(2))},
        ValueError,
        "true_expected_count[3] is 0; expected counts must be above zero and finite",
    ),
}


def cases(*groups: Cases) -> pytest.MarkDecorator:
    """Return the cases of these groups as parameters."""
    rows = {name: case for group in groups for name, case in group.items()}
    return pytest.mark.parametrize(("changes", "error", "message"), rows.values(), ids=rows)
