"""The machine and the software that a measurement was made with, and who else used it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

import manyclass as mc

# Variables that change what is measured.
PREFIXES = ("GOMP_", "KMP_", "MALLOC_", "MANYCLASS_", "MKL_", "OMP_", "OPENBLAS_", "TF_ENABLE_")


def describe(packages: Iterable[str]) -> dict[str, Any]:
    """Return the machine, the packages' versions, and what of the environment matters."""
    left_out = ("num_threads", "platform")
    config = {key: value for key, value in mc.show_config().items() if key not in left_out}
    return {
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "caches": _caches(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "manyclass": config,
        "versions": {name: _version(name) for name in packages},
        "numpy_blas": _blas(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if k.startswith(PREFIXES)},
    }


def summary(packages: Iterable[str]) -> str:
    """Return one line for under a table."""
    details = {
        "manyclass": f" for {mc.show_config()['target']}",
        "numpy": "".join(
            f" with {info['internal_api']} {info['version']} for {info['architecture']}"
            for info in _blas()
        ),
    }
    versions = [f"{name} {_version(name)}{details.get(name, '')}" for name in packages]
    return ", ".join([_processor(), *versions])


class OtherLoad:
    """What share of the processors' time went to others since this was made."""

    def __init__(self) -> None:
        self._start = self._read()

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """Return the seconds of all processors, those they were busy, and our own."""
        fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
        ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
        idle = ticks[3] + ticks[4]
        return sum(ticks), sum(ticks) - idle, sum(os.times()[:4])

    def share(self) -> float:
        """Return the share, from 0 to 1."""
        total, busy, own = (b - a for a, b in zip(self._start, self._read(), strict=True))
        return max(0.0, (busy - own) / total) if total else 0.0


def warn_if_busy(share: float) -> None:
    """Print a line if others took more than 5 % of the processors' time."""
    if share > 0.05:
        print(f"{share:.0%} of the processors' time went to others: not to be relied upon")


def _version(package: str) -> str:
    """Return the version of an installed package by the name that it is imported under."""
    if package == "manyclass":
        return mc.__version__
    distribution = importlib.metadata.packages_distributions()[package][0]
    return importlib.metadata.version(distribution)


def _blas() -> list[dict[str, Any]]:
    """Return the libraries that NumPy multiplies with."""
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    return [{k: v for k, v in info.items() if k != "filepath"} for info in libraries]


def _processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Return the size of each cache that the first processor uses."""
    sizes = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (cache / name).read_text("ascii").strip() for name in ("level", "type", "size")
        )
        sizes[f"L{level} {kind.lower()}"] = size
    return sizes
