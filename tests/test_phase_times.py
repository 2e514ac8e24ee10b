"""The clocks that bench/limits.py reads."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import manyclass as mc
from agreement import assert_same_bits
from manyclass import _core
from random_problems import make_problem

PHASES = [
    "draw",
    "plan",
    "gather",
    "logits",
    "loss",
    "grad_inputs",
    "grad_candidates",
    "sum_by_class",
]
PROBLEM = make_problem(1, num_classes=2000, dim=48, batch=200)


@pytest.fixture
def recording() -> Iterator[None]:
    """Record phases, and stop in the end."""
    _core.record_phases(True)
    yield
    _core.record_phases(False)


@pytest.mark.usefixtures("recording")
def test_all_phases_of_a_step_are_measured_and_fit_into_its_time() -> None:
    start = time.perf_counter()
    mc.sampled_softmax_loss_and_grad(*PROBLEM, 300, 2000, seed=1, num_threads=1)
    elapsed = time.perf_counter() - start
    seconds = _core.phase_seconds()
    assert list(seconds) == PHASES
    assert all(value > 0 for value in seconds.values())
    assert sum(seconds.values()) < elapsed


@pytest.mark.usefixtures("recording")
def test_a_loss_alone_has_no_backward_phases() -> None:
    mc.sampled_softmax_loss(*PROBLEM, 300, 2000, seed=1)
    measured = {name for name, value in _core.phase_seconds().items() if value > 0}
    assert measured == {"draw", "plan", "gather", "logits", "loss"}


def test_recording_starts_from_zero_and_changes_no_bit() -> None:
    expected = mc.sampled_softmax_loss(*PROBLEM, 300, 2000, seed=1)
    _core.record_phases(True)
    assert_same_bits(mc.sampled_softmax_loss(*PROBLEM, 300, 2000, seed=1), expected)
    before = _core.phase_seconds()
    _core.record_phases(False)
    mc.sampled_softmax_loss(*PROBLEM, 300, 2000, seed=1)
    assert _core.phase_seconds() == before
    _core.record_phases(True)
    assert set(_core.phase_seconds().values()) == {0.0}
    _core.record_phases(False)
