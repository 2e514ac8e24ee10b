"""The example for Keras, as a command."""

from __future__ import annotations

from pathlib import Path

from example_commands import check_help, check_training

SCRIPT = "keras_fit.py"


def test_training_lowers_the_loss_of_held_out_text(tmp_path: Path) -> None:
    check_training(SCRIPT, tmp_path)


def test_help_and_a_missing_text(tmp_path: Path) -> None:
    check_help(SCRIPT, tmp_path)
