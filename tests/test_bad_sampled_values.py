"""Bad explicit candidates and expected counts of the sampled losses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from random_problems import make_problem, make_sample

PROBLEM = make_problem(1, num_classes=10, dim=3, batch=4, num_true=2)
SAMPLE = mc.SampledValues(*make_sample(2, PROBLEM, 5))


def call(sampled_values: Any, num_sampled: Any = 5) -> None:
    """Try both sampled losses; the second must not differ in what it refuses."""
    with pytest.raises((TypeError, ValueError)) as refused:
        mc.sampled_softmax_loss_and_grad(*PROBLEM, num_sampled, 10, 2, sampled_values)
    with pytest.raises(refused.type, match=re.escape(str(refused.value))):
        mc.sampled_softmax_loss(*PROBLEM, num_sampled, 10, 2, sampled_values)
    raise refused.value


def changed(name: str, place: Any, value: float) -> mc.SampledValues:
    """Return the sample with one number replaced."""
    array = getattr(SAMPLE, name).copy()
    array[place] = value
    return SAMPLE._replace(**{name: array})


@pytest.mark.parametrize("value", [10, -1, 2**40])
def test_candidate_out_of_range(value: int) -> None:
    expected = re.escape(f"sampled_candidates[3] is {value}, outside [0, 10)")
    with pytest.raises(ValueError, match=expected):
        call(changed("sampled_candidates", 3, value))


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0, np.nan, -np.inf])
def test_sampled_count_not_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match=r"sampled_expected_count\[2\] is"):
        call(changed("sampled_expected_count", 2, value))


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0, np.nan, -np.inf])
def test_true_count_not_above_zero(value: float) -> None:
    with pytest.raises(ValueError, match=r"true_expected_count\[3, 1\] is"):
        call(changed("true_expected_count", (3, 1), value))


@pytest.mark.parametrize("num_sampled", [4, 6, 1, 100])
def test_num_sampled_is_not_their_length(num_sampled: int) -> None:
    with pytest.raises(ValueError, match=rf"num_sampled is {num_sampled}\b.*\b5\b"):
        call(SAMPLE, num_sampled)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("sampled_candidates", SAMPLE.sampled_candidates.astype(np.int32), TypeError),
        ("sampled_candidates", SAMPLE.sampled_candidates.astype(float), TypeError),
        ("sampled_candidates", SAMPLE.sampled_candidates[:, None], ValueError),
        ("sampled_candidates", SAMPLE.sampled_candidates[:4], ValueError),
        ("sampled_expected_count", SAMPLE.sampled_expected_count[:4], ValueError),
        ("sampled_expected_count", SAMPLE.sampled_expected_count[None], ValueError),
        ("sampled_expected_count", SAMPLE.sampled_expected_count.astype(np.int64), TypeError),
        ("true_expected_count", SAMPLE.true_expected_count[:3], ValueError),
        ("true_expected_count", np.ones((4, 3), np.float32), ValueError),
        ("true_expected_count", np.ones((2, 4, 2), np.float32), ValueError),
        ("true_expected_count", np.ones((4, 2), np.int64), TypeError),
    ],
)
def test_wrong_shape_or_dtype(name: str, value: np.ndarray, error: type[Exception]) -> None:
    words = "num_sampled|sampled_candidates" if name == "sampled_candidates" else name
    with pytest.raises(error, match=words):
        call(SAMPLE._replace(**{name: value}))


@pytest.mark.parametrize("value", [(), SAMPLE[:2], (*SAMPLE, 1), 7, "abc"])
def test_not_three_arrays(value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="sampled_values"):
        call(value)


def test_candidates_and_a_sampler_together() -> None:
    with pytest.raises((TypeError, ValueError), match=r"sampler|sampled_values"):
        mc.sampled_softmax_loss(*PROBLEM, 5, 10, 2, SAMPLE, sampler=mc.UniformSampler(10, seed=1))


def test_a_zero_count_from_a_sampler_is_refused() -> None:
    # The unigram sampler gives a label of weight 0 an expected count of 0: its log is -inf.
    sampler = mc.UnigramSampler([0, 1, 1, 1, 1, 1, 1, 1, 1, 1], seed=1)
    labels = PROBLEM.labels.copy()
    labels[:] = 1
    labels[2, 1] = 0
    problem = PROBLEM._replace(labels=labels)
    with pytest.raises(ValueError, match=r"true_expected_count\[2, 1\] is 0"):
        mc.sampled_softmax_loss(*problem, 5, 10, 2, sampler=sampler)
