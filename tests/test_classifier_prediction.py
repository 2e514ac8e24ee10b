"""What a fitted classifier answers, and that it survives copies and files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

import manyclass as mc
from child_process import run_child
from classifier_problems import bags_of_words, blobs
from memory_use import resident_bytes


def fitted(num_classes: int = 6, **parameters: Any) -> tuple[mc.SampledSoftmaxClassifier, Any, Any]:
    X, y = blobs(num_classes)
    defaults = {"max_iter": 10, "tol": None, "random_state": 0}
    return mc.SampledSoftmaxClassifier(**{**defaults, **parameters}).fit(X, y), X, y


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# scikit-learn 1.7's accuracy minds many classes.
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater:UserWarning")
@settings(max_examples=20)
@given(
    num_classes=st.integers(3, 40),
    hidden_dim=st.sampled_from([None, 3]),
    dtype=st.sampled_from([np.float32, np.float64]),
    data=st.data(),
)
def test_all_answers_are_of_the_same_logits(
    num_classes: int, hidden_dim: int | None, dtype: Any, data: st.DataObject
) -> None:
    X, y = blobs(num_classes, size=60, dtype=dtype)
    labels = np.random.default_rng(num_classes).permutation(1000)[:num_classes]
    model = mc.SampledSoftmaxClassifier(
        hidden_dim=hidden_dim, num_sampled=10, max_iter=3, tol=None, random_state=0
    ).fit(X, labels[y])
    assert np.array_equal(model.classes_, np.sort(labels))
    logits = model.decision_function(X)
    assert logits.shape == (60, num_classes)
    assert logits.dtype == dtype
    k = data.draw(st.integers(1, num_classes))
    top, scores = model.predict_top_k(X, k)
    order = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    eps = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(scores, np.take_along_axis(logits, order, 1), rtol=eps, atol=eps)
    # Where logits differ by more than rounding, so do their places.
    places = np.searchsorted(model.classes_, top)
    np.testing.assert_allclose(np.take_along_axis(logits, places, 1), scores, rtol=eps, atol=eps)
    assert all(len(set(row)) == k for row in top.tolist())
    assert np.array_equal(model.predict(X), model.predict_top_k(X, 1)[0][:, 0])
    assert model.score(X, labels[y]) == np.mean(model.predict(X) == labels[y])
    expected = softmax(logits.astype(np.float64))
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=100 * eps)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected), rtol=100 * eps)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_coefficients_are_those_of_the_decision_function(num_classes: int) -> None:
    model, X, _ = fitted(num_classes)
    rows = 1 if num_classes == 2 else num_classes
    assert model.coef_.shape == (rows, 4)
    assert model.intercept_.shape == (rows,)
    scores = X @ model.coef_.T + model.intercept_
    np.testing.assert_allclose(model.decision_function(X), np.squeeze(scores), rtol=1e-12)
    model.coef_[:] = 0.0  # a copy
    assert model.coef_.any()


def test_coefficients_are_missing_with_a_map_and_before_fit() -> None:
    model, _, _ = fitted(hidden_dim=4)
    assert not hasattr(model, "coef_")
    assert model.intercept_.shape == (6,)
    assert not hasattr(mc.SampledSoftmaxClassifier(), "coef_")
    assert not hasattr(mc.SampledSoftmaxClassifier(), "intercept_")


def test_two_classes_have_one_score_and_two_in_top_k() -> None:
    model, X, y = fitted(2)
    score = model.decision_function(X)
    assert score.shape == y.shape
    assert np.array_equal(model.predict(X), (score > 0).astype(int))
    labels, scores = model.predict_top_k(X, 2)
    first = np.where(labels[:, 0] == 1, score, -score)
    np.testing.assert_allclose(scores[:, 0] - scores[:, 1], first, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["ant", "bee", "cat", "dog", "eel", "fox"]),
        np.array(["ant", "bee", "cat", "dog", "eel", "fox"], dtype=object),
        np.array([-7, 0, 3, 10**12, 5, 4]),
        np.array([1.0, 2.0, 3.0, -4.0, 5.0, 6.0]),
    ],
    ids=["str", "object", "int", "float"],
)
def test_any_type_of_label(labels: np.ndarray) -> None:
    X, y = blobs(6)
    model = mc.SampledSoftmaxClassifier(max_iter=30, tol=None, random_state=0)
    answers = model.fit(X, labels[y]).predict(X)
    assert answers.dtype == labels.dtype
    assert np.mean(answers == labels[y]) > 0.7
    assert model.predict_top_k(X, 3)[0].dtype == labels.dtype
    pieces = mc.SampledSoftmaxClassifier(max_iter=30, tol=None, random_state=0)
    pieces.partial_fit(X, labels[y], classes=labels)
    assert pieces.loss_curve_ == model.loss_curve_[:1]
    with pytest.raises(ValueError, match="unseen labels"):
        pieces.partial_fit(X[:1], np.array(["zebra"]) if labels.dtype.kind in "UO" else [77])


def test_no_matrix_of_examples_and_classes_is_ever_made() -> None:
    child = run_child(
        """
