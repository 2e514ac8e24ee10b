"""The softmax over a few sampled classes: for training."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, Table, as_array
from manyclass._compute_dtype import as_compute_dtype
from manyclass._sampled_arguments import GivenValues, read_arguments, read_options, slices_of
from manyclass._seeds import SeedLike
from manyclass._targets import read_targets
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import Sampler


class Gradients(NamedTuple):
    """The gradients of a loss, one field for each array that has one.

    For a list of shards a field is a list. Sampled losses give `IndexedSlices` for weights and
    biases, the full softmax gives arrays.
    """

    weights: Any
    """Of the shape of weights."""
    biases: Any
    """Of the shape of biases."""
    inputs: Array
    """Shape [batch, dim]."""


def sampled_softmax_loss(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: GivenValues | None = None,
    remove_accidental_hits: bool = True,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Compute the sampled softmax loss of each example.

    The softmax runs over the example's labels and the candidates, whose logits are corrected by
    the log of their expected counts. It is for training only. Arguments are those of
    ``tf.nn.sampled_softmax_loss``; those after ``name`` are ours.

    Which correction: "all" takes log Q off every logit, so that a model trained to the optimum has
    the logits of the full softmax, whatever Q is; the loss itself is that of telling the label from
    the candidates and is no estimate of the full loss. "sampled" is importance sampling: the sum of
    exponentials estimates the full softmax's without bias (by expected counts that are exact, with
    all hits removed), so that the loss estimates the full loss, from below on average; its gradient
    varies more where Q is small. "none" learns logits that are off by log Q: right if Q is uniform,
    or if frequent classes are to be held down.

    Parameters
    ----------
    weights : array of float32, float64 or bfloat16, shape [num_classes, dim], or list of such
        A row for each class, used where it lies: rows must be contiguous, their stride is free. A
        list holds the shards of one table. Rows of bfloat16 (``ml_dtypes.bfloat16``) are read as
        float32; what is to be of the dtype of weights is float32 beside them.
    biases : array, shape [num_classes], or list of such
        Of the dtype of weights.
    labels : array of int64, shape [batch, num_true], or RaggedLabels
        The true classes; `RaggedLabels` are any number for each example.
    inputs : array, shape [batch, dim]
        Of the dtype of weights.
    num_sampled : int
        The number of candidates, shared by the batch.
    num_classes : int
        Candidates and labels are drawn from [0, num_classes). Weights may have more rows.
    num_true : int, default 1
        The number of true classes of each example; 1 for ragged labels.
    sampled_values : SampledValues or tuple of three arrays, optional
        Candidates and their expected counts. By default they are drawn by ``sampler``.
    remove_accidental_hits : bool, default True
        Take candidates that are true classes of an example out of its softmax. Of a candidate
        that was drawn several times only the last is taken out, as in TensorFlow, unless
        ``mask_repeats``.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the sampler's stream starts. The default sampler takes fresh entropy if None.
    name : str, optional
        Ignored; for TensorFlow's signature.
    sampler : Sampler, optional
        Draws the candidates, without repetition. The default is a fresh `LogUniformSampler`,
        right if classes are numbered by falling frequency.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards. TensorFlow's ``tf.compat.v1.nn`` defaults to "mod".
    log_q_correction : {"all", "sampled", "none"}
        The logits that the log of their expected count is taken off: all, as in TensorFlow, those
        of candidates, or none. Expected counts that are not needed are not read.
    mask_repeats : bool, default False
        Take every copy of a repeated candidate out where it is a hit. Needs
        ``remove_accidental_hits``.
    label_weights : array, shape [batch, num_true] or, for ragged labels, [num_labels], optional
        The target of each label, of the dtype of weights: finite, not negative, and of any sum.
        By default an example's n labels have the target 1 / n each.
    label_smoothing : float, default 0.0
        The share, at least 0 and below 1, of an example's targets that all terms of its softmax
        have in equal parts.
    compute_dtype : "bfloat16", optional
        Products are computed in: that of the arrays by default. With "bfloat16" (or
        ``ml_dtypes.bfloat16``), for float32 arrays, inputs, the rows of candidates and labels, and
        the derivatives by logits are rounded to it where they are multiplied with each other;
        sums, softmax, and gradients are float32, and weights stay as they are. Faster where the
        processor has instructions for it.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    array, shape [batch]
        ``logsumexp(logits) - mean(true logits)`` of each example, unless there are weights or
        smoothing, in the dtype of inputs.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, a label or a candidate is out of range, an expected count
        that is needed is not above zero, a weight or ``label_smoothing`` is out of range,
        ``mask_repeats`` comes without ``remove_accidental_hits``, or ``compute_dtype`` is another
        or comes with float64 arrays. Nothing is drawn.
    TypeError
        If a dtype is another.

    Notes
    -----
    The terms of example i are the logits of its labels, ``t[i, j]``, and of the candidates that
    are not taken out, ``u[i, k]``: m in all. With targets ``p[i, j]`` of the sum ``P``, the
    smoothing ``e`` and ``L = logsumexp(terms)``,

        loss[i] = (1 - e) * sum_j p[i, j] * (L - t[i, j]) + e * P / m * sum_terms (L - term)

    Weights are used as they are, as PyTorch's probabilities of classes are: an example whose
    weights are all 0, and so one without labels, has the loss 0 and no gradient. But a label of
    weight 0 is still a term, to be pushed down.

    A candidate that is taken out, or whose logit is minus infinity, is no term: its target is 0
    and its share goes to the terms that remain. Since candidates come from Q, smoothing draws the
    model towards Q, not towards the uniform distribution: with "all" and many candidates, to
    ``(1 - e) * P(class | input) + e * Q(class)``.

    References
    ----------
    Jean, Cho, Memisevic and Bengio 2014, "On Using Very Large Target Vocabulary for Neural
    Machine Translation", section 3 (arXiv 1412.2007); TensorFlow's "Candidate Sampling
    Algorithms Reference".
    """
    del name
    arguments = read_arguments(
        weights,
        biases,
        read_targets(labels, num_true, label_weights, label_smoothing),
        inputs,
        num_sampled,
        num_classes,
        sampled_values,
        sampler,
        seed,
    )
    return _core.sampled_softmax_loss(
        *arguments,
        *read_options(
            remove_accidental_hits, mask_repeats, log_q_correction, partition_strategy, num_threads
        ),
        compute_dtype=as_compute_dtype(compute_dtype),
    )


