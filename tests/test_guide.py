"""The examples of docs/guide.md run as they stand and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"
# A block of Python and, where it prints, what it prints.
EXAMPLE = re.compile(
    r"^ *```python\n(.*?)^ *```$(?:\n\n *```text\n(.*?)^ *```$)?", re.DOTALL | re.MULTILINE
)


def test_examples_print_what_the_guide_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = GUIDE.read_text("utf-8")
    names: dict[str, Any] = {}
    examples = list(EXAMPLE.finditer(page))
    assert examples
    for example in examples:
        line = page.count("\n", 0, example.start(1))
        # Empty lines before the code make an error's traceback name the line of the page.
        exec(compile("\n" * line + dedent(example[1]), str(GUIDE), "exec"), names)
        assert capsys.readouterr().out == dedent(example[2] or ""), f"guide.md, line {line}"


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", GUIDE.read_text("utf-8")):
        assert (GUIDE.parent / target).exists(), target