import resource
import numpy as np
import manyclass as mc

def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

X = np.random.default_rng(0).normal(size=(8000, 4)).astype(np.float32)
y = np.arange(20_000)[:8000]
model = mc.SampledSoftmaxClassifier(num_sampled=64, random_state=0, n_jobs=1)
model.partial_fit(X, y, classes=np.arange(20_000))
model.predict(X[:10])
before = peak()
model.predict_top_k(X, 3)
model.set_params(early_stopping=True, validation_fraction=0.5, max_iter=1, tol=None)
model.fit(X[:2000], y[:2000]).predict(X)
print(peak() - before)
"""
    )
    assert child.stderr == ""
    assert int(child.stdout) < 200e6  # all logits would be 640 MB


@pytest.mark.parametrize("hidden_dim", [None, 3])
@pytest.mark.parametrize("optimizer", ["adagrad", "adam", "sgd"])
def test_copies_and_pickles_train_on_with_the_same_bits(
    hidden_dim: int | None, optimizer: str, tmp_path: Path
) -> None:
    parameters = {"hidden_dim": hidden_dim, "optimizer": optimizer, "num_sampled": 3}
    model, X, y = fitted(batch_size=32, **parameters)
    joblib.dump(model, tmp_path / "model")
    others = [
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "model"),
        joblib.load(tmp_path / "model", mmap_mode="r"),  # serves from the file
    ]
    others.append(pickle.loads(pickle.dumps(others[-1])))  # before it is trained
    expected = model.decision_function(X)
    for other in others:
        assert np.array_equal(other.decision_function(X), expected)
    trained = model.partial_fit(X, y).decision_function(X)
    assert not np.array_equal(trained, expected)
    for other in others:
        assert np.array_equal(other.partial_fit(X, y).decision_function(X), trained)


def test_clones_are_not_fitted() -> None:
    model, X, _ = fitted()
    with pytest.raises(ValueError, match="not fitted"):
        clone(model).predict(X)
    assert clone(model).get_params() == model.get_params()


def test_works_within_scikit_learn() -> None:
    X, y = blobs(4)
    model = mc.SampledSoftmaxClassifier(max_iter=20, tol=None, random_state=0)
    search = GridSearchCV(model, {"learning_rate": [1e-6, 0.1]}, cv=3).fit(X, y)
    assert search.best_params_ == {"learning_rate": 0.1}
    assert cross_val_score(model, X, y, cv=2).min() > 0.5


def test_features_of_another_dtype_are_computed_with_in_that_of_fit() -> None:
    X, y = blobs(4, dtype=np.float32)
    model = mc.SampledSoftmaxClassifier(max_iter=3, tol=None, random_state=0).fit(X, y)
    for other in (X.astype(np.float64), np.asfortranarray(X), sparse.csr_array(X)):
        assert model.decision_function(other).dtype == np.float32
        np.testing.assert_allclose(
            model.decision_function(other), model.decision_function(X), rtol=1e-5
        )
    model.partial_fit(X.astype(np.float64), y)
    assert model.decision_function(X).dtype == np.float32


def test_many_sparse_features_are_not_made_dense_at_once() -> None:
    split = bags_of_words(500)
    X = split.X.copy()
    X.resize(X.shape[0], 2_000_000)  # 16 GB if 2,000 rows were dense
    model = mc.SampledSoftmaxClassifier(hidden_dim=2, max_iter=1, tol=None, num_sampled=16)
    model.fit(X, split.y)
    before = resident_bytes()
    model.predict(X)
    assert resident_bytes() - before < 200e6
