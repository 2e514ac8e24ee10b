"""Python code that needs a process of its own: forks, signals, environment variables."""

from __future__ import annotations

import os
import subprocess
import sys

HANG = 120  # seconds after which a child counts as hung
OUR_VARIABLES = ("MANYCLASS_NUM_THREADS", "MANYCLASS_TARGET", "OMP_NUM_THREADS")


def run_child(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code without the variables that this package reads, but for those given."""
    inherited = {name: value for name, value in os.environ.items() if name not in OUR_VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
