"""The classifier with its defaults, beside scikit-learn's linear classifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import manyclass as mc
from classifier_problems import bags_of_words

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
LOADERS = [load_iris, load_wine, load_breast_cancer, load_digits]


@pytest.mark.parametrize("hidden_dim", [None, 16])
@pytest.mark.parametrize("load", LOADERS)
def test_is_as_good_as_logistic_regression(
    load: Callable[..., Any], hidden_dim: int | None
) -> None:
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    model = mc.SampledSoftmaxClassifier(hidden_dim=hidden_dim, random_state=0).fit(X, y)
    exact = LogisticRegression(max_iter=1000).fit(X, y)
    by_sgd = SGDClassifier(loss="log_loss", random_state=0).fit(X, y)
    assert model.score(X_test, y_test) >= exact.score(X_test, y_test) - 0.025
    assert model.score(X_test, y_test) >= by_sgd.score(X_test, y_test) - 0.02
    assert log_loss(y_test, model.predict_proba(X_test)) < 0.25


@pytest.mark.parametrize("load", [load_iris, load_digits])
def test_features_of_similar_size_need_no_scaling(load: Callable[..., Any]) -> None:
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    model = mc.SampledSoftmaxClassifier(random_state=0).fit(X, y)
    assert model.score(X_test, y_test) > 0.95


def test_candidates_instead_of_all_classes_cost_little_quality() -> None:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    for sampler in ("unigram", "log_uniform", "uniform"):
        model = make_pipeline(
            StandardScaler(),
            mc.SampledSoftmaxClassifier(num_sampled=3, sampler=sampler, random_state=0),
        ).fit(X, y)
        assert model.score(X_test, y_test) > 0.94


# scikit-learn 1.7's accuracy minds so many classes.
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater:UserWarning")
def test_twenty_thousand_classes() -> None:
    split = bags_of_words(20_000)
    model = mc.SampledSoftmaxClassifier(
        hidden_dim=32, num_sampled=256, max_iter=6, tol=None, batch_size=512, random_state=0
    ).fit(split.X, split.y)
    assert len(model.classes_) == 20_000
    labels, _ = model.predict_top_k(split.X_test, 5)
    assert np.mean(labels[:, 0] == split.y_test) > 0.8
    assert np.mean((labels == split.y_test[:, None]).any(axis=1)) > 0.9
    assert model.score(split.X_test, split.y_test) == np.mean(labels[:, 0] == split.y_test)
