"""Timing several pieces of work in turns, so that what disturbs the machine disturbs all alike.

Turns are blocks of steps, not single steps: the threads of OpenMP and OpenBLAS spin on after their
work, on processors that the next one in turn needs (`Timing.spun` tells how long), and who trains
finds their own threads awake and their own data in the cache. So a block begins when the process
has come to rest, and with steps that are not timed.
"""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

Work = Callable[[int], object]


class Timing(NamedTuple):
    """The seconds that a step took: quartiles over all steps."""

    lower_quartile: float
    median: float
    upper_quartile: float
    steps: int
    spun: float
    """Seconds of processors that idle threads used up after a block, median."""

    @classmethod
    def of(cls, seconds: list[float], spun: list[float]) -> Timing:
        """Summarise the seconds of all steps and of all blocks."""
        lower, median, upper = np.percentile(seconds, (25, 50, 75)).tolist()
        return cls(lower, median, upper, len(seconds), statistics.median(spun))


class Turns(NamedTuple):
    """How the time is shared out."""

    rounds: int = 10
    """In each, everyone has one block; the order changes."""
    block: float = 0.2
    """Seconds; the first quarter is not timed. A block has one timed step at least."""

    def time(
        self, works: Mapping[Any, Work], num_batches: int, progress: Callable[[], object]
    ) -> dict[Any, Timing]:
        """Time each piece of work; it is called with the number of a batch, one after the other.

        ``progress`` is called after each block. Garbage collection is off, as in `timeit`.
        """
        seconds: dict[Any, list[float]] = {name: [] for name in works}
        spun: dict[Any, list[float]] = {name: [] for name in works}
        for work in works.values():
            for batch in range(min(3, num_batches)):
                work(batch)
        come_to_rest()
        order, shuffle = list(works), random.Random(0).shuffle
        gc.collect()
        gc.disable()
        try:
            for _ in range(self.rounds):
                shuffle(order)
                for name in order:
                    seconds[name] += self._time_block(works[name], num_batches)
                    spun[name].append(come_to_rest())
                    progress()
        finally:
            gc.enable()
        return {name: Timing.of(seconds[name], spun[name]) for name in works}

    def _time_block(self, work: Work, num_batches: int) -> list[float]:
        """Return the seconds of each step in one block."""
        begin = time.perf_counter()
        batches = itertools.cycle(range(num_batches))
        while time.perf_counter() - begin < self.block / 4:
            work(next(batches))
        seconds = []
        for batch in batches:
            start = time.perf_counter()
            work(batch)
            now = time.perf_counter()
            seconds.append(now - start)
            if now - begin >= self.block:
                break
        return seconds


def come_to_rest(interval: float = 0.02, limit: float = 2.0) -> float:
    """Wait until the process uses under 5 % of one processor; return the seconds that it used."""
    first = time.process_time()
    before = first
    deadline = time.perf_counter() + limit
    while True:
        time.sleep(interval)
        now = time.process_time()
        if now - before < 0.05 * interval or time.perf_counter() > deadline:
            return now - first
        before = now
