"""The labels of a batch as its candidates, and how often classes occur in a stream of labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, as_array, as_ids, as_some_ids
from manyclass._scalars import as_flag, as_integer, as_real
from manyclass._states import as_state, check_entries
from manyclass.samplers import SampledValues, as_weights


class StreamingFrequencies:
    """Counts how often each class occurs, batch by batch, and may forget.

    Exact counts of the labels seen, as shares of their total. With a half-life, a label counts
    ``2**(-age / half_life)``, age being the number of labels that came since its batch: the
    estimate follows what is popular now. A step costs what its batch costs, whatever the number of
    classes; the table takes 8 bytes a class, 16 with a half-life.

    Yi et al. estimate the same numbers in a hashed table, from the average distance between a
    class's appearances, because their items have no table and no fixed number. Here every class
    already has a row of weights of 4 * dim bytes. A count of its own beside it costs little, is
    unbiased from the first batch on, has no collisions (which make rare classes look frequent,
    just those that log-Q matters most for) and counts a class that comes twice in a batch twice.
    Identifiers without a fixed number can be hashed to classes before they come here.

    Parameters
    ----------
    num_classes : int
        At least 1.
    half_life : float, optional
        In labels, above zero. None forgets nothing: right for a fixed data set.
    counts : array of float or int, shape [num_classes], optional
        Counts to begin with, as if so many labels had just been seen: those of an earlier run, or
        ones for Laplace's smoothing. Copied.

    Raises
    ------
    ValueError
        If ``num_classes`` or ``half_life`` is not above zero, or a count is negative or not
        finite, or there is not one for each class.

    References
    ----------
    Yi, Yang, Hong, Cheng, Heldt, Kumthekar, Zhao, Wei and Chi 2019, "Sampling-Bias-Corrected
    Neural Modeling for Large Corpus Item Recommendations", section 4.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        half_life: float | None = None,
        counts: ArrayLike | None = None,
    ) -> None:
        size = as_integer(num_classes, "num_classes")
        life = _as_half_life(half_life)
        if counts is None:
            self._core = _core.StreamingFrequencies(size, life)
            return
        given = as_weights(counts, "counts")
        if given.ndim == 1 and len(given) != size:
            raise ValueError(f"num_classes is {size}, counts has {len(given)} entries")
        self._core = _core.StreamingFrequencies(given, life, "counts")

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._core.num_classes

    @property
    def num_labels(self) -> int:
        """How many labels `update` has seen."""
        return self._core.num_labels

    def update(self, labels: ArrayLike) -> None:
        """Count the labels of a batch.

        Parameters
        ----------
        labels : array of int64, shape [batch, num_true] or [batch]
            They count as seen at once.

        Raises
        ------
        ValueError
            If a label lies outside [0, num_classes). Nothing is counted.
        TypeError
            If ``labels`` is not int64.
        """
        ids = as_ids(labels, "labels")
        self._core.update(ids[:, None] if ids.ndim == 1 else ids)

    def probability(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Return the share of each class in all labels, those before long weighing less.

        Parameters
        ----------
        ids : array of int64, any shape
            Classes.

        Returns
        -------
        array of float64, the shape of ids
            They sum to 1 over all classes; all are 0 as long as nothing was counted.

        Raises
        ------
        ValueError
            If an id lies outside [0, num_classes).
        """
        classes = as_some_ids(ids, "ids")
        return self._core.probability(classes.reshape(-1)).reshape(classes.shape)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to continue with the same bits."""
        counts, seen_at, total, num_labels = self._core.state()
        return {
            "num_classes": self.num_classes,
            "half_life": self._core.half_life,
            "counts": counts,
            "seen_at": seen_at,
            "total": total,
            "num_labels": num_labels,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was called.

        Raises
        ------
        ValueError
            If the state is of another number of classes or half-life, or is no state.
        TypeError
            If it is no dict, or an entry is of another type or dtype.
        """
        mine = {"num_classes": self.num_classes, "half_life": self._core.half_life}
        check_entries(as_state(state), mine, "this")
        missing = {"counts", "seen_at", "total", "num_labels"} - state.keys()
        if missing:
            raise ValueError(f"state has no {', '.join(sorted(missing))}")
        self._core.set_state(
            as_array(state["counts"], 'state["counts"]'),
            as_array(state["seen_at"], 'state["seen_at"]'),
            as_real(state["total"], 'state["total"]'),
            as_integer(state["num_labels"], 'state["num_labels"]'),
        )


class InBatchSampler:
    """Makes the labels of a batch its candidates, with the expected counts that correct for it.

    Nothing is drawn: what other examples are labelled with stands in for all classes, as
    recommenders train two-tower models. Popular classes are then candidates far more often than
    others, and without log-Q correction the model learns to put them down.

    Each class among the labels is a candidate once, in ascending order. A class that several rows
    are labelled with would be no better estimate if it came as often, and the losses take only the
    last copy of a repeated candidate out as an accidental hit: its others would stay among the
    negatives of the very rows they are true for.

    The expected count of a class of frequency p is ``1 - (1 - p)**n`` with the number
    ``n = (batch - 1) * num_true`` of labels of the *other* rows, taken as independent: a row's own
    labels are no negatives of that row, being taken out, so what it can meet is what the others
    have. With ``log_q_correction="sampled"`` this makes each row's estimate of the partition
    function unbiased. For small p it is ``n * p``, Yi's ``log p`` but for a constant, which "all"
    cancels. A batch of one row has no negatives; its counts are those of n = num_true.

    Parameters
    ----------
    frequencies : StreamingFrequencies or array of float or int, shape [num_classes]
        An estimator that learns from each batch, or how often each class occurs among labels: any
        multiple of its probability. An array is copied.

    Raises
    ------
    ValueError
        If a frequency is negative or not finite.

    References
    ----------
    Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
    Recommendations", section 3.

    Examples
    --------
    >>> import manyclass as mc
    >>> import numpy as np
    >>> sampler = mc.InBatchSampler(mc.StreamingFrequencies(1000))
    >>> labels = np.array([[7], [3], [7]])
    >>> values = sampler.sample(labels)
    >>> values.sampled_candidates.tolist()
    [3, 7]
    >>> weights, biases, inputs = np.zeros((1000, 4)), np.zeros(1000), np.ones((3, 4))
    >>> loss = mc.sampled_softmax_loss(
    ...     weights, biases, labels, inputs, len(values.sampled_candidates), 1000,
    ...     sampled_values=values,
    ... )
    """

    def __init__(self, frequencies: StreamingFrequencies | ArrayLike) -> None:
        self._learns = isinstance(frequencies, StreamingFrequencies)
        if isinstance(frequencies, StreamingFrequencies):
            self._frequencies = frequencies._core
        else:
            self._frequencies = _core.StreamingFrequencies(
                as_weights(frequencies, "frequencies"), math.inf, "frequencies"
            )

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._frequencies.num_classes

    def sample(self, true_classes: ArrayLike, *, update: bool = True) -> SampledValues:
        """Return the labels of a batch as candidates.

        Parameters
        ----------
        true_classes : array of int64, shape [batch, num_true]
            The labels.
        update : bool, default True
            Let `StreamingFrequencies` count these labels first, so that none has the frequency
            zero. False for batches that nothing should be learned from. An array of frequencies
            never changes.

        Returns
        -------
        SampledValues
            For a loss with ``num_sampled=len(sampled_candidates)``. Counts are float32.

        Raises
        ------
        ValueError
            If a label lies outside [0, num_classes) or has the frequency zero, or if
            ``true_classes`` has another rank. Nothing is learned.
        TypeError
            If ``true_classes`` is not int64.
        """
        labels = as_ids(true_classes, "true_classes")
        return SampledValues(
            *_core.in_batch_candidates(
                labels, self._frequencies, as_flag(update, "update") and self._learns
            )
        )


def _as_half_life(half_life: float | None) -> float:
    if half_life is None:
        return math.inf
    if isinstance(half_life, bool) or not isinstance(
        half_life, int | float | np.integer | np.floating
    ):
        raise TypeError(f"half_life is {half_life!r}; it must be a number or None")
    return float(half_life)
