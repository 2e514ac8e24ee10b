"""What the examples for JAX and Keras must do, as commands, on a small text with a rule."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def check_training(script: str, tmp_path: Path) -> None:
    """Training lowers the loss of held-out text."""
    rng = random.Random(1)
    words = [f"w{k}" for k in range(60)]
    text, place = [], 0
    for _ in range(20_000):
        text.append(words[place])
        place = (3 * place + 1) % 60 if rng.random() < 0.9 else rng.randrange(60)
    path = tmp_path / "text.txt"
    path.write_text("\n".join(" ".join(text[k : k + 10]) for k in range(0, 20_000, 10)), "utf-8")
    small = ["--steps", "150", "--batch", "64", "--candidates", "20", "--dim", "16"]
    done = run(script, "--text", path, *small, "--context", "2")
    assert done.returncode == 0, done.stderr
    before, after = (
        float(re.search(rf"held-out loss {when}: ([\d.]+)", done.stdout)[1])  # type: ignore[index]
        for when in ("before", "after")
    )
    assert after < 0.7 * before


def check_help(script: str, tmp_path: Path) -> None:
    """It says what it takes, and what text is missing."""
    done = run(script, "--text", tmp_path / "none")
    assert done.returncode == 2
    assert "cannot read the text" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(script, "--help")
    assert done.returncode == 0
    for option in ("--steps", "--text", "--candidates"):
        assert option in done.stdout
