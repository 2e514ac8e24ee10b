"""Generated bad arguments of every function of manyclass.torch: refusals that change nothing."""

from __future__ import annotations

import pytest

import manyclass.torch as mct
from refusals import require_refusals
from torch_calls import torch_calls

CALLS = dict(torch_calls())


def test_no_public_name_is_forgotten() -> None:
    assert set(mct.__all__) <= {name.split(":")[0].split(".")[0] for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_the_good_call_is_good(name: str) -> None:
    CALLS[name].function(**CALLS[name].arguments)


@pytest.mark.parametrize("name", CALLS)
def test_bad_arguments_are_refused(
    name: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    require_refusals(name, CALLS[name], pytestconfig, capsys)
