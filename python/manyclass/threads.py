"""How many threads calls use."""

from __future__ import annotations

from manyclass import _core


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
    _core.set_num_threads(num_threads)


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
    if num_threads < 1:
        raise ValueError(f"num_threads is {num_threads}; it must be at least 1")
    return num_threads
