"""The examples of docs/tensorflow.md run as they stand and print what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from doc_examples import check_examples


def test_examples_print_what_the_page_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_examples("tensorflow.md", capsys)
