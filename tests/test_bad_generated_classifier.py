"""Generated bad arguments of the methods of the estimator: clear refusals that change nothing."""

from __future__ import annotations

import pytest

from classifier_calls import classifier_calls
from refusals import require_refusals

CALLS = dict(classifier_calls())


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments_are_refused(
    name: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    require_refusals(name, CALLS[name], pytestconfig, capsys)
