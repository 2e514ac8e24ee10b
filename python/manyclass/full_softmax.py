"""The exact softmax over all classes: its loss."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, Table, as_array, as_table
from manyclass._compute_dtype import as_compute_dtype
from manyclass._scalars import as_name
from manyclass._targets import read_targets
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


def full_softmax_loss(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Compute the exact softmax cross entropy of each example.

    Classes are streamed in blocks with a running maximum and sum: the batch-by-classes matrix is
    never in memory.

    Parameters
    ----------
    weights : array of float32, float64 or bfloat16, shape [num_classes, dim], or list of such
        A row for each class, used where it lies. A list holds the shards of one table. Rows of
        ``ml_dtypes.bfloat16``, half the memory, go with all else in float32 and are read as the
        float32 that they are.
    biases : array, shape [num_classes], or list of such
        Of the dtype of inputs.
    labels : array of int64, shape [batch, num_true], or RaggedLabels
        The true classes; `RaggedLabels` are any number for each example.
    inputs : array of float32 or float64, shape [batch, dim]
        Of the dtype of weights, or float32 if that is bfloat16.
    num_true : int, default 1
        The number of true classes of each example; 1 for ragged labels.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    label_weights : array, shape [batch, num_true] or, for ragged labels, [num_labels], optional
        The target of each label, of the dtype of inputs: finite, not negative, and of any sum.
        By default an example's n labels have the target 1 / n each.
    label_smoothing : float, default 0.0
        The share, at least 0 and below 1, of an example's targets that all classes have in equal
        parts.
    compute_dtype : "bfloat16", optional
        Products are computed in: that of inputs by default. With "bfloat16" (or
        ``ml_dtypes.bfloat16``), for float32 inputs, both inputs and rows are rounded to it where
        they are multiplied; products, sums and softmax are float32. Faster where the processor has
        instructions for it.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    array, shape [batch]
        ``logsumexp(logits) - mean(true logits)``, unless there are weights or smoothing, in the
        dtype of inputs.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, a label lies outside [0, num_classes), a weight or
        ``label_smoothing`` is out of range, or ``compute_dtype`` is another or comes with float64
        arrays.
    TypeError
        If a dtype is another.

    Notes
    -----
    With targets ``p[i, j]`` of the labels, ``P`` their sum, the smoothing ``e`` and
    ``L = logsumexp(logits of example i)``,

        loss[i] = (1 - e) * sum_j p[i, j] * (L - t[i, j]) + e * P * mean_classes (L - logit)

    where ``t`` are the labels' logits. For targets of the sum 1 this is PyTorch's
    ``CrossEntropyLoss``, with ``label_smoothing`` too. An example whose weights are all 0, and so
    one without labels, has the loss 0 and no gradient.
    """
    return _core.full_softmax_loss(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        read_targets(labels, num_true, label_weights, label_smoothing),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        as_compute_dtype(compute_dtype),
    )
