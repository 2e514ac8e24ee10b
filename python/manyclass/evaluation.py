"""The exact softmax over all classes: for evaluation, and for training small layers."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_table
from manyclass._scalars import as_name
from manyclass._targets import read_targets
from manyclass.losses import Gradients
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
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Compute the exact softmax cross entropy of each example.

    Classes are streamed in blocks with a running maximum and sum: the batch-by-classes matrix is
    never in memory.

    Parameters
    ----------
    weights : array of float32 or float64, shape [num_classes, dim], or list of such
        A row for each class, used where it lies. A list holds the shards of one table.
    biases : array, shape [num_classes], or list of such
        Of the dtype of weights.
    labels : array of int64, shape [batch, num_true], or RaggedLabels
        The true classes; `RaggedLabels` are any number for each example.
    inputs : array, shape [batch, dim]
        Of the dtype of weights.
    num_true : int, default 1
        The number of true classes of each example; 1 for ragged labels.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    label_weights : array, shape [batch, num_true] or, for ragged labels, [num_labels], optional
        The target of each label, of the dtype of weights: finite, not negative, and of any sum.
        By default an example's n labels have the target 1 / n each.
    label_smoothing : float, default 0.0
        The share, at least 0 and below 1, of an example's targets that all classes have in equal
        parts.
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
        If shapes or layouts do not fit, a label lies outside [0, num_classes), or a weight or
        ``label_smoothing`` is out of range.
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
    )


def full_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
    grad_loss: ArrayLike | None = None,
) -> tuple[NDArray[Any], Gradients]:
    """Compute the exact softmax cross entropy and its gradients.

    All parameters but the last are those of `full_softmax_loss`.

    Parameters
    ----------
    grad_loss : array, shape [batch], optional
        The gradient of what is minimised with respect to each example's loss; all 1 if None.

    Returns
    -------
    loss : array, shape [batch]
        In the dtype of inputs.
    gradients : Gradients
        Dense arrays of the shapes of weights, biases (lists of them for shards) and inputs.
    """
    weight_table = as_table(weights, "weights")
    bias_table = as_table(biases, "biases")
    loss, weight_grads, bias_grads, grad_inputs = _core.full_softmax_loss_and_grad(
        weight_table,
        bias_table,
        read_targets(labels, num_true, label_weights, label_smoothing),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        None if grad_loss is None else as_array(grad_loss, "grad_loss"),
    )
    return loss, Gradients(
        weight_grads if isinstance(weight_table, list) else weight_grads[0],
        bias_grads if isinstance(bias_table, list) else bias_grads[0],
        grad_inputs,
    )


def label_ranks(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
    num_threads: int | None = None,
) -> IdArray:
    """Compute the rank of each true class among all classes.

    Parameters are those of `full_softmax_loss`.

    Returns
    -------
    array of int64, shape [batch, num_true] or, for ragged labels, [num_labels]
        1 for the class of the largest logit. Of equal logits the smaller class is ahead. A label
        whose logit is NaN has the last rank, ``num_classes``.
    """
    return _core.label_ranks(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        read_targets(labels, num_true),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
    )
