"""Running the examples of a page of docs."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# A block of Python and, where it prints, what it prints.
EXAMPLE = re.compile(
    r"^ *```python\n(.*?)^ *```$(?:\n\n *```text\n(.*?)^ *```$)?", re.DOTALL | re.MULTILINE
)


def check_examples(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a page's examples, one after the other, and compare what they print."""
    text = (DOCS / page).read_text("utf-8")
    names: dict[str, Any] = {}
    examples = list(EXAMPLE.finditer(text))
    assert examples
    for example in examples:
        line = text.count("\n", 0, example.start(1))
        # Empty lines before the code make an error's traceback name the line of the page.
        exec(compile("\n" * line + dedent(example[1]), str(DOCS / page), "exec"), names)
        assert capsys.readouterr().out == dedent(example[2] or ""), f"{page}, line {line}"
