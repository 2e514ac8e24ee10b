"""Samplers by how often classes occur: counts given, read from a file, or learned."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike
from manyclass._core import LearnedUnigramSampler as _LearnedCore
from manyclass._core import UnigramSampler as _UnigramCore
from manyclass._scalars import as_integer
from manyclass._seeds import SeedLike, resolve_seed
from manyclass.samplers import Sampler, as_weights


class UnigramSampler(Sampler):
    """Classes in proportion to a power of their counts: TensorFlow's fixed unigram sampler.

    Candidates are TensorFlow's. So are expected counts wherever its float32 sum of the weights is
    exact; where it is not (it stops counting ones at 2**24), ours still are.

    Parameters
    ----------
    counts : array of float or int, shape [num_counts]
        How often each class occurs. Copied.
    distortion : float, default 1.0
        The power: 0.75 is word2vec's, 0 makes all classes alike. Taken in float32, as TensorFlow
        does.
    num_reserved_ids : int, default 0
        So many ids of weight zero come before the counts: classes that are never drawn, such as
        padding. Below 0 is none.
    num_shards : int, default 1
        How many samplers share the classes.
    shard : int, default 0
        Which of them this one is: it has the ids with ``id % num_shards == shard``, and numbers
        them anew, from 0.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.

    Raises
    ------
    ValueError
        If a count, or its power, is negative, NaN or too large, if all are zero, or if ``shard``
        lies outside [0, num_shards).

    Notes
    -----
    Ids of counts start at the number of reserved ids *of this shard*, as TensorFlow has it. With
    reserved ids and several shards, shards therefore get other counts than one expects: of counts
    1 to 5 with one reserved id on two shards, shard 0 has the weights [0, 2, 4] and shard 1 has
    [2, 4], where [1, 3, 5] was due. Put zeros before the counts instead to have it right.
    """

    _core: _UnigramCore

    def __init__(
        self,
        counts: ArrayLike,
        *,
        distortion: float = 1.0,
        num_reserved_ids: int = 0,
        num_shards: int = 1,
        shard: int = 0,
        seed: SeedLike = None,
    ) -> None:
        numbers = shard_numbers(num_reserved_ids, num_shards, shard)
        super().__init__(unigram_core(counts, "counts", distortion, numbers, seed))

    @classmethod
    def from_vocab_file(
        cls,
        path: str | bytes | os.PathLike[Any],
        *,
        distortion: float = 1.0,
        num_reserved_ids: int = 0,
        num_shards: int = 1,
        shard: int = 0,
        seed: SeedLike = None,
    ) -> UnigramSampler:
        """Make a sampler of the counts in a vocabulary file.

        A file has a line for each class, whose count is what follows the last comma, or the whole
        line: a decimal number, with or without spaces around it. Empty lines are no classes.
        There is no quoting.

        Parameters
        ----------
        path : str, bytes or os.PathLike
            The file.
        distortion : float, default 1.0
            As in `UnigramSampler`, like the others.
        num_reserved_ids : int, default 0
            Ids of weight zero before the first line's.
        num_shards : int, default 1
            How many samplers share the classes.
        shard : int, default 0
            Which of them this one is.
        seed : int, pair of int, numpy.random.Generator, optional
            Where the stream starts; fresh entropy if None.

        Returns
        -------
        UnigramSampler
            With the reserved ids and the lines of this shard as its classes.

        Raises
        ------
        ValueError
            If a line has no count, a negative one or one beyond float32: the message has the
            number of the line and its start. Lines of other shards are checked too.
        FileNotFoundError
            If there is no such file; other `OSError` if it cannot be read.
        """
        numbers = shard_numbers(num_reserved_ids, num_shards, shard)
        sampler = cls.__new__(cls)
        Sampler.__init__(sampler, file_core(path, distortion, numbers, seed))
        return sampler

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream and the weights, float32 of shape [num_classes]."""
        return {**super().state_dict(), "weights": self._core.weights()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the place that `state_dict` told.

        Raises
        ------
        ValueError
            If the state is of another sampler, of another number of classes or of other weights,
            or is no state.
        TypeError
            If it is no dict.
        """
        place = self._place_in(state)
        if not np.array_equal(state.get("weights", ()), self._core.weights()):
            raise ValueError('state has "weights" that are not those of this sampler')
        self._core.set_stream(place)


class LearnedUnigramSampler(Sampler):
    """Classes in proportion to how often they were true classes so far, plus one.

    TensorFlow's learned unigram sampler, with its candidates. Each call of `sample` draws and
    counts with the weights as they are, then adds 1 to the weight of each entry of its
    ``true_classes``. A refused call teaches nothing, and neither does `draw`. Once the weights sum
    to 2**31 - 1 nothing more is learned, as in TensorFlow. The weights are part of the sampler's
    state.

    Parameters
    ----------
    num_classes : int
        From 1 to 2**31 - 2. Costs no time, and memory only where classes are learned.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.

    Raises
    ------
    ValueError
        If ``num_classes`` is out of range.
    """

    _core: _LearnedCore

    def __init__(self, num_classes: int, *, seed: SeedLike = None) -> None:
        size = as_integer(num_classes, "num_classes")
        super().__init__(_LearnedCore(size, resolve_seed(seed)))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream and the weights, an int32 array of shape [num_classes].

        `load_state_dict` of a like sampler continues there. Not to be taken while another thread
        samples: the place and the weights would be of different moments.
        """
        return {**super().state_dict(), "weights": self._core.weights()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the place, and with the weights, that `state_dict` told.

        Raises
        ------
        ValueError
            If the state is of another sampler or of another number of classes, or is no state.
        TypeError
            If it is no dict.
        """
        place = self._place_in(state)
        self._core.set_weights(_learned_weights(state.get("weights")))
        self._core.set_stream(place)


def unigram_core(
    counts: ArrayLike,
    name: str,
    distortion: float,
    numbers: tuple[int, int, int],
    seed: SeedLike,
) -> _core.UnigramSampler:
    """Return the table of ``counts``, which messages call ``name``."""
    weights = as_weights(counts, name)
    return _core.UnigramSampler(weights, name, _real(distortion), *numbers, resolve_seed(seed))


def file_core(
    path: str | bytes | os.PathLike[Any],
    distortion: float,
    numbers: tuple[int, int, int],
    seed: SeedLike,
) -> _core.UnigramSampler:
    """Return the table of a vocabulary file."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError(f"vocab_file is {path!r}; a path cannot have a null character")
    return _core.unigram_sampler_of_file(encoded, _real(distortion), *numbers, resolve_seed(seed))


def shard_numbers(num_reserved_ids: int, num_shards: int, shard: int) -> tuple[int, int, int]:
    """Return the three as the core takes them."""
    return (
        as_integer(num_reserved_ids, "num_reserved_ids"),
        as_integer(num_shards, "num_shards"),
        as_integer(shard, "shard"),
    )


def _real(distortion: object) -> float:
    if not isinstance(distortion, int | float | np.integer | np.floating):
        raise TypeError(f"distortion is {distortion!r}; it must be a real number")
    return float(distortion)


def _learned_weights(weights: object) -> NDArray[np.int64]:
    array = np.asarray(weights)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError(
            'state has no "weights" of one dimension and whole numbers: it has '
            f"{array.dtype} of shape {list(array.shape)}"
        )
    # Numbers beyond int64 turn negative, which the core refuses.
    return array.astype(np.int64, copy=False)
