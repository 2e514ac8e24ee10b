"""scikit-learn's own checks of an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import manyclass as mc

ESTIMATORS = [
    mc.SampledSoftmaxClassifier(),
    mc.SampledSoftmaxClassifier(hidden_dim=8),
    mc.SampledSoftmaxClassifier(num_sampled=1),  # few classes, and yet not all are candidates
    mc.SampledSoftmaxClassifier(optimizer="sgd"),
]

# Before version 1.9 scikit-learn hands over a generator, which pytest deprecates.
CHECKS = parametrize_with_checks(ESTIMATORS)
NAMES, PAIRS = CHECKS.args


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(NAMES, list(PAIRS), **CHECKS.kwargs)
def test_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
