"""A good call of every method of the estimator, for tests that make its arguments bad."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

from good_arguments import Call
from manyclass import SampledSoftmaxClassifier

SAMPLES, FEATURES = 8, 3
PARAMETERS: dict[str, Any] = {
    "hidden_dim": 2,
    "num_sampled": 2,
    "sampler": "unigram",
    "optimizer": "adagrad",
    "learning_rate": 0.1,
    "weight_decay": 0.01,
    "compute_dtype": None,
    "batch_size": 4,
    "tol": 1e-4,
    "n_iter_no_change": 5,
    "early_stopping": False,
    "validation_fraction": 0.25,
    "class_weight": {0: 2.0},
    "random_state": 1,
    "n_jobs": 1,
}
# Any number of epochs may be asked for.
EPOCHS = 2


def _examples() -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "X": rng.standard_normal((SAMPLES, FEATURES)),
        "y": np.arange(SAMPLES) % 3,
        "sample_weight": np.ones(SAMPLES),
    }


# scikit-learn's checks of examples.
WORDS = (
    "Complex data",
    "Expected 2D array",
    "Found array",
    "Sample weights",
    "RandomState",
    "Seed",
    "array element",
    "class_weight",
    "could not convert",
    "dtype",
    "features",
    "float() argument",
    "inhomogeneous",
    "sample",
)


def _untrained(parameters: dict[str, Any]) -> SampledSoftmaxClassifier:
    return SampledSoftmaxClassifier(max_iter=EPOCHS, **parameters)


def _quietly(function: Callable[..., Any], **arguments: Any) -> Any:
    """Without the warnings that scikit-learn gives where nothing is wrong, or before it refuses."""
    with warnings.catch_warnings():
        for category in (ConvergenceWarning, DataConversionWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", ".* encountered in reduce", RuntimeWarning)
        return function(**arguments)


def classifier_calls() -> Iterator[tuple[str, Call]]:
    """All of them, by name."""
    examples = _examples()
    yield (
        "SampledSoftmaxClassifier",
        Call(lambda **a: _quietly(_untrained(a).fit, **_examples()), PARAMETERS, words=WORDS),
    )
    yield "fit", Call(lambda **a: _quietly(_untrained(PARAMETERS).fit, **a), examples, words=WORDS)
    first = examples | {"classes": np.arange(3)}
    yield (
        "partial_fit",
        Call(lambda **a: _quietly(_untrained(PARAMETERS).partial_fit, **a), first, words=WORDS),
    )
    trained = _quietly(_untrained(PARAMETERS).fit, **examples)

    def state() -> Any:
        model = trained._state.model
        return model.weights.copy(), model.biases.copy(), trained.n_iter_

    for method, arguments in {
        "predict": {"X": examples["X"]},
        "predict_proba": {"X": examples["X"]},
        "predict_log_proba": {"X": examples["X"]},
        "decision_function": {"X": examples["X"]},
        "predict_top_k": {"X": examples["X"], "k": 2},
        "score": examples,
    }.items():
        function = partial(_quietly, getattr(trained, method))
        yield method, Call(function, arguments, (), state, WORDS)
