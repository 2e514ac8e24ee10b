"""The exact softmax over all classes, with autograd."""

from __future__ import annotations

from torch import Tensor

from manyclass._scalars import as_real
from manyclass.ragged_labels import RaggedLabels
from manyclass.threads import thread_argument
from manyclass.torch import _full_operator
from manyclass.torch._targets import check_reduction, read_labels
from manyclass.torch._tensors import FLOATS, check_optional, check_tensor


def full_softmax_loss(
    weights: Tensor,
    biases: Tensor | None,
    labels: Tensor | RaggedLabels,
    inputs: Tensor,
    num_true: int = 1,
    *,
    label_weights: Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "none",
    num_threads: int | None = None,
) -> Tensor:
    """Compute the exact softmax cross entropy; gradients flow to weights, biases and inputs.

    `manyclass.full_softmax_loss` on tensors, which tells what the other parameters mean: the
    batch-by-classes matrix is never in memory, neither forward nor backward. The gradients of
    weights and biases are dense.

    Parameters
    ----------
    weights, biases, labels, inputs
        As in `sampled_softmax_loss`.
    reduction : {"none", "mean", "sum"}
        What is returned: the loss of each example, or their mean or sum.

    Returns
    -------
    Tensor
        Shape [batch], or [] if reduced, in the dtype of inputs.

    Raises
    ------
    ValueError, TypeError
        As in `sampled_softmax_loss`.
    """
    check_tensor(weights, "weights", FLOATS, has_gradient=True)
    check_optional(biases, "biases", (weights.dtype,), has_gradient=True)
    check_tensor(inputs, "inputs", (weights.dtype,), has_gradient=True)
    check_optional(label_weights, "label_weights", (weights.dtype,))
    check_reduction(reduction)
    ids, row_splits, label_weights = read_labels(labels, num_true, label_weights)
    loss = _full_operator.apply(
        *(weights, biases, ids, row_splits, label_weights, inputs),
        *(as_real(label_smoothing, "label_smoothing"), thread_argument(num_threads)),
    )
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
