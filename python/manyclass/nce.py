"""Noise-contrastive estimation and negative sampling: for training."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, Table, as_array
from manyclass._compute_dtype import as_compute_dtype
from manyclass._sampled_arguments import GivenValues, read_arguments, read_options, slices_of
from manyclass._seeds import SeedLike
from manyclass._targets import read_targets
from manyclass.losses import Gradients
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import Sampler


def nce_loss(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: GivenValues | None = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: SeedLike = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: ArrayLike | None = None,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Compute the noise-contrastive loss of each example.

    Each class is told from noise by itself: labels and candidates have a logistic loss, with their
    logits corrected by the log of their expected counts. It is for training only. Arguments are
    those of ``tf.nn.nce_loss``; those after ``name`` are ours.

    Which correction: "all" is noise-contrastive estimation: at the optimum ``exp(logit)`` is the
    probability of a class itself, normalised without a sum over classes. "none" is word2vec's
    negative sampling: the logit becomes ``log(P(class | input) / expected count)``, which serves
    for embeddings but is no model of P. "sampled" leaves the labels' logits alone: candidates whose
    logits lie well below the log of their counts then add up to an unbiased estimate of the sum of
    ``exp(logit)`` over all classes, which the loss holds down.

    Parameters
    ----------
    weights, biases, labels, inputs, num_sampled, num_classes
        As in `sampled_softmax_loss`.
    num_true : int, default 1
        The number of true classes of each example; each has the target 1 / num_true, as in
        TensorFlow, candidates 0. Leave it at 1 for ragged labels.
    sampled_values : SampledValues or tuple of three arrays, optional
        Candidates and their expected counts. By default they are drawn by ``sampler``.
    remove_accidental_hits : bool, default False
        Take candidates that are true classes of an example out of its loss. Of a candidate that
        was drawn several times only the last is taken out, as in TensorFlow, unless
        ``mask_repeats``.
    name : str, optional
        Ignored; for TensorFlow's signature.
    sampler, seed, partition_strategy
        As in `sampled_softmax_loss`.
    log_q_correction : {"all", "sampled", "none"}
        The logits that the log of their expected count is taken off: all, as in TensorFlow, those
        of candidates, or none. Expected counts that are not needed are not read.
    mask_repeats
        As in `sampled_softmax_loss`.
    label_weights : array, shape [batch, num_true] or, for ragged labels, [num_labels], optional
        The target of each label, of the dtype of weights: from 0, as that of a candidate, to 1. By
        default an example's n labels have the target 1 / n each, as in TensorFlow; with ones each
        label is a true class by itself.
    compute_dtype, num_threads
        As in `sampled_softmax_loss`.

    Returns
    -------
    array, shape [batch]
        The sum of ``log(1 + exp(logit)) - target * logit`` over labels and candidates, in the dtype
        of inputs. An example without labels has the candidates alone.

    Raises
    ------
    ValueError, TypeError
        As in `sampled_softmax_loss`; also if a label's weight is above 1.

    Notes
    -----
    There is no label smoothing: targets of ``e / 2`` and ``1 - e / 2`` would bound the odds of a
    class against the noise by ``e / (2 - e)`` from below, and ``exp(logit)`` would be no
    probability any more. A weight below 1 does so for one label, from above.

    References
    ----------
    Gutmann and Hyvarinen 2010, "Noise-contrastive estimation: A new estimation principle for
    unnormalized statistical models"; Mikolov et al. 2013, "Distributed Representations of Words
    and Phrases and their Compositionality", equation 4 (arXiv 1310.4546).
    """
    del name
    arguments = read_arguments(
        weights,
        biases,
        read_targets(labels, num_true, label_weights),
        inputs,
        num_sampled,
        num_classes,
        sampled_values,
        sampler,
        seed,
    )
    return _core.nce_loss(
        *arguments,
        *read_options(
            remove_accidental_hits, mask_repeats, log_q_correction, partition_strategy, num_threads
        ),
        compute_dtype=as_compute_dtype(compute_dtype),
    )


def nce_loss_and_grad(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: GivenValues | None = None,
    remove_accidental_hits: bool = False,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    seed: SeedLike = None,
    partition_strategy: str = "div",
    log_q_correction: str = "all",
    mask_repeats: bool = False,
    label_weights: ArrayLike | None = None,
    compute_dtype: DTypeLike | None = None,
    num_threads: int | None = None,
    grad_loss: ArrayLike | None = None,
) -> tuple[NDArray[Any], Gradients]:
    """Compute the noise-contrastive loss and its gradients.

    All parameters but the last are those of `nce_loss`.

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
        read_targets(labels, num_true, label_weights),
        inputs,
        num_sampled,
        num_classes,
        sampled_values,
        sampler,
        seed,
    )
    loss, weight_slices, bias_slices, grad_inputs, _ = _core.nce_loss_and_grad(
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
