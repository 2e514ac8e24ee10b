"""What a trained estimator answers."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.utils.validation import check_is_fitted, validate_data

from manyclass._arrays import Array, ArrayLike
from manyclass._scalars import as_integer
from manyclass.classifier.feature_map import Features, LinearMap
from manyclass.classifier.state import State


class Predictions:
    """The methods that predict.

    `predict`, `predict_top_k` and `score` stream over the classes; the others return a number for
    each example and class, and are for few classes or few examples.
    """

    _state: State
    classes_: Array

    def predict(self, X: ArrayLike) -> Array:
        """Predict the likeliest label of each example.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_samples, n_features]
            The examples.

        Returns
        -------
        array, shape [n_samples]
            Labels. Of classes alike the more frequent one.
        """
        features = self._checked(X)
        _, numbers = self._state.model.top_k(features, 1, self._num_threads())
        return self._state.numbering.labels(numbers[:, 0])

    def predict_top_k(self, X: ArrayLike, k: int = 5) -> tuple[Array, NDArray[Any]]:
        """Predict the k likeliest labels of each example, without the scores of all classes.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_samples, n_features]
            The examples.
        k : int, default 5
            From 1 to the number of classes.

        Returns
        -------
        labels : array, shape [n_samples, k]
            The likeliest first.
        scores : array of float, shape [n_samples, k]
            Their logits: what `decision_function` gives for more than two classes.
        """
        features = self._checked(X)
        size = as_integer(k, "k")
        scores, numbers = self._state.model.top_k(features, size, self._num_threads())
        return self._state.numbering.labels(numbers), scores

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the logits of all classes.

        Takes ``n_samples * n_classes`` numbers of memory: `predict_top_k` does not.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_samples, n_features]
            The examples.

        Returns
        -------
        array of float, shape [n_samples, n_classes], or [n_samples] for two classes
            Logits in the order of ``classes_``; for two classes the second's less the first's.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the probabilities of all classes: the softmax of their logits.

        Takes memory as `decision_function` does, twice.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_samples, n_features]
            The examples.

        Returns
        -------
        array of float, shape [n_samples, n_classes]
            In the order of ``classes_``.
        """
        result: NDArray[Any] = softmax(self._logits(X), axis=1)
        return result

    def predict_log_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the logarithms of the probabilities of all classes.

        Takes memory as `decision_function` does, twice.

        Parameters
        ----------
        X : array or CSR matrix, shape [n_samples, n_features]
            The examples.

        Returns
        -------
        array of float, shape [n_samples, n_classes]
            In the order of ``classes_``.
        """
        result: NDArray[Any] = log_softmax(self._logits(X), axis=1)
        return result

    @property
    def coef_(self) -> NDArray[Any]:
        """Return weights of the features, a copy, in the order of ``classes_``.

        Shape [n_classes, n_features], or [1, n_features] for two classes: with `intercept_`, what
        `decision_function` computes. There is none with ``hidden_dim``.
        """
        check_is_fitted(self)
        if isinstance(self._state.model.feature_map, LinearMap):
            raise AttributeError("with hidden_dim there is no coef_")
        return self._in_label_order(self._state.model.weights)

    @property
    def intercept_(self) -> NDArray[Any]:
        """Return intercepts, a copy: shape [n_classes], or [1] for two classes."""
        check_is_fitted(self)
        return self._in_label_order(self._state.model.biases)

    def _in_label_order(self, rows: Array) -> Array:
        ordered: Array = rows[self._state.numbering.numbers]
        return ordered[1:] - ordered[:1] if len(ordered) == 2 else ordered

    def _logits(self, X: ArrayLike) -> NDArray[Any]:
        features = self._checked(X)
        return self._state.model.logits(features, self._state.numbering.numbers)

    def _checked(self, X: ArrayLike) -> Features:
        check_is_fitted(self)
        return validate_data(
            self, X, accept_sparse="csr", dtype=self._state.model.weights.dtype, reset=False
        )

    def _num_threads(self) -> int | None:
        raise NotImplementedError
