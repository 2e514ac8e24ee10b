"""The examples of the pages in docs run as they stand and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    "guide.md",
    "training.md",
    "evaluation.md",
    "serving.md",
    "pytorch.md",
    "jax.md",
    "tensorflow.md",
]
# A block of Python and, where it prints, what it prints.
EXAMPLE = re.compile(
    r"^ *```python\n(.*?)^ *```$(?:\n\n *```text\n(.*?)^ *```$)?", re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(
    page: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text("utf-8")
    names: dict[str, Any] = {}
    examples = list(EXAMPLE.finditer(text))
    assert examples
    for example in examples:
        line = text.count("\n", 0, example.start(1))
        # Empty lines before the code make an error's traceback name the line of the page.
        exec(compile("\n" * line + dedent(example[1]), str(DOCS / page), "exec"), names)
        assert capsys.readouterr().out == dedent(example[2] or ""), f"{page}, line {line}"


@pytest.mark.parametrize("page", [*PAGES, "cpp.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (DOCS / page).read_text("utf-8")):
        assert (DOCS / target).exists(), target


def test_the_program_of_the_page_on_cpp_is_the_example() -> None:
    program = (DOCS.parent / "examples/cpp/train_and_ask.cpp").read_text("utf-8")
    assert f"```cpp\n{program}```\n" in (DOCS / "cpp.md").read_text("utf-8")
