"""What was built and what runs."""

from __future__ import annotations

import platform

import numpy as np

from manyclass import _core
from manyclass.threads import get_num_threads


class Config(dict[str, object]):
    """The configuration as a dict that prints one entry a line."""

    def __str__(self) -> str:
        return "\n".join(f"{key}: {value}" for key, value in self.items())


def show_config() -> Config:
    """Return what a bug report needs: versions, instruction set, threads.

    Returns
    -------
    Config
        A dict with ``version``, ``compiler``, ``target`` (the instruction set in use; the
        environment variable ``MANYCLASS_TARGET`` forces one), ``targets`` (all that can run
        here, best first, then those chosen by name only), ``num_threads``, ``python``, ``numpy``
        and ``platform``. It prints one entry a line.
    """
    return Config(
        **_core.config(),
        num_threads=get_num_threads(),
        python=platform.python_version(),
        numpy=np.__version__,
        platform=platform.platform(),
    )
