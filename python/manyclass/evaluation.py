"""The exact softmax over all classes: for evaluation, and for training small layers."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_labels, as_table
from manyclass._scalars import as_name
from manyclass.losses import Gradients
from manyclass.threads import thread_argument


def full_softmax_loss(
    weights: Table,
    biases: Table,
    labels: ArrayLike,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
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
    labels : array of int64, shape [batch, num_true]
        The true classes.
    inputs : array, shape [batch, dim]
        Of the dtype of weights.
    num_true : int, default 1
        The number of true classes of each example; each is a target of 1 / num_true.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    array, shape [batch]
        ``logsumexp(logits) - mean(true logits)``, in the dtype of inputs.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit or a label lies outside [0, num_classes).
    TypeError
        If a dtype is another.
    """
    return _core.full_softmax_loss(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        as_labels(labels, num_true),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
    )


def full_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    labels: ArrayLike,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    partition_strategy: str = "div",
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
        as_labels(labels, num_true),
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
    labels: ArrayLike,
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
    array of int64, shape [batch, num_true]
        1 for the class of the largest logit. Of equal logits the smaller class is ahead. A label
        whose logit is NaN has the last rank, ``num_classes``.
    """
    return _core.label_ranks(
        as_table(weights, "weights"),
        as_table(biases, "biases"),
        as_labels(labels, num_true),
        as_array(inputs, "inputs"),
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
    )
