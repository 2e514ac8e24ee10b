"""The language model in PyTorch, as a command, on a small text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from demo_text import echo_text

SCRIPT = Path(__file__).parents[1] / "examples" / "torch_language_model.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_learns_what_a_unigram_does_not_know(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(echo_text(3000), "utf-8")
    saved = tmp_path / "model.pt"
    options = ("--steps", 150, "--candidates", 20, "--length", 8, "--dim", 32, "--save", saved)
    done = run("--text", text, *options)
    assert done.returncode == 0, done.stderr
    perplexity = {
        line.split("|")[1].strip(): float(line.split("|")[2])
        for line in done.stdout.splitlines()
        if line.startswith(("| unigram", "| this model"))
    }
    assert perplexity["this model"] < 0.7 * perplexity["unigram"]
    state = torch.load(saved, weights_only=True)
    assert state["output.weight"].shape == state["embedding.weight"].shape


def test_errors_are_one_line(tmp_path: Path) -> None:
    done = run("--text", tmp_path / "missing.txt")
    assert done.returncode != 0
    assert "missing.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_help() -> None:
    assert "--candidates" in run("--help").stdout
