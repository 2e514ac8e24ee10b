"""What the classifier minimises, step by step, and when it stops."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

import manyclass as mc
from classifier_problems import bags_of_words, blobs
from optimizer_reference import Adagrad
from reference import Problem, full_softmax

NAMES = np.array(["ant", "bee", "cat", "dog"])


def classifier(**parameters: Any) -> mc.SampledSoftmaxClassifier:
    return mc.SampledSoftmaxClassifier(
        **{"max_iter": 10, "tol": None, "random_state": 0, **parameters}
    )


def reference_epochs(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, table: np.ndarray | None, epochs: int
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Full batches of the full softmax, Adagrad, classes by label: logits, table and losses."""
    num_classes = y.max() + 1
    counts = np.bincount(y, weights, num_classes)
    biases = np.log((counts + 1) / (counts + 1).sum())
    mapped = X if table is None else X @ table
    rows = np.zeros((num_classes, mapped.shape[1]))
    shares = weights / weights.sum()
    # One rule of each array, since each counts its own rows.
    rules = [Adagrad(1e-8) for _ in range(3)]
    losses = []
    for _ in range(epochs):
        mapped = X if table is None else X @ table
        loss, grads = full_softmax(Problem(rows, biases, y[:, None], mapped), shares)
        losses.append(float(shares @ loss))
        rules[0].step(rows, np.arange(num_classes), grads.weights, 0.1)
        rules[1].step(biases, np.arange(num_classes), grads.biases, 0.1)
        if table is not None:
            rules[2].step(table, np.arange(len(table)), X.T @ grads.inputs, 0.1)
    mapped = X if table is None else X @ table
    return mapped @ rows.T + biases, table, losses


@pytest.mark.parametrize("hidden_dim", [None, 3])
def test_equals_a_reference_in_numpy(hidden_dim: int | None) -> None:
    X, y = blobs(4, size=60)
    weights = np.random.default_rng(1).uniform(0.0, 3.0, len(y))
    model = classifier(hidden_dim=hidden_dim).fit(X, y, weights)
    table = None
    if hidden_dim is not None:  # the map as it starts: that of a model of no steps to speak of
        still = classifier(hidden_dim=hidden_dim, max_iter=1, learning_rate=0.0).fit(X, y, weights)
        table = still._state.model.feature_map.table.copy()
        assert np.abs(table).max() <= 1.0 / np.sqrt(hidden_dim)
    logits, table, losses = reference_epochs(X, y, weights, table, 10)
    np.testing.assert_allclose(model.decision_function(X), logits, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-9)
    if hidden_dim is not None:
        np.testing.assert_allclose(model._state.model.feature_map.table, table, rtol=1e-9)


@pytest.mark.parametrize("hidden_dim", [None, 3])
@pytest.mark.parametrize("num_sampled", [1024, 2])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_features_train_the_same_model_as_dense_ones(
    hidden_dim: int | None, num_sampled: int, container: Any
) -> None:
    X, y = blobs(4, dim=6)
    X[np.abs(X) < 1.0] = 0.0
    X[:, 2] = 0.0  # a feature that no example has
    parameters = {"hidden_dim": hidden_dim, "num_sampled": num_sampled, "batch_size": 32}
    dense = classifier(**parameters).fit(X, y)
    sparsely = classifier(**parameters).fit(container(X), y)
    expected = dense.decision_function(X)
    np.testing.assert_allclose(sparsely.decision_function(X), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(sparsely.decision_function(container(X)), expected, atol=1e-8)
    np.testing.assert_allclose(sparsely.loss_curve_, dense.loss_curve_, rtol=1e-9)


def test_a_step_moves_the_features_of_its_batch_alone() -> None:
    X = sparse.csr_array(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 4, 4])), shape=(2, 6))
    start = classifier(hidden_dim=2, max_iter=1, learning_rate=0.0).fit(X, [0, 1])
    model = classifier(hidden_dim=2, max_iter=3).fit(X, [0, 1])
    moved = (model._state.model.feature_map.table != start._state.model.feature_map.table).any(1)
    assert moved.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("num_sampled", [1024, 2])
