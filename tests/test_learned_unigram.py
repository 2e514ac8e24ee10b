"""The learned unigram sampler: TensorFlow's ids call after call, what is learned and when."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_same_bits
from philox_reference import PhiloxStream, ReferenceSampler
from tensorflow_cases import Case, case_name, cases_of

NO_LABELS = np.zeros((0, 1), np.int64)
MOST_TOTAL = 2**31 - 1


class LearnedUnigram:
    """The proposal in plain Python: a pick by cumulative integer weights."""

    def __init__(self, num_classes: int) -> None:
        self.weights = np.ones(num_classes, np.int64)

    def draw_one(self, stream: PhiloxStream) -> int:
        """Draw one class."""
        cumulative = np.cumsum(self.weights)
        return int(np.searchsorted(cumulative, stream.below(int(cumulative[-1]), 32), "right"))

    def probability(self, ids: np.ndarray) -> np.ndarray:
        """Return float32(weight) / float32(total)."""
        return self.weights[ids].astype(np.float32) / np.float32(self.weights.sum())

    def learn(self, labels: np.ndarray) -> None:
        """Count each entry."""
        np.add.at(self.weights, labels.reshape(-1), 1)


def weights_of(sampler: mc.LearnedUnigramSampler) -> list[int]:
    """Return the weights as plain integers."""
    learned: list[int] = sampler.state_dict()["weights"].tolist()
    return learned


def sampler_with(weights: Any, seed: Any = 1) -> mc.LearnedUnigramSampler:
    """Return a sampler that has learned ``weights``."""
    sampler = mc.LearnedUnigramSampler(len(weights), seed=seed)
    sampler.load_state_dict(sampler.state_dict() | {"weights": weights})
    return sampler


def assert_within_ulps(actual: np.ndarray, expected: np.ndarray, most: int = 2) -> None:
    """Hold positive float32 values to a distance counted in representable numbers."""
    assert actual.dtype == np.float32
    assert actual.shape == expected.shape
    distance = actual.view(np.int32).astype(np.int64) - expected.astype(np.float32).view(np.int32)
    assert np.abs(distance).max(initial=0) <= most


@pytest.mark.parametrize("case", cases_of("learned_unigram"), ids=case_name)
def test_tensorflow_gives_the_same_ids_and_counts(case: Case) -> None:
    sampler = mc.LearnedUnigramSampler(case["range_max"], seed=tuple(case["seeds"]))
    for call in case["calls"]:
        labels = np.array(call["true_classes"])
        values = sampler.sample(labels, case["num_sampled"], unique=case["unique"])
        assert values.sampled_candidates.tolist() == call["sampled_candidates"]
        true_count = np.array(call["true_expected_count"]).reshape(labels.shape)
        assert_within_ulps(values.true_expected_count, true_count)
        assert_within_ulps(values.sampled_expected_count, np.array(call["sampled_expected_count"]))


@given(
    st.integers(1, 300),
    st.integers(1, 30),
    st.booleans(),
    st.tuples(st.integers(0, 2**31 - 2), st.integers(1, 2**31 - 2)),
    st.data(),
)
def test_plain_python_learns_the_same(
    num_classes: int, num_sampled: int, unique: bool, seed: tuple[int, int], data: Any
) -> None:
    if unique:
        num_sampled = min(num_sampled, num_classes // 2 + 1)
    sampler, proposal = (
        mc.LearnedUnigramSampler(num_classes, seed=seed),
        LearnedUnigram(num_classes),
    )
    oracle = ReferenceSampler(proposal, seed)
    entries = st.lists(st.integers(0, num_classes - 1), max_size=40)
    for _ in range(3):
        labels = np.array(data.draw(entries), np.int64).reshape(-1, 1)
        values = sampler.sample(labels, num_sampled, unique=unique)
        ids, true_count, sampled_count = oracle.sample(labels, num_sampled, unique)
        assert values.sampled_candidates.tolist() == ids.tolist()
        assert_within_ulps(values.true_expected_count, true_count, 4)
        assert_within_ulps(values.sampled_expected_count, sampled_count, 4)
        proposal.learn(labels)
        assert weights_of(sampler) == proposal.weights.tolist()


def test_learns_after_the_sample_and_every_entry_counts() -> None:
    sampler = mc.LearnedUnigramSampler(4, seed=1)
    labels = np.array([[1, 1], [3, 1]])
    first = sampler.sample(labels, 2, unique=False)
    assert first.true_expected_count.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert weights_of(sampler) == [1, 4, 1, 2]
    second = sampler.sample(labels, 2, unique=False)
    assert second.true_expected_count.tolist() == [[1.0, 1.0], [0.5, 1.0]]
    assert sampler.probability(np.arange(4)).tolist() == [1 / 12, 7 / 12, 1 / 12, 3 / 12]


def test_draw_learns_nothing() -> None:
    sampler = mc.LearnedUnigramSampler(5, seed=1)
    sampler.draw(1000)
    assert weights_of(sampler) == [1] * 5


REFUSED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "one label out of range": ([[0], [1], [5]], 2, {}),
    "no candidates": ([[0]], 0, {}),
    "more candidates than classes": ([[0]], 6, {}),
    "labels of rank 1": ([0, 1], 2, {}),
    "labels of another dtype": (np.zeros((2, 1), np.int32), 2, {}),
    "another dtype of counts": ([[0]], 2, {"dtype": np.int64}),
    "a seed that is none": ([[0]], 2, {"seed": "1"}),
}


@pytest.mark.parametrize(("labels", "size", "options"), REFUSED.values(), ids=REFUSED)
def test_a_refused_call_teaches_nothing(labels: Any, size: Any, options: dict[str, Any]) -> None:
    sampler, twin = (mc.LearnedUnigramSampler(5, seed=1) for _ in range(2))
    with pytest.raises((ValueError, TypeError)):
        sampler.sample(labels, size, **options)
    assert weights_of(sampler) == [1] * 5
    assert_same_bits(sampler.draw(20), twin.draw(20))


def test_a_loss_teaches_its_labels_and_a_refused_one_nothing() -> None:
    sampler = mc.LearnedUnigramSampler(6, seed=1)
    weights, biases = np.ones((6, 3), np.float32), np.zeros(6, np.float32)
    labels, inputs = np.array([[2], [2], [5]]), np.ones((3, 3), np.float32)
    mc.sampled_softmax_loss(weights, biases, labels, inputs, 3, 6, sampler=sampler)
    assert weights_of(sampler) == [1, 1, 3, 1, 1, 2]
    bad: list[dict[str, Any]] = [
        {"grad_loss": np.ones(2, np.float32)},
        {"num_threads": 0},
        {"partition_strategy": "neither"},
        {"log_q_correction": "neither"},
    ]
    for options in bad:
        with pytest.raises(ValueError, match=next(iter(options))):
            mc.sampled_softmax_loss_and_grad(
                weights, biases, labels, inputs, 3, 6, sampler=sampler, **options
            )
    assert weights_of(sampler) == [1, 1, 3, 1, 1, 2]


def test_nothing_is_learned_beyond_the_total() -> None:
    # TensorFlow learns the first INT32_MAX - total entries of a call.
    sampler = sampler_with([1, MOST_TOTAL - 5, 1])
    sampler.sample(np.array([[0, 2], [2, 2], [0, 0]]), 2)
    assert weights_of(sampler) == [2, MOST_TOTAL - 5, 3]
    twin = sampler_with([2, MOST_TOTAL - 5, 3])
    twin.load_state_dict(sampler.state_dict())
    sampler.sample(np.array([[0]]), 1)
    twin.sample(np.array([[0]]), 1)
    assert weights_of(sampler) == [2, MOST_TOTAL - 5, 3]
    assert_same_bits(sampler.draw(50), twin.draw(50))


def test_one_heavy_class_does_not_stop_unique_candidates() -> None:
    sampler = sampler_with([1] * 49 + [2**30])
    values = sampler.sample(np.array([[49]]), 50)
    assert sorted(values.sampled_candidates.tolist()) == list(range(50))
    assert values.sampled_candidates[0] == 49
    assert (values.true_expected_count == 1.0).all()


@pytest.mark.parametrize("num_classes", [2**31 - 1, 2**31, 2**62, 0, -1])
def test_num_classes_that_int32_cannot_count(num_classes: int) -> None:
    with pytest.raises(ValueError, match=rf"num_classes is {num_classes};.* {2**31 - 2}$"):
        mc.LearnedUnigramSampler(num_classes)


def test_a_state_survives_json() -> None:
    sampler = mc.LearnedUnigramSampler(20, seed=4)
    sampler.sample(np.array([[3, 3], [7, 19]]), 5)
    state = sampler.state_dict()
    text = json.dumps(state | {"weights": state["weights"].tolist()})
    other = mc.LearnedUnigramSampler(20, seed=5)
    other.load_state_dict(json.loads(text))
    for _ in range(3):
        mine, restored = (s.sample(np.array([[1]]), 9) for s in (sampler, other))
        for one, two in zip(mine, restored, strict=True):
            assert_same_bits(one, two)


def test_a_state_is_a_copy() -> None:
    sampler = mc.LearnedUnigramSampler(3, seed=4)
    state = sampler.state_dict()
    sampler.sample(np.array([[1]]), 1)
    state["weights"][:] = 7
    assert weights_of(sampler) == [1, 2, 1]


BAD_WEIGHTS: dict[str, tuple[Any, str]] = {
    "none": (None, "weights"),
    "too few": ([1, 2], r"\b2\b.*\b3\b"),
    "too many": ([1, 2, 3, 4], r"\b4\b.*\b3\b"),
    "zero": ([1, 0, 3], re.escape("weights[1] is 0")),
    "negative": ([1, 2, -3], re.escape("weights[2] is -3")),
    "too large": ([1, 2**31, 3], re.escape(f"weights[1] is {2**31}")),
    "beyond int64": (np.array([1, 2, 2**64 - 1], np.uint64), re.escape("weights[2]")),
    "too large a sum": ([2**30, 2**30, 1], f"{2**31 + 1}.*{2**31 - 1}"),
    "floats": ([1.0, 2.0, 3.0], "float64"),
    "rank 2": ([[1, 2, 3]], re.escape("[1, 3]")),
    "words": (["a", "b", "c"], "weights"),
}


@pytest.mark.parametrize(("weights", "pattern"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_bad_weights_change_nothing(weights: Any, pattern: str) -> None:
    sampler, twin = (sampler_with([4, 2, 3]) for _ in range(2))
    state = mc.LearnedUnigramSampler(3, seed=77).state_dict()
    with pytest.raises(ValueError, match=pattern):
        sampler.load_state_dict(state | {"weights": weights})
    with pytest.raises(ValueError, match="stream"):
        sampler.load_state_dict(state | {"stream": (1, 2)})
    assert weights_of(sampler) == [4, 2, 3]
    assert_same_bits(sampler.draw(20), twin.draw(20))


def test_threads_lose_no_label() -> None:
    num_classes, num_calls, num_threads = 100, 200, 4
    sampler = mc.LearnedUnigramSampler(num_classes, seed=1)
    failures: list[BaseException] = []

    def work(k: int) -> None:
        random = np.random.default_rng(k)
        try:
            for _ in range(num_calls):
                labels = random.integers(0, num_classes // 4, (8, 2)) * 4 + k
                values = sampler.sample(labels, 20)
                assert len(set(values.sampled_candidates.tolist())) == 20
                # All of one moment, so they sum to 1.
                assert sampler.probability(np.arange(num_classes)).sum() == pytest.approx(1.0)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    expected = np.ones(num_classes, np.int64)
    for k in range(num_threads):
        random = np.random.default_rng(k)
        for _ in range(num_calls):
            np.add.at(expected, random.integers(0, num_classes // 4, (8, 2)) * 4 + k, 1)
    assert weights_of(sampler) == expected.tolist()
