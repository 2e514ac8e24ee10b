"""What a bug report needs: ``python -m manyclass.config`` prints it.

`show_config`, and what else of the environment changes what manyclass does: packages it works with,
variables, processors and memory.
"""

from __future__ import annotations

import importlib.metadata
import os

from manyclass._configuration import show_config

_PACKAGES = ("jax", "ml_dtypes", "scikit-learn", "tensorflow", "torch", "tqdm")
_VARIABLES = ("MANYCLASS_", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _environment() -> dict[str, object]:
    """Return what is not manyclass's own."""
    report: dict[str, object] = {package: _version(package) for package in _PACKAGES}
    if hasattr(os, "sched_getaffinity"):
        report["processors"] = f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    report["memory_gib"] = round(memory / 2**30, 1)
    report["variables"] = {
        name: value for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)
    }
    return report


def main() -> None:
    """Print one entry a line."""
    print(show_config())
    for key, value in _environment().items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    main()
