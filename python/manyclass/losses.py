"""Losses over a few sampled classes: for training."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import Array, ArrayLike, IdArray, Table, as_array, as_ids, as_table
from manyclass._integers import as_integer
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.indexed_slices import IndexedSlices
from manyclass.samplers import LogUniformSampler, SampledValues, Sampler
from manyclass.threads import thread_argument


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
    labels: ArrayLike,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: SampledValues | tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    remove_accidental_hits: bool = True,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    partition_strategy: str = "div",
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Compute the sampled softmax loss of each example.

    The softmax runs over the example's labels and the candidates, whose logits are corrected by
    the log of their expected counts. It is for training only: it estimates the full loss, usually
    from below. Arguments are those of ``tf.nn.sampled_softmax_loss``; those after ``name`` are
    ours.

    Parameters
    ----------
    weights : array of float32 or float64, shape [num_classes, dim], or list of such
        A row for each class, used where it lies: rows must be contiguous, their stride is free. A
        list holds the shards of one table.
    biases : array, shape [num_classes], or list of such
        Of the dtype of weights.
    labels : array of int64, shape [batch, num_true]
        The true classes.
    inputs : array, shape [batch, dim]
        Of the dtype of weights.
    num_sampled : int
        The number of candidates, shared by the batch.
    num_classes : int
        Candidates and labels are drawn from [0, num_classes). Weights may have more rows.
    num_true : int, default 1
        The number of true classes of each example; each is a target of 1 / num_true.
    sampled_values : SampledValues or tuple of three arrays, optional
        Candidates and their expected counts. By default they are drawn by ``sampler``.
    remove_accidental_hits : bool, default True
        Take candidates that are true classes of an example out of its softmax. Of a candidate
        that was drawn several times only the last is taken out, as in TensorFlow.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the sampler's stream starts. The default sampler takes fresh entropy if None.
    name : str, optional
        Ignored; for TensorFlow's signature.
    sampler : Sampler, optional
        Draws the candidates, without repetition. The default is a fresh `LogUniformSampler`,
        right if classes are numbered by falling frequency.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards. TensorFlow's ``tf.compat.v1.nn`` defaults to "mod".
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    array, shape [batch]
        ``logsumexp(logits) - mean(true logits)`` of each example, in the dtype of inputs.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, a label or a candidate is out of range, or an expected
        count is not above zero.
    TypeError
        If a dtype is another.

    References
    ----------
    Jean, Cho, Memisevic and Bengio 2014, "On Using Very Large Target Vocabulary for Neural
    Machine Translation", section 3 (arXiv 1412.2007); TensorFlow's "Candidate Sampling
    Algorithms Reference".
    """
    del name
    targets = _labels(labels, num_true)
    tables = _tables(weights, biases, num_classes)
    candidates = _candidates(sampled_values, sampler, seed, num_sampled, num_classes)
    return _core.sampled_softmax_loss(
        *tables,
        targets,
        as_array(inputs, "inputs"),
        candidates,
        remove_accidental_hits,
        partition_strategy,
        thread_argument(num_threads),
    )


def sampled_softmax_loss_and_grad(
    weights: Table,
    biases: Table,
    labels: ArrayLike,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: SampledValues | tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    remove_accidental_hits: bool = True,
    seed: SeedLike = None,
    name: str | None = None,
    *,
    sampler: Sampler | None = None,
    partition_strategy: str = "div",
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
    targets = _labels(labels, num_true)
    weight_table, bias_table = _tables(weights, biases, num_classes)
    candidates = _candidates(sampled_values, sampler, seed, num_sampled, num_classes)
    loss, weight_slices, bias_slices, grad_inputs = _core.sampled_softmax_loss_and_grad(
        weight_table,
        bias_table,
        targets,
        as_array(inputs, "inputs"),
        candidates,
        remove_accidental_hits,
        partition_strategy,
        thread_argument(num_threads),
        None if grad_loss is None else as_array(grad_loss, "grad_loss"),
    )
    return loss, Gradients(
        _slices(weight_table, weight_slices), _slices(bias_table, bias_slices), grad_inputs
    )


def _labels(labels: ArrayLike, num_true: int) -> IdArray:
    array = as_ids(labels, "labels")
    columns = as_integer(num_true, "num_true")
    if array.ndim == 2 and array.shape[1] != columns:
        raise ValueError(
            f"labels must have shape [batch, num_true] = [{array.shape[0]}, {columns}], got "
            f"{list(array.shape)}"
        )
    return array


def _tables(
    weights: Table, biases: Table, num_classes: int
) -> tuple[Array | list[Array], Array | list[Array]]:
    table = as_table(weights, "weights")
    shards = table if isinstance(table, list) else [table]
    number = as_integer(num_classes, "num_classes")
    # The core refuses other ranks; only then are there rows to count.
    rows = sum(len(shard) for shard in shards) if all(s.ndim == 2 for s in shards) else number
    if number < 1 or number > rows:
        raise ValueError(
            f"num_classes is {number}; it must be at least 1 and at most the {rows} rows of weights"
        )
    return table, as_table(biases, "biases")


def _candidates(
    sampled_values: SampledValues | tuple[ArrayLike, ArrayLike, ArrayLike] | None,
    sampler: Sampler | None,
    seed: SeedLike,
    num_sampled: int,
    num_classes: int,
) -> _core.Candidates:
    """Return the candidates, or what they are to be drawn from."""
    size = as_integer(num_sampled, "num_sampled")
    if sampled_values is not None:
        if sampler is not None:
            raise ValueError("sampled_values and sampler are both given; only one may be")
        return _given(sampled_values, size)
    if sampler is None:
        fresh = LogUniformSampler(num_classes, seed=seed)
        return fresh._core, size, None
    if not isinstance(sampler, Sampler):
        raise TypeError(f"sampler is {sampler!r}; it must be a sampler such as LogUniformSampler")
    if sampler.num_classes != num_classes:
        raise ValueError(f"num_classes is {num_classes}, sampler has {sampler.num_classes} classes")
    return sampler._core, size, None if seed is None else resolve_seed(seed)


def _given(
    sampled_values: SampledValues | tuple[ArrayLike, ArrayLike, ArrayLike], num_sampled: int
) -> tuple[Array, Array, Array]:
    if not isinstance(sampled_values, tuple | list) or len(sampled_values) != 3:
        raise TypeError(
            "sampled_values must be a tuple of three arrays (sampled_candidates, "
            f"true_expected_count, sampled_expected_count), got {type(sampled_values).__name__}"
        )
    candidates, truth, sampled = sampled_values
    ids = as_ids(candidates, "sampled_candidates")
    if ids.ndim == 1 and len(ids) != num_sampled:
        raise ValueError(f"num_sampled is {num_sampled}, sampled_values has {len(ids)} candidates")
    return (
        ids,
        as_array(truth, "true_expected_count"),
        as_array(sampled, "sampled_expected_count"),
    )


def _slices(
    table: Array | list[Array], parts: list[tuple[Array, IdArray]]
) -> IndexedSlices | list[IndexedSlices]:
    if isinstance(table, list):
        return [
            IndexedSlices(values, indices, shard.shape)
            for shard, (values, indices) in zip(table, parts, strict=True)
        ]
    values, indices = parts[0]
    return IndexedSlices(values, indices, table.shape)
