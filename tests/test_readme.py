"""README's example runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_first_example_trains_one_step(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict[str, np.ndarray] = {}
    exec(example, names)
    printed = float(capsys.readouterr().out)
    assert 0.0 < printed < np.log(100_000)  # better than guessing, on what it trained on
    assert np.count_nonzero(names["biases"]) == len(names["grads"].biases.indices)
