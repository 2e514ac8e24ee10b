"""Mapped memory, and what the system is told about the next reads of tables that lie in it.

By default the system reads ahead around every page that is touched: of weights larger than memory
a few steps, whose rows lie anywhere, would bring in nearly all. A pass over all classes does want
that.
"""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterable
from typing import Any

import numpy as np

from manyclass._arrays import Array


def map_memory(file: int, size: int, **options: Any) -> mmap.mmap:
    """Return what `mmap.mmap` returns; where there is no memory for it, raise MemoryError."""
    try:
        return mmap.mmap(file, size, **options)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(f"cannot map {size} bytes") from error
        raise


class MappedMemory:
    """The mapped files of some arrays; of arrays in plain memory there are none."""

    def __init__(self, arrays: Iterable[Array]) -> None:
        maps = {id(found): found for array in arrays if (found := _file_of(array)) is not None}
        self._maps = list(maps.values()) if hasattr(mmap.mmap, "madvise") else []
        self._expects_rows: bool | None = None

    def expect_rows(self) -> None:
        """Only rows here and there are touched from now on."""
        self._advise(expects_rows=True)

    def expect_all(self) -> None:
        """Whole tables are read from now on."""
        self._advise(expects_rows=False)

    def _advise(self, *, expects_rows: bool) -> None:
        if self._maps and self._expects_rows != expects_rows:
            for file in self._maps:
                file.madvise(mmap.MADV_RANDOM if expects_rows else mmap.MADV_NORMAL)
            self._expects_rows = expects_rows


def _file_of(array: Array) -> mmap.mmap | None:
    """Return what a `numpy.memmap`, or a view of one, has mapped."""
    base: object = array
    is_file = False
    while isinstance(base, np.ndarray):
        is_file = is_file or isinstance(base, np.memmap)
        base = base.base
    return base if is_file and isinstance(base, mmap.mmap) else None
