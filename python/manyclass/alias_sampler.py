"""The sampler for any distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from manyclass._arrays import ArrayLike, as_ids
from manyclass._core import AliasSampler as _AliasCore
from manyclass._seeds import SeedLike, resolve_seed
from manyclass._states import as_state
from manyclass.samplers import Sampler, as_weights


class AliasSampler(Sampler):
    """Any distribution, in O(1) a draw by Walker's alias method; weights may change.

    The table has two levels, blocks of 4,096 classes and one table over the blocks, each with
    thresholds of 32 bits: the probability of a class is exact to 2**-32 of an average one of its
    block. TensorFlow has no such sampler; the stream is our own, one Philox block for each draw, so
    that many draws are made in parallel.

    Parameters
    ----------
    weights : array of float or int, shape [num_classes]
        Proportional to the probabilities, up to 2**32 of them. Copied.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.

    Raises
    ------
    ValueError
        If a weight is negative, NaN or infinite, or if all are zero.
    """

    _core: _AliasCore

    def __init__(self, weights: ArrayLike, *, seed: SeedLike = None) -> None:
        super().__init__(_AliasCore(as_weights(weights, "weights"), resolve_seed(seed)))

    def update(self, ids: ArrayLike, weights: ArrayLike) -> None:
        """Change the weights of some classes, or add classes.

        Costs the blocks of 4,096 classes touched and one number for each block: not a rebuild of
        the whole table.

        Parameters
        ----------
        ids : array of int64, shape [n]
            Classes. An id from ``num_classes`` on makes the sampler grow; ids skipped get weight 0.
            Of a repeated id the last weight counts.
        weights : array of float or int, shape [n]
            The new weights.

        Raises
        ------
        ValueError
            If shapes differ, an id lies outside [0, 2**32), a weight is negative, NaN or infinite,
            or no class would keep a weight above zero. The sampler stays as it was.
        TypeError
            If a dtype is another.
        """
        self._core.update(as_ids(ids, "ids"), as_weights(weights, "weights"))

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream and the weights, a float64 array of shape [num_classes].

        Not to be taken while another thread draws or updates: the place and the weights would be
        of different moments.
        """
        return {**super().state_dict(), "weights": self._core.weights()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the place, and with the weights, that `state_dict` told.

        The number of classes becomes that of the state.

        Raises
        ------
        ValueError
            If the state is of another sampler or is no state. The sampler stays as it was.
        TypeError
            If it is no dict.
        """
        state = dict(as_state(state))
        weights = state.get("weights")
        if not isinstance(weights, np.ndarray) or weights.dtype != np.float64:
            raise ValueError('state has no "weights" of float64; it is no state of AliasSampler')
        if weights.ndim != 1 or len(weights) != state.get("num_classes"):
            raise ValueError(
                f'state has "num_classes" {state.get("num_classes")!r}, its weights have shape '
                f"{list(weights.shape)}"
            )
        place = self._place_in({**state, "num_classes": self.num_classes})
        self._core.set_weights(weights)
        self._core.set_stream(place)
