"""Early stopping by a validation split, Ctrl-C, and losses that are not finite."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import manyclass as mc
from classifier_problems import bags_of_words, blobs


def early(**parameters: Any) -> mc.SampledSoftmaxClassifier:
    defaults = {"early_stopping": True, "random_state": 0, "max_iter": 500}
    return mc.SampledSoftmaxClassifier(**{**defaults, **parameters})


@pytest.mark.parametrize("hidden_dim", [None, 5])
@pytest.mark.parametrize("num_sampled", [1024, 1])
def test_early_stopping_keeps_the_best_epoch(hidden_dim: int | None, num_sampled: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 40))  # easy to overfit: one feature matters
    y = np.digitize(X[:, 0] + 0.5 * rng.normal(size=200), [-0.5, 0.5])
    parameters = {
        "hidden_dim": hidden_dim,
        "num_sampled": num_sampled,
        "batch_size": 64,
        "validation_fraction": 0.25,
    }
    model = early(**parameters).fit(X, y)
    curve = np.array(model.validation_loss_curve_)
    assert 6 < model.n_iter_ == len(curve) == len(model.loss_curve_) < 500
    best = int(np.argmin(curve))
    assert best < len(curve) - 1
    assert curve[best] < curve[0]
    # The model of the best epoch, as training for so many epochs leaves it.
    short = early(**parameters, max_iter=best + 1, tol=None).fit(X, y)
    assert short.validation_loss_curve_ == model.validation_loss_curve_[: best + 1]
    assert np.array_equal(model.decision_function(X), short.decision_function(X))


def test_the_validation_loss_is_exact_and_weighted() -> None:
    split = bags_of_words(50)
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2.0, len(split.y))
    model = early(hidden_dim=4, num_sampled=5, max_iter=3, tol=None, validation_fraction=0.3)
    model.set_params(learning_rate=0.0).fit(split.X, split.y, weights)
    # Without steps the model predicts frequencies, whatever the features.
    counts = model._state.counts
    loss = -np.log((counts + 1) / (counts.sum() + 50))[model._state.numbering.numbers[split.y]]
    # Which examples were set aside is not told; most splits are near the mean of all.
    assert model.validation_loss_curve_ == pytest.approx(
        [np.average(loss, weights=weights)] * 3, rel=0.02
    )


def test_a_class_of_validation_alone_is_a_class() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), np.arange(20)
    model = early(validation_fraction=0.5, max_iter=5, tol=None).fit(X, y)
    assert model.predict_proba(X).shape == (20, 20)
    assert np.isfinite(model.validation_loss_curve_).all()


@pytest.mark.parametrize("fraction", [0.99, 0.51])
def test_a_split_must_leave_examples_to_train_on(fraction: float) -> None:
    model = early(validation_fraction=fraction)
    with pytest.raises(ValueError, match=r"validation_fraction is 0\.\d+, which of 2 examples"):
        model.fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ctrl_c_leaves_a_fitted_estimator(early_stopping: bool) -> None:
    X, y = blobs(4, size=100)

    def schedule(step: int) -> float:
        if step == 17:
            raise KeyboardInterrupt
        return 0.1

    parameters = {"batch_size": 50, "early_stopping": early_stopping, "tol": None}
    model = early(learning_rate=schedule, max_iter=100, **parameters)
    with pytest.warns(UserWarning, match="interrupted in epoch 9") as caught:
        assert model.fit(X, y) is model
    assert caught[0].filename == __file__
    assert model.n_iter_ == len(model.loss_curve_) == 8
    model.set_params(learning_rate=0.1)
    assert model.score(X, y) > 0.5
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.decision_function(X), model.decision_function(X))
    if early_stopping:
        best = early(max_iter=1 + int(np.argmin(model.validation_loss_curve_)), **parameters)
        assert np.array_equal(best.fit(X, y).decision_function(X), model.decision_function(X))
    assert model.partial_fit(X, y).n_iter_ == 9


def test_partial_fit_raises_what_ctrl_c_raises() -> None:
    X, y = blobs(4)

    def schedule(step: int) -> float:
        raise KeyboardInterrupt

    model = mc.SampledSoftmaxClassifier(learning_rate=schedule)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X, y, classes=np.arange(4))
    assert model.n_iter_ == 0
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": 1e38},
        {"optimizer": "sgd", "learning_rate": 1e30, "hidden_dim": 2},
    ],
)
def test_a_loss_that_is_not_finite_is_an_error(parameters: dict[str, Any]) -> None:
    X, y = blobs(4, dtype=np.float32)
    model = mc.SampledSoftmaxClassifier(random_state=0, **parameters)
    with pytest.raises(ValueError, match="loss of an epoch is not finite"):
        model.fit(X, y)


def test_warns_if_training_made_it_worse() -> None:
    X, y = blobs(4)
    model = mc.SampledSoftmaxClassifier(optimizer="sgd", learning_rate=10.0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="not fallen since the first epoch") as caught:
        model.fit(100.0 * X, y)
    assert caught[0].filename == __file__
    assert model.n_iter_ == 6


def test_progress_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    X, y = blobs(4)
    mc.SampledSoftmaxClassifier(max_iter=3, tol=None).fit(X, y)
    assert capsys.readouterr().err == ""
    mc.SampledSoftmaxClassifier(max_iter=3, tol=None, verbose=True).fit(X, y)
    shown = capsys.readouterr().err
    assert "600/600" in shown
    assert "loss" in shown
