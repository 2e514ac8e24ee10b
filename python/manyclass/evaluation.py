"""How good a layer is: the exact loss and the metrics of ranking, in one pass over the classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, Table, as_array, as_table
from manyclass._compute_dtype import as_compute_dtype
from manyclass._scalars import as_flag, as_integer, as_name
from manyclass._targets import read_targets
from manyclass.ragged_labels import RaggedLabels
from manyclass.ranking_metrics import (
    mean_reciprocal_rank,
    ndcg_at_k,
    perplexity,
    recall_at_k,
    top_k_accuracy,
)
from manyclass.threads import thread_argument

_EXAMPLES_A_CALL = 2048  # between two moves of the progress bar
_SECONDS_WITHOUT_BAR = 2.0


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found, over the examples that have labels.

    Attributes
    ----------
    loss : float
        The mean exact softmax cross entropy, in nats.
    perplexity : float
        exp of it.
    mean_reciprocal_rank : float
        As the function of this name.
    top_k_accuracy, recall_at_k, ndcg_at_k : dict
        For each k, as the functions of these names.
    num_examples : int
        How many examples have labels.
    """

    loss: float
    perplexity: float
    mean_reciprocal_rank: float
    top_k_accuracy: dict[int, float]
    recall_at_k: dict[int, float]
    ndcg_at_k: dict[int, float]
    num_examples: int


def evaluate(
    weights: Table,
    biases: Table,
    labels: ArrayLike | RaggedLabels,
    inputs: ArrayLike,
    num_true: int = 1,
    *,
    k: int | Iterable[int] = (1, 5, 10),
    partition_strategy: str = "div",
    compute_dtype: DTypeLike | None = None,
    progress: bool | None = None,
    num_threads: int | None = None,
) -> Evaluation:
    """Compute the exact loss and the usual metrics of ranking, in one pass over the classes.

    Parameters
    ----------
    weights, biases, labels, inputs, num_true
        As in `full_softmax_loss`. The batch may be a whole test set, inputs a memory map.
    k : int or several, default (1, 5, 10)
        How many best classes the metrics look at.
    partition_strategy : {"div", "mod"}
        How classes are spread over shards.
    compute_dtype : "bfloat16", optional
        What products are computed in, as in `full_softmax_loss`.
    progress : bool, optional
        Whether to show a bar. By default there is one where a terminal shows it, tqdm is installed,
        and the work takes longer than 2 seconds.
    num_threads : int, optional
        `get_num_threads` if None.

    Returns
    -------
    Evaluation
        All NaN without examples.

    Raises
    ------
    ValueError
        If shapes or layouts do not fit, a label lies outside [0, num_classes), a k is below 1, or
        ``compute_dtype`` is another or comes with float64 arrays.
    TypeError
        If a dtype is another.
    ImportError
        If a bar is asked for and tqdm is not installed.
    """
    sizes = [as_integer(size, "k") for size in ([k] if not isinstance(k, Iterable) else k)]
    for size in sizes:
        if size < 1:
            raise ValueError(f"k is {size}; it must be at least 1")
    if progress is not None:
        progress = as_flag(progress, "progress")
    tables = as_table(weights, "weights"), as_table(biases, "biases")
    rows = as_array(inputs, "inputs")
    strategy = as_name(partition_strategy, "partition_strategy")
    threads = thread_argument(num_threads)
    computed_in = as_compute_dtype(compute_dtype)
    targets = read_targets(labels, num_true)
    _core.check_full_softmax(*tables, targets, rows, strategy, computed_in)

    losses, ranks = np.empty(len(rows), rows.dtype), np.empty_like(targets[0])
    with _bar(progress, len(rows)) as advance:
        for examples, places, part in _parts(targets, len(rows)):
            losses[examples], ranks[places] = _core.full_softmax_loss_and_ranks(
                *tables, part, rows[examples], strategy, threads, computed_in
            )
            advance(examples.stop - examples.start)
    if targets[1] is None:
        return _evaluation(losses, ranks, sizes)
    has_labels = np.diff(targets[1]) > 0
    return _evaluation(losses[has_labels], RaggedLabels(ranks, targets[1]), sizes)


def _evaluation(losses: Any, ranks: IdArray | RaggedLabels, sizes: Iterable[int]) -> Evaluation:
    return Evaluation(
        loss=float(np.mean(losses, dtype=np.float64)) if len(losses) else float("nan"),
        perplexity=perplexity(losses),
        mean_reciprocal_rank=mean_reciprocal_rank(ranks),
        top_k_accuracy={size: top_k_accuracy(ranks, size) for size in sizes},
        recall_at_k={size: recall_at_k(ranks, size) for size in sizes},
        ndcg_at_k={size: ndcg_at_k(ranks, size) for size in sizes},
        num_examples=len(losses),
    )


def _parts(targets: _core.Targets, batch: int) -> Iterator[tuple[slice, slice, _core.Targets]]:
    """Yield some examples at a time: which, which labels are theirs, and their targets."""
    ids, row_splits, _, smoothing = targets
    for first in range(0, batch, _EXAMPLES_A_CALL):
        last = min(first + _EXAMPLES_A_CALL, batch)
        places, splits = slice(first, last), None
        if row_splits is not None:
            places = slice(row_splits[first], row_splits[last])
            splits = row_splits[first : last + 1] - row_splits[first]
        yield slice(first, last), places, (ids[places], splits, None, smoothing)


class _bar:  # noqa: N801
    """A context that gives a function to call with the number of examples done."""

    def __init__(self, progress: bool | None, total: int) -> None:
        self._tqdm: Any = None
        try:
            if progress is not False:
                from tqdm import tqdm

                self._tqdm = tqdm(
                    total=total,
                    desc="evaluate",
                    unit=" examples",
                    disable=None if progress is None else False,
                    delay=_SECONDS_WITHOUT_BAR if progress is None else 0,
                )
        except ImportError as error:
            if progress:
                raise ImportError(
                    f"progress=True needs tqdm: python -m pip install tqdm ({error})"
                ) from error

    def __enter__(self) -> Callable[[int], object]:
        return (lambda _: None) if self._tqdm is None else self._tqdm.update

    def __exit__(self, *_: object) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
