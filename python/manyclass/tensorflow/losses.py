"""TensorFlow's sampled losses, argument for argument, in eager mode and in ``tf.function``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from manyclass._arrays import Array
from manyclass._sampled_arguments import check_sampler
from manyclass._scalars import as_flag, as_integer, as_real
from manyclass.losses import Gradients, sampled_softmax_loss_and_grad
from manyclass.nce import nce_loss_and_grad
from manyclass.samplers import LogUniformSampler, Sampler
from manyclass.tensorflow import _step_rows
from manyclass.tensorflow._candidates import as_labels, op_seeds
from manyclass.tensorflow._operations import Operation
from manyclass.tensorflow._step_rows import StepRows
from manyclass.tensorflow._tensors import FLOATS, IDS, as_tensor, call, check_dtype, unconverted
from manyclass.threads import thread_argument

# A loss and its gradients, of arrays.
LossAndGrad = Callable[..., tuple[Array, Gradients]]


@unconverted
def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: int | None = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_smoothing: float = 0.0,
    num_threads: int | None = None,
) -> tf.Tensor:
    """Compute the sampled softmax loss; gradients flow to weights, biases and inputs.

    ``tf.nn.sampled_softmax_loss`` with the bits of `manyclass.sampled_softmax_loss`, which tells
    what the parameters after ``name`` mean. TensorFlow gathers the rows of labels and candidates:
    the gradients of weights and biases are ``tf.IndexedSlices`` with each touched row once, in
    ascending order, and a step costs what its batch costs, whatever the number of classes.

    Parameters
    ----------
    weights : Variable or Tensor of float32 or float64, shape [num_classes, dim], or list of such
        A list holds the shards of one table.
    biases : Variable or Tensor, shape [num_classes], or list of such
        Of the dtype of weights.
    labels : Tensor of int64 or int32, shape [batch, num_true]
        The true classes.
    inputs : Tensor, shape [batch, dim]
        Of the dtype of weights.
    num_sampled, num_classes, num_true, remove_accidental_hits
        As in `manyclass.sampled_softmax_loss`.
    sampled_values : tuple of three Tensors, optional
        Candidates and their expected counts, of a sampler of TensorFlow or of
        `manyclass.tensorflow`. By default they are drawn.
    seed : int, optional
        As in `log_uniform_candidate_sampler`, which draws by default.
    sampler : Sampler, optional
        Draws instead; its stream goes on.

    Returns
    -------
    Tensor, shape [batch]
        In the dtype of inputs.

    Raises
    ------
    ValueError, TypeError
        If a shape, a number or a dtype does not fit.
    tf.errors.InvalidArgumentError
        If a class is out of range, and in a graph also for what is found when it runs.
    """
    del name
    arguments = _read(weights, biases, labels, inputs, num_sampled, num_classes, num_true)
    proposal = num_sampled, num_classes, sampled_values, sampler, seed
    options = {
        "remove_accidental_hits": remove_accidental_hits,
        "mask_repeats": mask_repeats,
        "log_q_correction": log_q_correction,
        "label_smoothing": label_smoothing,
        "num_threads": num_threads,
    }
    return _loss(sampled_softmax_loss_and_grad, arguments, options, proposal, partition_strategy)


@unconverted
def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: int | None = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    num_threads: int | None = None,
) -> tf.Tensor:
    """Compute the noise-contrastive loss; gradients flow to weights, biases and inputs.

    ``tf.nn.nce_loss`` with the losses and gradients of `manyclass.nce_loss`, which tells what the
    parameters after ``name`` mean; what holds for tensors and errors is told by
    `sampled_softmax_loss`.

    Returns
    -------
    Tensor, shape [batch]
        In the dtype of inputs.
    """
    del name
    arguments = _read(weights, biases, labels, inputs, num_sampled, num_classes, num_true)
    proposal = num_sampled, num_classes, sampled_values, sampler, seed
    options = {
        "remove_accidental_hits": remove_accidental_hits,
        "mask_repeats": mask_repeats,
        "log_q_correction": log_q_correction,
        "num_threads": num_threads,
    }
    return _loss(nce_loss_and_grad, arguments, options, proposal, partition_strategy)


class _Arguments(NamedTuple):
    weights: list[Any]
    biases: list[Any]
    labels: tf.Tensor
    inputs: tf.Tensor


def _read(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
) -> _Arguments:
    as_integer(num_sampled, "num_sampled")
    shards, offsets = _shards(weights, "weights", 2), _shards(biases, "biases", 1)
    rows, ends = ([shard.shape[0] for shard in table] for table in (shards, offsets))
    number = as_integer(num_classes, "num_classes")
    if None not in rows and not 1 <= number <= sum(rows):
        raise ValueError(
            f"num_classes is {number}; it must be at least 1 and at most the {sum(rows)} rows of "
            "weights"
        )
    if None not in (*rows, *ends) and sum(rows) != sum(ends):
        raise ValueError(f"biases has {sum(ends)} entries, weights has {sum(rows)} rows")
    ids = as_labels(labels, "labels", as_integer(num_true, "num_true"))
    examples = as_tensor(inputs, "inputs", FLOATS, 2)
    if not ids.shape[:1].is_compatible_with(examples.shape[:1]):
        raise ValueError(f"labels has {ids.shape[0]} rows, inputs has {examples.shape[0]}")
    return _Arguments(shards, offsets, ids, examples)


def _shards(table: Any, name: str, rank: int) -> list[Any]:
    """Return variables as they are, to gather from without reading all of them."""
    shards = list(table) if isinstance(table, list | tuple) else [table]
    for shard in shards:
        if not hasattr(shard, "dtype"):
            raise TypeError(
                f"{name} is a {type(shard).__name__}; it must be a tf.Variable or a tensor"
            )
        check_dtype(shard, name, FLOATS)
        if tf.TensorShape(shard.shape).rank not in (None, rank):
            raise ValueError(f"{name} has shape {list(shard.shape)}; it must have rank {rank}")
    return shards


def _loss(
    loss: LossAndGrad,
    given: _Arguments,
    options: dict[str, Any],
    proposal: tuple[int, int, Any, Sampler | None, Any],
    partition_strategy: str,
) -> tf.Tensor:
    _check(loss, given, options, partition_strategy)
    rows = _rows(given, *proposal)
    tables = _gathered(given, rows.classes, partition_strategy)
    return _differentiable(loss, options)(*tables, given.inputs, *rows[1:])


def _check(
    loss: LossAndGrad, given: _Arguments, options: dict[str, Any], partition_strategy: str
) -> None:
    """Refuse what the function of arrays does, by the loss of no examples: nothing is drawn yet."""
    weights, biases, inputs = given.weights[0], given.biases[0], given.inputs
    dim = weights.shape[1] or inputs.shape[1] or 0
    loss(
        np.zeros((1, dim), weights.dtype.name),
        np.zeros(1, biases.dtype.name),
        np.zeros((0, 1), np.int64),
        np.zeros((0, inputs.shape[1] or dim), inputs.dtype.name),
        *(0, 1, 1, (np.zeros(0, np.int64), np.zeros((0, 1)), np.zeros(0))),
        **options,
        partition_strategy=partition_strategy,
    )


def _rows(
    step: _Arguments,
    num_sampled: int,
    num_classes: int,
    values: Any,
    sampler: Sampler | None,
    seed: Any,
) -> StepRows:
    if values is not None:
        if sampler is not None:
            raise ValueError("sampled_values and sampler are both given; only one may be")
        return _step_rows.given(_given(values), step.labels)
    if sampler is None:
        sampler = LogUniformSampler(num_classes, seed=op_seeds(seed))
    else:
        check_sampler(sampler, num_classes)
    return _step_rows.drawn(sampler, step.labels, step.inputs, num_sampled)


def _given(values: Any) -> tuple[tf.Tensor, ...]:
    if not isinstance(values, tuple | list) or len(values) != 3:
        raise TypeError(
            "sampled_values must be a tuple of three tensors (sampled_candidates, "
            f"true_expected_count, sampled_expected_count), got {type(values).__name__}"
        )
    return (
        tf.cast(as_tensor(values[0], "sampled_candidates", IDS, 1), tf.int64),
        as_tensor(values[1], "true_expected_count", FLOATS, 0, 1, 2),
        as_tensor(values[2], "sampled_expected_count", FLOATS, 1),
    )


def _gathered(given: _Arguments, classes: tf.Tensor, strategy: str) -> tuple[tf.Tensor, tf.Tensor]:
    weights, biases = (
        tf.gather(shards[0], classes)
        if len(shards) == 1
        else tf.compat.v1.nn.embedding_lookup(shards, classes, partition_strategy=strategy)
        for shards in (given.weights, given.biases)
    )
    return weights, biases


def _differentiable(loss: LossAndGrad, options: dict[str, Any]) -> Callable[..., tf.Tensor]:
    """Return a function of rows, inputs, labels and candidates with its gradient."""

    def arguments(
        weights: Array, biases: Array, inputs: Array, labels: Array, *sampled: Array
    ) -> tuple[Any, ...]:
        shape = labels.shape[1]
        return (
            *(weights, biases, labels, inputs, len(sampled[0]), max(len(weights), 1), shape),
            sampled,
        )

    def compute(*arrays: Array) -> Sequence[Array]:
        losses, gradients = loss(*arguments(*arrays), **options)
        return [losses, *_dense(gradients)]

    def compute_gradients(grad_loss: Array, *arrays: Array) -> Sequence[Array]:
        # A sum or a mean over the batch has one factor for all; else there is a second pass.
        factor = grad_loss[:1].sum()
        if (grad_loss == factor).all():
            return [factor * gradient for gradient in arrays[:3]]
        return _dense(loss(*arguments(*arrays[3:]), **options, grad_loss=grad_loss)[1])

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def differentiable(*tensors: tf.Tensor) -> Any:
        attributes = _attributes(loss, tensors, **options)
        results = [(tensor.dtype, tensor.shape) for tensor in tensors[:3]]
        losses, *gradients = call(
            compute,
            Operation("ManyclassSampledLoss", attributes),
            tensors,
            [(tensors[2].dtype, tensors[2].shape[:1]), *results],
        )

        def gradient(grad_loss: tf.Tensor) -> tuple[Any, ...]:
            operation = Operation("ManyclassSampledLossGradients", attributes)
            given = [grad_loss, *gradients, *tensors]
            return (*call(compute_gradients, operation, given, results), *[None] * 4)

        return losses, gradient

    return differentiable  # type: ignore[no-any-return]


def _attributes(
    loss: LossAndGrad,
    tensors: Sequence[tf.Tensor],
    *,
    remove_accidental_hits: bool,
    mask_repeats: bool,
    log_q_correction: str,
    num_threads: int | None,
    label_smoothing: float = 0.0,
) -> dict[str, Any]:
    return {
        "loss": loss.__name__.removesuffix("_and_grad"),
        "T": tensors[0].dtype,
        "TrueCount": tensors[5].dtype,
        "SampledCount": tensors[6].dtype,
        "remove_accidental_hits": as_flag(remove_accidental_hits, "remove_accidental_hits"),
        "mask_repeats": as_flag(mask_repeats, "mask_repeats"),
        "log_q_correction": log_q_correction,
        "label_smoothing": as_real(label_smoothing, "label_smoothing"),
        "num_threads": thread_argument(num_threads),
    }


def _dense(gradients: Gradients) -> Sequence[Array]:
    """Return gradients of all rows, which each stand for a label or a candidate."""
    weights, biases, inputs = gradients
    if len(weights.indices) == weights.dense_shape[0]:
        return [weights.values, biases.values, inputs]
    return [weights.to_dense(), biases.to_dense(), inputs]
