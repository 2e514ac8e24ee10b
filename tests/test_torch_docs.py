"""The examples of docs/pytorch.md and README's for PyTorch run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from doc_examples import DOCS, check_examples


def test_examples_print_what_the_page_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_examples("pytorch.md", capsys)


def test_the_example_of_readme_trains_a_step() -> None:
    blocks = re.findall(
        r"```python\n(.*?)```", (DOCS.parent / "README.md").read_text("utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(blocks[0], names)  # its imports and arrays
    exec(blocks[-1], names)
    assert names["output"].optimizer.iterations == 1
    assert names["hidden"].grad.shape == (256, 128)
