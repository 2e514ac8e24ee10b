"""What the classifier refuses, by name, and what a refusal leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

import manyclass as mc
from child_process import run_child
from classifier_problems import blobs

X, Y = blobs(3, size=30)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"num_sampled": 0}, ValueError, "num_sampled is 0; it must be at least 1"),
        ({"num_sampled": 2.0}, TypeError, "num_sampled is 2.0; it must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"max_iter": -1}, ValueError, "max_iter is -1"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change is 0"),
        ({"hidden_dim": 0}, ValueError, "hidden_dim is 0"),
        ({"hidden_dim": "8"}, TypeError, "hidden_dim is '8'"),
        ({"tol": -1e-3}, ValueError, "tol is -0.001"),
        ({"tol": float("nan")}, ValueError, "tol is nan"),
        ({"validation_fraction": 0.0}, ValueError, "validation_fraction is 0.0"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction is 1.0"),
        ({"early_stopping": 1}, TypeError, "early_stopping is 1"),
        ({"sampler": "zipf"}, ValueError, "sampler is 'zipf'; it must be one of"),
        ({"optimizer": "lbfgs"}, ValueError, "optimizer is 'lbfgs'; it must be one of"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate"),
        ({"weight_decay": -0.1}, ValueError, "weight_decay"),
        ({"class_weight": "even"}, ValueError, "class_weight is 'even'"),
        ({"class_weight": {0: -1.0}}, ValueError, "class_weight has a weight that is negative"),
        ({"class_weight": {7: 1.0}}, ValueError, "not in class_weight"),
        ({"class_weight": {0: 0.0, 1: 0.0, 2: 0.0}}, ValueError, "class_weight leaves all"),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
)
def test_parameters_out_of_range(
    parameters: dict[str, Any], error: type[Exception], message: str
) -> None:
    model = mc.SampledSoftmaxClassifier(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, Y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_features_must_be_finite(bad: float, container: Any) -> None:
    spoilt = X.copy()
    spoilt[3, 1] = bad
    model = mc.SampledSoftmaxClassifier(max_iter=1, tol=None)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        model.fit(container(spoilt), Y)
    model.fit(X, Y)
    for method in ("predict", "predict_top_k", "predict_proba", "decision_function"):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            getattr(model, method)(container(spoilt))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(30, -1.0), "[Nn]egative"),
        (np.full(30, np.nan), "NaN"),
        (np.zeros(30), "zero"),
        (np.full(30, 1e31), r"at most 1e\+30"),
        (np.ones(29), "30"),
        (np.ones((30, 1)), "1D"),
    ],
)
def test_sample_weight(weights: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mc.SampledSoftmaxClassifier().fit(X, Y, weights)


def test_class_weights_of_zero() -> None:
    model = mc.SampledSoftmaxClassifier(class_weight=dict.fromkeys(np.unique(Y), 0.0))
    with pytest.raises(ValueError, match="class_weight leaves all examples a weight of zero"):
        model.fit(X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(30), "1 class; there must be at least 2"),
        (np.random.default_rng(0).normal(size=30), "[Cc]ontinuous|Unknown label type"),
        (np.zeros((30, 4), int), "1d array|multilabel|shape"),
        (Y[:-1], "inconsistent numbers of samples"),
    ],
)
def test_targets(y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mc.SampledSoftmaxClassifier().fit(X, y)


@pytest.mark.parametrize("k", [0, 4, -1])
def test_k_out_of_range(k: int) -> None:
    model = mc.SampledSoftmaxClassifier(max_iter=1, tol=None).fit(X, Y)
    with pytest.raises(ValueError, match=f"k is {k}; it must be at least 1 and at most the 3"):
        model.predict_top_k(X, k)


def test_partial_fit_needs_to_know_the_classes() -> None:
    model = mc.SampledSoftmaxClassifier(random_state=0)
    with pytest.raises(ValueError, match="classes must be passed in the first call"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="unseen labels"):
        model.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="class_weight is 'balanced'"):
        mc.SampledSoftmaxClassifier(class_weight="balanced").partial_fit(X, Y, classes=range(3))
    model.partial_fit(X, Y, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="not those of the first call"):
        model.partial_fit(X, Y, classes=[0, 1, 2])


@pytest.mark.parametrize(
    ("change", "features", "labels"),
    [
        ({}, X[:, :2], Y),
        ({}, X, Y + 1),
        ({"learning_rate": -1.0}, X, Y),
        ({"weight_decay": -1.0}, X, Y),
        ({"class_weight": {8: 1.0}}, X, Y),
    ],
)
def test_a_refused_partial_fit_changes_nothing(
    change: dict[str, Any], features: np.ndarray, labels: np.ndarray
) -> None:
    model, untouched = (
        mc.SampledSoftmaxClassifier(random_state=0, num_sampled=2).partial_fit(X, Y, range(3))
        for _ in range(2)
    )
    original = {name: getattr(model, name) for name in change}
    with pytest.raises(
        ValueError, match=r"features|unseen labels|learning_rate|decay|class_weight"
    ):
        model.set_params(**change).partial_fit(features, labels)
    model.set_params(**original)
    assert np.array_equal(
        model.partial_fit(X, Y).decision_function(X),
        untouched.partial_fit(X, Y).decision_function(X),
    )


def test_without_scikit_learn_the_rest_works_and_the_message_says_what_to_install() -> None:
    child = run_child(
        "import sys; sys.modules['sklearn'] = None\n"
        "import manyclass as mc\n"
        "print(mc.SGD(0.1).learning_rate)\n"
        "try:\n"
        "    mc.SampledSoftmaxClassifier\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert child.stderr == ""
    number, message = child.stdout.splitlines()
    assert number == "0.1"
    assert "manyclass.SampledSoftmaxClassifier needs scikit-learn" in message
    assert "pip install 'manyclass[sklearn]'" in message


def test_importing_the_package_does_not_import_scikit_learn() -> None:
    child = run_child("import sys, manyclass; print('sklearn' in sys.modules)")
    assert child.stdout == "False\n"


def test_other_attributes_are_missing_as_usual() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'SampledSoftmaxRegressor'"):
        _ = mc.SampledSoftmaxRegressor
