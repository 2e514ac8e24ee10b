"""The examples of the pages in docs run as they stand and print what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from doc_examples import DOCS, check_examples

PAGES = ["guide.md", "training.md", "evaluation.md", "serving.md"]
# Those of frameworks run with their tests.
OTHERS = ["cpp.md", "jax.md", "pytorch.md", "tensorflow.md"]


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_says(
    page: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    check_examples(page, capsys)


@pytest.mark.parametrize("page", [*PAGES, *OTHERS])
def test_every_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (DOCS / page).read_text("utf-8")):
        assert (DOCS / target).exists(), target


def test_the_program_of_the_page_on_cpp_is_the_example() -> None:
    program = (DOCS.parent / "examples/cpp/train_and_ask.cpp").read_text("utf-8")
    assert f"```cpp\n{program}```\n" in (DOCS / "cpp.md").read_text("utf-8")
