"""Generated bad arguments of the methods of the estimator: clear refusals that change nothing."""

from __future__ import annotations

import pytest

from classifier_calls import classifier_calls
from manyclass import SampledSoftmaxClassifier
from refusals import require_refusals

CALLS = dict(classifier_calls())


def test_no_public_method_is_forgotten() -> None:
    own = [c for c in SampledSoftmaxClassifier.__mro__ if c.__module__.startswith("manyclass")]
    methods = {name for c in own for name, value in vars(c).items() if callable(value)}
    assert {name for name in methods if not name.startswith(("_", "set_"))} <= CALLS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_the_good_call_is_good(name: str) -> None:
    CALLS[name].function(**CALLS[name].arguments)


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments_are_refused(
    name: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    require_refusals(name, CALLS[name], pytestconfig, capsys)
