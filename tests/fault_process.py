"""Processes in which something goes wrong: with a limit of time, so that a hang is a failure."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HANG = 120.0  # seconds beyond those asked for, after which a process counts as hung
SETUP = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"


def _command(code: str, *arguments: object) -> list[str]:
    # With this folder's modules at hand.
    return [sys.executable, "-c", SETUP + code, *map(str, arguments)]


def run_faults(code: str, seconds: float, *arguments: object) -> list[str]:
    """Run code that goes on for so many seconds, its first argument; return the words it prints."""
    child = subprocess.run(
        _command(code, seconds, *arguments),
        capture_output=True,
        text=True,
        timeout=HANG + seconds,
        check=False,
    )
    assert child.returncode == 0, child.stdout + child.stderr
    return child.stdout.split()


@contextmanager
def started(code: str, seconds: float, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that runs code; it is killed at the end, or when it counts as hung."""
    with subprocess.Popen(_command(code, *arguments), stdout=subprocess.PIPE) as process:
        watchdog = threading.Timer(HANG + seconds, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            process.kill()
            watchdog.cancel()
