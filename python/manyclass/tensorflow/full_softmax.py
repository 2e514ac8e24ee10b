"""The exact softmax over all classes, in eager mode and in ``tf.function``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from manyclass import full_softmax as numpy_loss
from manyclass._arrays import Array
from manyclass._scalars import as_integer, as_real
from manyclass.full_softmax_gradient import full_softmax_loss_and_grad
from manyclass.tensorflow._candidates import as_labels
from manyclass.tensorflow._operations import Operation
from manyclass.tensorflow._tensors import FLOATS, as_tensor, call, unconverted
from manyclass.threads import thread_argument


@unconverted
def full_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_true: int = 1,
    *,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
) -> tf.Tensor:
    """Compute the exact softmax cross entropy; gradients flow to weights, biases and inputs.

    `manyclass.full_softmax_loss` for tensors: the batch-by-classes matrix is never in memory,
    neither forward nor backward. The gradients of weights and biases are dense. Tensors and errors
    are as in `sampled_softmax_loss`, but that tables are not cut into shards.

    Returns
    -------
    Tensor, shape [batch]
        In the dtype of inputs.
    """
    columns = as_integer(num_true, "num_true")
    options: dict[str, Any] = {
        "label_smoothing": as_real(label_smoothing, "label_smoothing"),
        "num_threads": num_threads,
    }
    tensors = (
        as_tensor(weights, "weights", FLOATS, 2),
        as_tensor(biases, "biases", FLOATS, 1),
        as_tensor(inputs, "inputs", FLOATS, 2),
        as_labels(labels, "labels", columns),
    )
    _check(*tensors[:3], options)
    attributes = options | {"T": tensors[0].dtype, "num_threads": thread_argument(num_threads)}

    def compute_loss(weights: Array, biases: Array, inputs: Array, ids: Array) -> Sequence[Array]:
        loss = numpy_loss.full_softmax_loss(weights, biases, ids, inputs, columns, **options)
        return [loss]

    def compute_gradients(
        grad_loss: Array, weights: Array, biases: Array, inputs: Array, ids: Array
    ) -> Sequence[Array]:
        return full_softmax_loss_and_grad(
            weights, biases, ids, inputs, columns, **options, grad_loss=grad_loss
        )[1]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def differentiable(*tensors: tf.Tensor) -> Any:
        operation = Operation("ManyclassFullSoftmaxLoss", attributes)
        results = [(tensors[2].dtype, tensors[2].shape[:1])]
        (losses,) = call(compute_loss, operation, tensors, results)

        def gradient(grad_loss: tf.Tensor) -> tuple[Any, ...]:
            operation = Operation("ManyclassFullSoftmaxGradients", attributes)
            results = [(tensor.dtype, tensor.shape) for tensor in tensors[:3]]
            return (*call(compute_gradients, operation, [grad_loss, *tensors], results), None)

        return losses, gradient

    return differentiable(*tensors)


def _check(
    weights: tf.Tensor, biases: tf.Tensor, inputs: tf.Tensor, options: dict[str, Any]
) -> None:
    """Refuse what the function of arrays does, by the loss of no examples."""
    dim = weights.shape[-1] if weights.shape.rank else None
    columns = inputs.shape[-1] if inputs.shape.rank else None
    numpy_loss.full_softmax_loss(
        np.zeros((1, dim or columns or 1), weights.dtype.name),
        np.zeros(1, biases.dtype.name),
        np.zeros((0, 1), np.int64),
        np.zeros((0, columns or dim or 1), inputs.dtype.name),
        **options,
    )
