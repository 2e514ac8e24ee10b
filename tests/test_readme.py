"""README's examples run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_examples_train_a_step_and_serve(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, layer, estimator, _ = re.findall(
        r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(first, names)
    printed = float(capsys.readouterr().out)
    assert 0.0 < printed < np.log(100_000)  # better than guessing, on what it trained on
    assert np.count_nonzero(names["biases"]) == len(names["grads"].biases.indices)
    exec(layer, names)
    assert names["classes"].shape == (256, 5)
    assert (names["served"].weights == names["layer"].weights).all()
    assert capsys.readouterr().out.startswith("{1: ")
    exec(estimator, names)
    assert float(capsys.readouterr().out.split()[0]) > 0.9
