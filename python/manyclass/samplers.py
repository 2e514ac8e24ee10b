"""Candidate samplers: which classes stand in for all others in a training step."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from manyclass import _core
from manyclass._arrays import ArrayLike, IdArray, as_array, as_ids, as_some_ids
from manyclass._scalars import as_dtype, as_flag, as_integer
from manyclass._seeds import SeedLike, resolve_seed
from manyclass._states import as_state, check_entries


class SampledValues(NamedTuple):
    """The candidates of one step: TensorFlow's tuple of the same order.

    ``Q(c)`` stands for the expected count of class ``c`` among the candidates.
    """

    sampled_candidates: IdArray
    """Shape [num_sampled], int64."""
    true_expected_count: NDArray[Any]
    """Shape [batch, num_true], float32 or float64: Q of each label; [num_labels] or
    [num_labels, 1] if they are ragged."""
    sampled_expected_count: NDArray[Any]
    """Shape [num_sampled], float32 or float64: Q of each candidate."""


_numbers = itertools.count()
samplers_by_number: weakref.WeakValueDictionary[int, Sampler] = weakref.WeakValueDictionary()


class Sampler:
    """What all samplers share: a distribution over classes and a place in a random stream.

    Each call continues the stream, as TensorFlow's ops do. A ``seed`` given to a call starts the
    stream anew there, and later calls continue from it. Streams are those of TensorFlow: a seed
    gives its own candidates, id for id. All methods may be called from several threads at once, and
    in a forked child, which has the sampler as it was at the fork.
    A deep copy, or what is read back from a pickle, continues with the same ids; ``copy.copy``
    shares the stream.
    """

    def __init__(self, core: _core.Sampler) -> None:
        self._core = core
        self._register()

    def _register(self) -> None:
        """Give this sampler a number, which stands for it where a graph takes no objects."""
        self._number = next(_numbers)
        samplers_by_number[self._number] = self

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._register()  # a copy has a number of its own

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self._core.num_classes

    def sample(
        self,
        true_classes: ArrayLike,
        num_sampled: int,
        *,
        unique: bool = True,
        seed: SeedLike = None,
        dtype: DTypeLike = np.float32,
    ) -> SampledValues:
        """Draw the candidates of one step.

        Parameters
        ----------
        true_classes : array of int64, shape [batch, num_true]
            The labels; they decide nothing but ``true_expected_count``. Candidates may include
            them. Of `RaggedLabels` give ``labels.values[:, numpy.newaxis]``.
        num_sampled : int
            The number of candidates, shared by the whole batch.
        unique : bool, default True
            Draw again until all candidates are different. Where most of the mass is drawn, a
            method of the same distribution with bounded cost takes over.
        seed : int, pair of int, numpy.random.Generator, optional
            Starts the stream anew.
        dtype : numpy.dtype, default numpy.float32
            What expected counts are computed in: float32, as TensorFlow does, or float64.

        Returns
        -------
        SampledValues
            The expected count of a class of probability p is ``p * num_sampled`` if no draw was
            repeated, else ``1 - (1 - p)**n`` with the number n of draws made: TensorFlow's
            approximation.

        Raises
        ------
        ValueError
            If a label lies outside [0, num_classes), if ``num_sampled`` is below 1 or, with
            ``unique``, above the number of classes that can be drawn, or if ``true_classes`` has
            another rank. The stream stays where it was.
        TypeError
            If ``true_classes`` is not int64, ``unique`` no truth value or ``dtype`` another.
        """
        labels = as_ids(true_classes, "true_classes")
        different = as_flag(unique, "unique")
        float64 = wants_float64(dtype)
        restart = None if seed is None else resolve_seed(seed)
        size = as_integer(num_sampled, "num_sampled")
        return SampledValues(*self._core.sample(labels, size, different, restart, float64))

    def draw(self, size: int, *, seed: SeedLike = None) -> IdArray:
        """Draw classes independently.

        Parameters
        ----------
        size : int
            How many.
        seed : int, pair of int, numpy.random.Generator, optional
            Starts the stream anew.

        Returns
        -------
        array of int64, shape [size]
            The candidates that `sample` gives with ``unique=False``.
        """
        restart = None if seed is None else resolve_seed(seed)
        return self._core.draw(as_integer(size, "size"), restart)

    def probability(self, ids: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class in one draw.

        Parameters
        ----------
        ids : array of int64, any shape
            Classes.

        Returns
        -------
        array of float64, the shape of ids
            They sum to 1 over all classes.

        Raises
        ------
        ValueError
            If an id lies outside [0, num_classes).
        """
        classes = as_some_ids(ids, "ids")
        return self._core.probability(classes.reshape(-1)).reshape(classes.shape)

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream; `load_state_dict` of a like sampler continues there."""
        return {
            "sampler": type(self).__name__,
            "num_classes": self.num_classes,
            "stream": self._core.stream(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the place that `state_dict` told.

        Raises
        ------
        ValueError
            If the state is of another sampler or of another number of classes, or is no state.
        TypeError
            If it is no dict.
        """
        self._core.set_stream(self._place_in(state))

    def _place_in(self, state: Mapping[str, Any]) -> tuple[int, int, int]:
        """Check that the state is of such a sampler; return its place in the stream."""
        mine = {"sampler": type(self).__name__, "num_classes": self.num_classes}
        state = as_state(state)
        check_entries(state, mine, "this sampler")
        words = state.get("stream")
        if (
            not isinstance(words, tuple | list)
            or len(words) != 3
            or not all(isinstance(word, int) and 0 <= word < 2**64 for word in words)
        ):
            raise ValueError('state has no "stream" of three unsigned 64-bit integers')
        first, second, block = words
        return first, second, block


class UniformSampler(Sampler):
    """Every class alike.

    Parameters
    ----------
    num_classes : int
        At least 1.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.
    """

    def __init__(self, num_classes: int, *, seed: SeedLike = None) -> None:
        super().__init__(
            _core.UniformSampler(as_integer(num_classes, "num_classes"), resolve_seed(seed))
        )


class LogUniformSampler(Sampler):
    """Zipf's law: ``P(c) = (log(c + 2) - log(c + 1)) / log(num_classes + 1)``.

    Right for classes numbered by falling frequency, as words of a vocabulary usually are, and
    wrong otherwise.

    Parameters
    ----------
    num_classes : int
        At least 1.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.
    """

    def __init__(self, num_classes: int, *, seed: SeedLike = None) -> None:
        super().__init__(
            _core.LogUniformSampler(as_integer(num_classes, "num_classes"), resolve_seed(seed))
        )


def wants_float64(dtype: DTypeLike) -> bool:
    """Tell float64 from float32 as the dtype of expected counts."""
    wanted = as_dtype(dtype, "dtype")
    if wanted not in (np.float32, np.float64):
        raise TypeError(f"dtype is {wanted}; expected counts can be float32 or float64")
    return bool(wanted == np.float64)


def as_weights(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return weights as the core reads them."""
    # The sampler keeps a table of its own, so a list or another number type is converted here.
    try:
        array = np.asarray(values) if isinstance(values, list | tuple) else as_array(values, name)
    except ValueError as error:  # rows of unequal length
        raise ValueError(f"{name} is a list that is no rectangular array: {error}") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}; it must be of real numbers")
    return array.astype(np.float64, copy=False)
