"""The estimator: parameters, and how it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import DTypeLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from manyclass._arrays import Array, ArrayLike, IdArray
from manyclass._scalars import as_integer
from manyclass.classifier.feature_map import Features
from manyclass.classifier.numbering import check_labels, known_labels, places_of
from manyclass.classifier.optimizer_choice import OptimizerChoice
from manyclass.classifier.parameters import check_parameters
from manyclass.classifier.prediction import Predictions
from manyclass.classifier.state import State
from manyclass.classifier.training import Curves, Examples, Plan, Trainer, split
from manyclass.classifier.weights import ClassWeight, example_weights
from manyclass.row_optimizer import LearningRate

_MOST_THREADS = 1024


class SampledSoftmaxClassifier(Predictions, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multinomial logistic regression over a huge number of classes, for scikit-learn.

    A row of weights and an intercept for each class, trained by steps of stochastic gradient
    descent on a few sampled classes each: time and memory of a step do not depend on the number of
    classes, and no batch-by-classes matrix is made. With ``num_sampled`` candidates or fewer in
    all, every step is one of the full softmax, exactly.

    With ``hidden_dim`` there is a linear map between features and softmax, trained with it: for
    sparse rows of many features, such as bags of words, an embedding for each feature (a model
    like fastText's). Scores are then of rank ``hidden_dim``. Without it features are the inputs;
    sparse rows are made dense, a batch at a time, and weights take ``n_classes * n_features``
    numbers.

    It computes in the dtype of X: float32 takes half the memory of float64 and half the time.
    Features should be of similar size, such as those of ``StandardScaler`` or
    ``TfidfVectorizer``; they are used as they come. One label for each example: targets of several
    labels (multilabel, multioutput) are refused.

    Parameters
    ----------
    hidden_dim : int, optional
        The length of the inputs of the softmax, if a linear map makes them; None: features are
        the inputs.
    num_sampled : int, default 1024
        How many candidates a step draws, shared by its batch.
    sampler : {"unigram", "log_uniform", "uniform"}, default "unigram"
        What they are drawn by: counts of the classes to the power 0.75, right whatever the counts
        are; Zipf's law over classes by falling count; all alike.
    optimizer : {"adagrad", "rowwise_adagrad", "adam", "sgd"}, default "adagrad"
        `Adagrad` and `RowwiseAdagrad` (the least state) with an initial accumulator of 1e-8,
        `Adam`, `SGD`. Only touched rows are updated.
    learning_rate : float or callable, default 0.1
        Or a schedule, called with the number of steps taken. 0.1 suits Adagrad; Adam wants about a
        tenth of it.
    weight_decay : float, default 0.0
        As the optimizer has it, on the rows that a step touches: of weights, intercepts and map.
    compute_dtype : {None, "bfloat16"}
        What products of a step are computed in, for X of float32: None, its dtype, or with operands
        rounded to bfloat16, as `SampledSoftmax` does.
    batch_size : int, default 256
        Examples a step.
    max_iter : int, default 200
        The most epochs that `fit` trains for.
    tol : float, optional, default 1e-4
        An epoch is idle if it does not bring the loss (of validation, with ``early_stopping``)
        below the least so far by more than this. None: train for ``max_iter`` epochs.
    n_iter_no_change : int, default 5
        Stop after so many idle epochs in a row.
    early_stopping : bool, default False
        Set examples aside, and measure the exact loss over all classes on them after each epoch.
        Weights end up as they were after the best epoch, of which a copy is kept.
    validation_fraction : float, default 0.1
        The share of examples set aside, drawn at random. Their labels are among the classes even
        if no other example has them.
    class_weight : dict, "balanced" or None, default None
        What the examples of a class count: by label, 1 where it is missing; or
        ``n_samples / (n_classes * count)``, with ``sample_weight`` in the counts.
    random_state : int, RandomState instance or None, default None
        Of the map's start, shuffling, candidates and validation split. Results for an int have
        the same bits at every ``n_jobs``.
    n_jobs : int, optional
        Threads; None: `get_num_threads`, -1: all processors. Products of features with the map,
        and those of prediction, run in SciPy or NumPy, whose threads are their own.
    verbose : bool, default False
        Show progress with tqdm.

    Attributes
    ----------
    classes_ : array, shape [n_classes]
        The labels, sorted.
    n_features_in_ : int
        The number of features.
    n_iter_ : int
        Epochs trained; calls of `partial_fit` count as one each.
    loss_curve_ : list of float
        The mean sampled loss of each epoch's steps, each taken before its update; weighted.
        With fewer candidates than classes it is no estimate of the exact loss.
    validation_loss_curve_ : list of float
        The mean exact loss after each epoch, with ``early_stopping``; else empty.

    Notes
    -----
    Weights of examples are relative: a step minimises the mean over its batch with weights that
    have mean 1 over the call. They also enter the class counts, which sampler and first intercepts
    (the log of frequencies, each class counted once more) are made of. An example of weight zero
    is left out, a whole number is like so many copies (with the full softmax and one batch,
    exactly).

    Ctrl-C during `fit` ends training with a warning; the estimator is fitted as far as it got: it
    predicts, pickles, and trains on with `partial_fit`. Only the step that was interrupted may be
    half done. During `partial_fit`, KeyboardInterrupt is raised, and leaves the same state.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.preprocessing import scale
    >>> import manyclass
    >>> X, y = load_digits(return_X_y=True)
    >>> model = manyclass.SampledSoftmaxClassifier(max_iter=20, tol=None, random_state=0)
    >>> labels, scores = model.fit(scale(X), y).predict_top_k(scale(X)[:2], k=3)
    >>> labels[:, 0]
    array([0, 1])
    """

    def __init__(
        self,
        *,
        hidden_dim: int | None = None,
        num_sampled: int = 1024,
        sampler: str = "unigram",
        optimizer: str = "adagrad",
        learning_rate: LearningRate = 0.1,
        weight_decay: float = 0.0,
        compute_dtype: DTypeLike | None = None,
        batch_size: int = 256,
        max_iter: int = 200,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        class_weight: ClassWeight = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden_dim = hidden_dim
        self.num_sampled = num_sampled
        self.sampler = sampler
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.compute_dtype = compute_dtype
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SampledSoftmaxClassifier:
        """Train from the start.

        Parameters
        ----------
        X : array or sparse matrix, shape [n_samples, n_features]
            The examples. Used where they are if dense or in CSR, of float32 or float64.
        y : array, shape [n_samples]
            Their labels: strings, integers, or whatever sorts. At least two different ones.
        sample_weight : array of float, shape [n_samples], optional
            How much each counts; not negative, not all zero, at most 1e30.

        Returns
        -------
        SampledSoftmaxClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If X or y is not finite, shapes do not fit, there is one class only, a parameter is out
            of range, or the loss is not finite.
        """
        check_parameters(self.get_params(deep=False))
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=[np.float64, np.float32])
        check_labels(y)
        classes, places = np.unique(y, return_inverse=True)
        weights = example_weights(sample_weight, self.class_weight, X, places, classes)
        self._start(X, classes, np.bincount(places, weights, len(classes)))
        examples, validation = self._examples(X, places, weights), None
        if self.early_stopping:
            examples, validation = split(examples, self.validation_fraction, self._state.rng)
        curves = Curves(self.loss_curve_, self.validation_loss_curve_)
        self._trainer().train(examples, validation, curves)
        self.n_iter_ = len(self.loss_curve_)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> SampledSoftmaxClassifier:
        """Train for one epoch on the examples of this call, from where training is.

        The first call numbers the classes by falling count, and sets their intercepts, by its own
        labels; the unigram sampler also counts those of later calls. Several calls with the same
        examples are as many epochs of `fit` (with the full softmax or another sampler, to the
        bit). ``max_iter``, ``tol`` and ``early_stopping`` play no part; a changed
        ``learning_rate`` does, from this call on.

        Parameters
        ----------
        X : array or sparse matrix, shape [n_samples, n_features]
            The examples. After the first call they are computed with in the dtype of that.
        y : array, shape [n_samples]
            Their labels, from ``classes``.
        classes : array, shape [n_classes], optional
            All labels that will come. Needed in the first call, unless `fit` came before.
        sample_weight : array of float, shape [n_samples], optional
            As in `fit`, relative to the others of this call.

        Returns
        -------
        SampledSoftmaxClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            As `fit`; also if ``classes`` is missing in the first call or another than then, y has
            a label that is not among them, or ``class_weight`` is "balanced".
        """
        check_parameters(self.get_params(deep=False))
        first = not self.__sklearn_is_fitted__()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32] if first else self._state.model.weights.dtype,
            reset=first,
        )
        check_labels(y)
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight is {self.class_weight!r}; for partial_fit, which does not know all "
                "counts, it must be a dict or None"
            )
        labels = known_labels(classes, None if first else self.classes_)
        places = places_of(y, labels)
        weights = example_weights(sample_weight, self.class_weight, X, places, labels)
        if first:
            self._start(X, labels, np.bincount(places, weights, len(labels)))
        else:
            self._state.model.prepare_training(self._optimizer_choice(), self.compute_dtype)
            self._state.count(places, weights)
        self.loss_curve_.append(self._trainer().epoch(self._examples(X, places, weights)))
        self.n_iter_ = len(self.loss_curve_)
        return self

    def _start(self, X: Features, classes: Array, counts: Array) -> None:
        """Make an untrained model by the counts of the labels."""
        if len(classes) < 2:
            raise ValueError(f"y has labels of {len(classes)} class; there must be at least 2")
        seed = check_random_state(self.random_state).randint(2**31, size=4, dtype=np.int64)
        rng = np.random.default_rng(seed)
        state = State.start(classes, counts, X, self.get_params(deep=False), rng)
        state.model.prepare_training(self._optimizer_choice(), self.compute_dtype)
        self.classes_, self._state = classes, state
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.n_iter_ = 0

    def _examples(self, X: Features, places: IdArray, weights: NDArray[np.float64]) -> Examples:
        return Examples(X, self._state.numbering.numbers[places], weights).counted()

    def _trainer(self) -> Trainer:
        plan = Plan(
            self.batch_size,
            self.max_iter,
            self.tol,
            self.n_iter_no_change,
            self._num_threads(),
            bool(self.verbose),
        )
        return Trainer(self._state.model, plan, self._state.rng)

    def _optimizer_choice(self) -> OptimizerChoice:
        return OptimizerChoice(self.optimizer, self.learning_rate, self.weight_decay)

    def _num_threads(self) -> int | None:
        if self.n_jobs is None:
            return None
        num_threads: int = effective_n_jobs(as_integer(self.n_jobs, "n_jobs"))
        return min(num_threads, _MOST_THREADS)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
