"""The exact softmax over all classes: its gradients, of all rows or of some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, Table, as_array, as_table
from manyclass._scalars import as_integer, as_name
from manyclass._targets import read_targets
from manyclass.losses import Gradients
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument


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
    out: Gradients | None = None,
) -> tuple[NDArray[Any], Gradients]:
    """Compute the exact softmax cross entropy and its gradients.

    All parameters but the last two are those of `full_softmax_loss`. `FullSoftmaxGradient` needs no
    memory for the gradients of all rows.

    Parameters
    ----------
    grad_loss : array, shape [batch], optional
        The gradient of what is minimised with respect to each example's loss; all 1 if None.
    out : Gradients, optional
        Arrays that the gradients overwrite, of the shapes and the dtype of weights and biases
        (lists of them for shards) and of inputs, in memory of their own.

    Returns
    -------
    loss : array, shape [batch]
        In the dtype of inputs.
    gradients : Gradients
        Dense arrays of the shapes of weights, biases (lists of them for shards) and inputs; those
        of ``out`` if it is given.
    """
    tables = as_table(weights, "weights"), as_table(biases, "biases")
    examples = as_array(inputs, "inputs")
    upstream = None if grad_loss is None else as_array(grad_loss, "grad_loss")
    written = None if out is None else _out_arrays(out)
    if written is not None:
        _check_apart(written, (*tables, examples, *([] if upstream is None else [upstream])))
    loss, grad_weights, grad_biases, grad_inputs = _core.full_softmax_loss_and_grad(
        *tables,
        read_targets(labels, num_true, label_weights, label_smoothing),
        examples,
        as_name(partition_strategy, "partition_strategy"),
        thread_argument(num_threads),
        upstream,
        written,
    )
    return loss, Gradients(grad_weights, grad_biases, grad_inputs) if out is None else out


def _out_arrays(out: Gradients) -> tuple[Array | list[Array], Array | list[Array], Array]:
    if not isinstance(out, tuple) or len(out) != 3:
        raise TypeError(f"out is a {type(out).__name__}; it must be a Gradients of three arrays")
    weights, biases, inputs = out
    return (
        as_table(weights, "out.weights"),
        as_table(biases, "out.biases"),
        as_array(inputs, "out.inputs"),
    )


def _check_apart(written: Sequence[Table], read: Sequence[Table]) -> None:
    own, others = _each_array(written), _each_array(read)
    for place, array in enumerate(own):
        for other in (*own[:place], *others):
            if np.may_share_memory(array, other) and np.shares_memory(array, other):
                raise ValueError(
                    "an array of out shares memory with another or with one that is read; "
                    "each needs memory of its own"
                )


def _each_array(tables: Sequence[Table]) -> list[Array]:
    return [a for table in tables for a in (table if isinstance(table, list) else [table])]


class GradientRows(NamedTuple):
    """The gradients of some rows of weights and of their biases."""

    classes: slice
    """Whose rows they are; of weights that are one array, ``weights[classes]``."""
    weights: Array
    """Shape [rows, dim]."""
    biases: Array
    """Shape [rows]."""


class FullSoftmaxGradient:
    """The exact softmax cross entropy and its gradients, some rows of weights at a time.

    Training on the full softmax without memory for the gradient of all rows: iterating gives
    `GradientRows`, each class once. Rows that were given may be updated at once; labels, inputs
    and all other rows must stay what they are until the end.

    Parameters
    ----------
    weights, biases, labels, inputs, num_true, partition_strategy, label_weights, label_smoothing
        As in `full_softmax_loss`.
    grad_loss : array, shape [batch], optional
        The gradient of what is minimised with respect to each example's loss; all 1 if None.
    rows_at_once : int, default 16384
        At most so many rows are given at once; none of two shards.
    num_threads : int, optional
        `get_num_threads` if None.

    Attributes
    ----------
    loss : array, shape [batch]
        In the dtype of inputs.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, or a number or a label is out of range.
    TypeError
        If a dtype is another.

    Examples
    --------
    >>> import manyclass as mc
    >>> import numpy as np
    >>> weights, biases = np.zeros((4, 3)), np.zeros(4)
    >>> gradient = mc.FullSoftmaxGradient(weights, biases, [[2]], np.ones((1, 3)), rows_at_once=2)
    >>> for rows in gradient:
    ...     weights[rows.classes] -= 0.1 * rows.weights
    ...     biases[rows.classes] -= 0.1 * rows.biases
    >>> biases.round(3).tolist(), gradient.inputs.tolist()
    ([-0.025, -0.025, 0.075, -0.025], [[0.0, 0.0, 0.0]])
    """

    def __init__(
        self,
        weights: Table,
        biases: Table,
        labels: ArrayLike | RaggedLabels,
        inputs: ArrayLike,
        num_true: int = 1,
        *,
        partition_strategy: str = "div",
        label_weights: ArrayLike | None = None,
        label_smoothing: float = 0.0,
        grad_loss: ArrayLike | None = None,
        rows_at_once: int = 16384,
        num_threads: int | None = None,
    ) -> None:
        self._rows_at_once = as_integer(rows_at_once, "rows_at_once")
        if self._rows_at_once < 1:
            raise ValueError(f"rows_at_once is {self._rows_at_once}; it must be at least 1")
        self._blocks = _core.full_softmax_row_blocks(
            as_table(weights, "weights"),
            as_table(biases, "biases"),
            read_targets(labels, num_true, label_weights, label_smoothing),
            as_array(inputs, "inputs"),
            as_name(partition_strategy, "partition_strategy"),
            thread_argument(num_threads),
            None if grad_loss is None else as_array(grad_loss, "grad_loss"),
        )
        self.loss = self._blocks.loss

    def __iter__(self) -> Iterator[GradientRows]:
        """Give the gradients of the rows that were not given yet.

        Raises
        ------
        RuntimeError
            If another thread is at it, or an exception such as Ctrl-C has ended it halfway.
        """
        while (rows := self._blocks.next(self._rows_at_once)) is not None:
            first, step, weights, biases = rows
            classes = slice(first, first + (len(biases) - 1) * step + 1, step)
            yield GradientRows(classes, weights, biases)

    @property
    def inputs(self) -> Array:
        """The gradient of inputs, shape [batch, dim]: known when all rows have been given.

        Raises
        ------
        RuntimeError
            Before that.
        """
        if not self._blocks.is_complete:
            raise RuntimeError(
                "the gradient of inputs is the sum over all rows; iterate over them first"
            )
        return self._blocks.grad_inputs
