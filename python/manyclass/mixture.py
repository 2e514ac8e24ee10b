"""Mixtures of samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from manyclass import _core
from manyclass._seeds import SeedLike, resolve_seed
from manyclass._states import as_state
from manyclass.samplers import Sampler


class MixtureSampler(Sampler):
    """Draws from several samplers, each with a share: ``P(c) = sum of share * P_part(c)``.

    For example a little of `UniformSampler` beside a `UnigramSampler`, so that classes that never
    occurred are still pushed down; or the popular classes of today beside those of the year.
    Expected counts are the mixture's own, computed from ``P`` as every sampler computes them.

    The mixture has its own stream and leaves those of the parts alone. The parts are kept, not
    copied: a part that changes its weights changes the mixture.

    Parameters
    ----------
    parts : sequence of pairs (Sampler, float)
        The samplers, all of the same number of classes, and their shares, above zero. Shares are
        divided by their sum.
    seed : int, pair of int, numpy.random.Generator, optional
        Where the stream starts; fresh entropy if None.

    Raises
    ------
    ValueError
        If there is no part, the numbers of classes differ, or a share is not above zero and
        finite.
    TypeError
        If ``parts`` holds something else than pairs of a sampler and a number.

    Notes
    -----
    With unique candidates, a class can be drawn if one of the parts can draw it. A draw takes two
    words of the stream to choose the part and then what the part takes.

    Examples
    --------
    >>> import manyclass as mc
    >>> counts = [900, 90, 9, 1, 0]
    >>> sampler = mc.MixtureSampler(
    ...     [(mc.UnigramSampler(counts), 0.9), (mc.UniformSampler(5), 0.1)], seed=1
    ... )
    >>> sampler.probability([0, 4]).round(4).tolist()
    [0.83, 0.02]
    """

    def __init__(self, parts: Sequence[tuple[Sampler, float]], *, seed: SeedLike = None) -> None:
        if not isinstance(parts, Sequence):
            raise TypeError(f"parts is {parts!r}; it must be a sequence of pairs (sampler, share)")
        pairs = [_pair(part, k) for k, part in enumerate(parts)]
        mixture = _core.MixtureSampler(
            [(sampler._core, share) for sampler, share in pairs], resolve_seed(seed)
        )
        super().__init__(mixture)
        self._mixture = mixture
        self._parts = tuple(sampler for sampler, _ in pairs)

    @property
    def parts(self) -> tuple[tuple[Sampler, float], ...]:
        """The samplers and their shares."""
        return tuple(zip(self._parts, self.shares, strict=True))

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each part; they sum to 1."""
        return tuple(self._mixture.shares)

    def state_dict(self) -> dict[str, Any]:
        """Return the place in the stream and the shares; a part's own state is the part's."""
        return super().state_dict() | {"shares": self.shares}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue at the place that `state_dict` told.

        Raises
        ------
        ValueError
            If the state is of another sampler, of another number of classes or of other shares,
            or is no state.
        TypeError
            If it is no dict.
        """
        shares = as_state(state).get("shares")
        if not isinstance(shares, tuple | list) or tuple(shares) != self.shares:
            raise ValueError(f'state has "shares" {shares!r}, this sampler has {self.shares!r}')
        super().load_state_dict(state)


def _pair(part: object, place: int) -> tuple[Sampler, float]:
    if not isinstance(part, tuple | list) or len(part) != 2 or not isinstance(part[0], Sampler):
        raise TypeError(f"parts[{place}] is {part!r}; it must be a pair (sampler, share)")
    sampler, share = part
    if isinstance(share, bool) or not isinstance(share, int | float | np.integer | np.floating):
        raise TypeError(f"parts[{place}] has the share {share!r}; it must be a number")
    return sampler, float(share)
