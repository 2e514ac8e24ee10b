"""How many threads calls use."""

from __future__ import annotations

from manyclass import _core
from manyclass._scalars import as_integer

_MOST_THREADS = 1024


def set_num_threads(num_threads: int) -> None:
    """Set the number of threads that calls use from now on, in the whole process.

    Parameters
    ----------
    num_threads : int
        From 1 to 1024. The ``num_threads`` argument of a call goes before it.

    Raises
    ------
    ValueError
        If ``num_threads`` lies outside [1, 1024].
    """
    _core.set_num_threads(thread_argument(num_threads))


def get_num_threads() -> int:
    """Return the number of threads that calls use.

    What `set_num_threads` said, else the environment variable ``MANYCLASS_NUM_THREADS``, else
    ``OMP_NUM_THREADS``, else the processors that this process's affinity and the CPU quota of its
    control group allow. The environment is read once.
    """
    return _core.get_num_threads()


def thread_argument(num_threads: int | None) -> int:
    """Return ``num_threads`` as the core takes it, where 0 stands for `get_num_threads`."""
    if num_threads is None:
        return 0
    number = as_integer(num_threads, "num_threads")
    if not 1 <= number <= _MOST_THREADS:
        raise ValueError(f"num_threads is {number}; it must lie in [1, {_MOST_THREADS}]")
    return number