def sampled_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: GivenValues | None = None,
    remove_accidental_hits: bool = True,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: ArrayLike | None = None,
    label_smoothing: float = 0.0,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
    grad_loss: ArrayLike | None = None,
) -> tuple[NDArray[Any], Gradients]:
    """Compute the sampled softmax loss and its gradients.

    All parameters but the last are those of `sampled_softmax_loss`.

    Parameters
    ----------
    grad_loss : array, shape [batch], optional
        The gradient of what is minimised with respect to each example's loss: all 1 for their
        sum (the default), ``1 / batch`` for their mean.

    Returns
    -------
    loss : array, shape [batch]
        In the dtype of inputs.
    gradients : Gradients
        ``weights`` and ``biases`` as `IndexedSlices` with each touched row once (a list of them
        for shards, rows numbered within the shard), ``inputs`` as an array. Expected counts are
        constants: nothing flows through them.
    """
    del name
    arguments = read_arguments(
        weights,
        biases,
        read_targets(labels, num_true, label_weights, label_smoothing),
        inputs,
        num_sampled,
        num_classes,
        sampled_values,
        sampler,
        seed,
    )
    loss, weight_slices, bias_slices, grad_inputs, _ = _core.sampled_softmax_loss_and_grad(
        *arguments,
        *read_options(
            remove_accidental_hits, mask_repeats, log_q_correction, partition_strategy, num_threads
        ),
        None if grad_loss is None else as_array(grad_loss, "grad_loss"),
        compute_dtype=as_compute_dtype(compute_dtype),
    )
    return loss, Gradients(
        slices_of(arguments.weights, weight_slices),
        slices_of(arguments.biases, bias_slices),
        grad_inputs,
    )