def test_weights_are_like_copies(num_sampled: int) -> None:
    X, y = blobs(4, size=60)
    weights = np.random.default_rng(1).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), weights)
    parameters = {"num_sampled": num_sampled, "class_weight": {0: 2.0, 3: 0.5}}
    weighted = classifier(**parameters).fit(X, y, weights)
    copied = classifier(**parameters).fit(X[copies], y[copies])
    np.testing.assert_allclose(weighted.loss_curve_, copied.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(
        weighted.decision_function(X), copied.decision_function(X), rtol=1e-8, atol=1e-9
    )


def test_class_weight_multiplies_sample_weight() -> None:
    X, y = blobs(4)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    factors = np.array([1.0, 3.0, 1.0, 0.25])
    by_class = classifier(class_weight={"bee": 3.0, "dog": 0.25}).fit(X, NAMES[y], weights)
    by_sample = classifier().fit(X, NAMES[y], weights * factors[y])
    assert by_class.loss_curve_ == by_sample.loss_curve_


def test_balanced_classes_have_the_same_total() -> None:
    X, y = blobs(4)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    counts = np.bincount(y, weights)
    factors = counts.sum() / (4 * counts)
    balanced = classifier(class_weight="balanced").fit(X, y, weights)
    by_sample = classifier().fit(X, y, weights * factors[y])
    np.testing.assert_allclose(balanced.loss_curve_, by_sample.loss_curve_, rtol=1e-12)
    assert balanced.predict_proba(X).mean(axis=0).min() > 0.7 / 4 * counts.min() / counts.max()


@pytest.mark.parametrize("num_sampled", [1024, 2])
def test_partial_fit_again_and_again_is_fit(num_sampled: int) -> None:
    X, y = blobs(4)
    # The unigram sampler counts the labels of each call; the others have nothing to learn.
    parameters = {"num_sampled": num_sampled, "sampler": "log_uniform", "batch_size": 32}
    whole = classifier(**parameters).fit(X, NAMES[y])
    pieces = classifier(**parameters)
    for _ in range(10):
        assert pieces.partial_fit(X, NAMES[y], classes=NAMES[[3, 1, 0, 2]]) is pieces
    assert pieces.loss_curve_ == whole.loss_curve_
    assert pieces.n_iter_ == whole.n_iter_ == 10
    assert np.array_equal(pieces.decision_function(X), whole.decision_function(X))


def test_partial_fit_learns_classes_that_come_later() -> None:
    X, y = blobs(4, size=400)
    model = classifier(num_sampled=2, batch_size=16)
    order = np.argsort(y, kind="stable")
    for _ in range(20):
        for part in np.array_split(order, 3):
            model.partial_fit(X[part], y[part], classes=np.arange(4))
    assert model.score(X, y) > 0.8
    counts = model._state.counts[model._state.numbering.numbers]
    assert counts.tolist() == (20 * np.bincount(y)).tolist()


def test_partial_fit_goes_on_after_fit_with_the_learning_rate_of_now() -> None:
    X, y = blobs(4)
    model = classifier().fit(X, y)
    before = model.decision_function(X)
    model.set_params(learning_rate=0.0).partial_fit(X, y)
    assert np.array_equal(model.decision_function(X), before)
    model.set_params(learning_rate=0.1).partial_fit(X, y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.n_iter_ == 12


def test_a_schedule_is_called_with_the_number_of_steps() -> None:
    X, y = blobs(4, size=90)
    calls: list[int] = []

    def schedule(step: int) -> float:
        calls.append(step)
        return 0.1

    scheduled = classifier(learning_rate=schedule, max_iter=2, batch_size=40).fit(X, y)
    assert calls == list(range(6))
    assert scheduled.loss_curve_ == classifier(max_iter=2, batch_size=40).fit(X, y).loss_curve_


@pytest.mark.parametrize("optimizer", ["adagrad", "rowwise_adagrad", "adam", "sgd"])
def test_every_optimizer_lowers_the_loss(optimizer: str) -> None:
    X, y = blobs(4)
    model = classifier(optimizer=optimizer, hidden_dim=3).fit(X, y)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
    decayed = classifier(optimizer=optimizer, hidden_dim=3, weight_decay=1.0).fit(X, y)
    assert np.linalg.norm(decayed._state.model.weights) < np.linalg.norm(model._state.model.weights)


def test_products_may_be_computed_in_bfloat16() -> None:
    X, y = blobs(4, dtype=np.float32)
    plain = classifier(hidden_dim=3).fit(X, y).loss_curve_
    rounded = classifier(hidden_dim=3, compute_dtype="bfloat16").fit(X, y).loss_curve_
    assert rounded != plain
    assert np.allclose(rounded, plain, rtol=0.02)
    half = classifier(hidden_dim=3, compute_dtype="bfloat16").partial_fit(X, y, np.unique(y))
    again = pickle.loads(pickle.dumps(half))
    assert again.partial_fit(X, y).loss_curve_ == half.partial_fit(X, y).loss_curve_ != plain[:2]
    with pytest.raises(ValueError, match="compute_dtype is bfloat16, the arrays are float64"):
        classifier(compute_dtype="bfloat16").fit(X.astype(np.float64), y)
    with pytest.raises(ValueError, match="compute_dtype is 'float16'"):
        classifier(compute_dtype="float16").fit(X, y)


@pytest.mark.parametrize("sampler", ["unigram", "log_uniform", "uniform"])
def test_results_do_not_depend_on_the_number_of_threads(sampler: str) -> None:
    split = bags_of_words(300)
    parameters = {"hidden_dim": 8, "num_sampled": 20, "max_iter": 3, "sampler": sampler}
    one, two, again = (
        classifier(n_jobs=n_jobs, **parameters).fit(split.X, split.y) for n_jobs in (1, 2, -1)
    )
    expected = one.decision_function(split.X_test)
    assert np.array_equal(two.decision_function(split.X_test), expected)
    assert np.array_equal(again.decision_function(split.X_test), expected)
    other = classifier(**{**parameters, "random_state": 1}).fit(split.X, split.y)
    assert not np.array_equal(other.decision_function(split.X_test), expected)


def test_random_state_may_be_numpys() -> None:
    X, y = blobs(4)
    states = [np.random.RandomState(5), np.random.RandomState(5)]
    first, second = (classifier(random_state=state, batch_size=16).fit(X, y) for state in states)
    assert first.loss_curve_ == second.loss_curve_
    assert first.fit(X, y).loss_curve_ != second.loss_curve_  # the state has moved on


def test_classes_are_numbered_by_falling_frequency() -> None:
    y = np.repeat(["d", "b", "a", "c"], [2, 7, 2, 4])
    model = classifier().fit(np.random.default_rng(0).normal(size=(15, 2)), y)
    assert model._state.numbering.labels(np.arange(4)).tolist() == ["b", "c", "a", "d"]
    assert model._state.counts.tolist() == [7, 4, 2, 2]


def test_stops_when_the_loss_does_not_fall() -> None:
    X, y = blobs(4)
    model = classifier(max_iter=1000, tol=1e-2, n_iter_no_change=3).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) < 1000
    falls = -np.diff(np.minimum.accumulate(model.loss_curve_))
    assert (falls[-3:] <= 1e-2).all()
    assert not any((falls[k : k + 3] <= 1e-2).all() for k in range(len(falls) - 3))


def test_warns_if_epochs_run_out() -> None:
    X, y = blobs(4)
    with pytest.warns(ConvergenceWarning, match="max_iter=3") as caught:
        classifier(max_iter=3, tol=1e-4).fit(X, y)
    assert caught[0].filename == __file__
