"""Partitions of a label stream: against a plain walk, however the stream is stored."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import manyclass as mc
from agreement import assert_agrees, assert_same_bits
from random_problems import laid_out, make_problem
from reference import full_softmax

Cuts = list[tuple[int, int, list[int]]]


def plain_walk(labels: np.ndarray, most: int) -> Cuts:
    """Return (start, stop, classes): cut before the row that would make too many classes."""
    cuts: Cuts = []
    start, seen = 0, set[int]()
    rows = labels if labels.ndim == 2 else labels[:, None]
    for i, row in enumerate(rows.tolist()):
        if len(seen | set(row)) > most:
            cuts.append((start, i, sorted(seen)))
            start, seen = i, set()
        seen |= set(row)
    if start < len(labels):
        cuts.append((start, len(labels), sorted(seen)))
    return cuts


def cuts_of(stream: Any, num_classes: int, most: int) -> Cuts:
    """Return the library's partitions."""
    partitions = mc.VocabularyPartitions(stream, num_classes, most)
    return [(part.start, part.stop, part.candidates.tolist()) for part in partitions]


streams = st.one_of(
    st.lists(st.integers(0, 130), max_size=60).map(lambda ids: np.array(ids, np.int64)),
    st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), max_size=40).map(
        lambda rows: np.array(rows, np.int64).reshape(-1, 3)
    ),
)


@given(
    streams,
    st.sampled_from([131, 10**5]),  # sets are put in order in one of two ways
    st.integers(3, 12),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_partitions_are_those_of_a_plain_walk(
    labels: np.ndarray, num_classes: int, most: int, places: list[int]
) -> None:
    expected = plain_walk(labels, most)
    assert cuts_of(labels, num_classes, most) == expected
    batches = np.split(labels, sorted(min(place, len(labels)) for place in places))
    assert cuts_of(iter(batches), num_classes, most) == expected
    assert cuts_of(batches, num_classes, most) == expected


def test_stretches_cover_the_stream_and_are_as_long_as_they_can_be() -> None:
    labels = np.random.default_rng(1).zipf(1.2, 20_000) % 5000
    partitions = list(mc.VocabularyPartitions(labels, 5000, 300))
    assert partitions[0].start == 0
    assert partitions[-1].stop == 20_000
    for part, after in itertools.pairwise(partitions):
        assert part.stop == after.start
        assert part.num_sampled == 300
        assert_same_bits(part.candidates, np.unique(labels[part.start : part.stop]))
        assert labels[after.start] not in part.candidates


@pytest.mark.parametrize("layout", ["column slice", "reversed rows", "every second row"])
def test_other_layouts(layout: str) -> None:
    labels = np.random.default_rng(2).integers(0, 50, (200, 2))
    assert cuts_of(laid_out(labels, layout), 50, 10) == plain_walk(labels, 10)
    assert cuts_of(labels[:, 1], 50, 10) == plain_walk(labels[:, 1], 10)


def test_a_memory_map(tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 100, 5000)
    path = tmp_path / "labels.npy"
    np.save(path, labels)
    assert cuts_of(np.load(path, mmap_mode="r"), 100, 20) == plain_walk(labels, 20)


def test_a_list_of_ids_and_an_iterator_of_lists() -> None:
    ids = [4, 2, 4, 2, 7, 7, 4, 0]
    expected = [(0, 4, [2, 4]), (4, 7, [4, 7]), (7, 8, [0])]
    assert cuts_of(ids, 10, 2) == expected
    assert cuts_of(([one] for one in ids), 10, 2) == expected
    assert cuts_of([], 10, 2) == []
    assert cuts_of(iter([]), 10, 2) == []


def test_each_iteration_walks_anew_and_batches_are_read_when_needed() -> None:
    partitions = mc.VocabularyPartitions(np.arange(10), 10, 4)
    assert [part.start for part in partitions] == [part.start for part in partitions] == [0, 4, 8]
    read = []

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, 100, 10):
            read.append(start)
            yield np.arange(start, start + 10)

    first = next(iter(mc.VocabularyPartitions(batches(), 100, 15)))
    assert (first.start, first.stop) == (0, 15)
    assert read == [0, 10]


@pytest.mark.parametrize("correction", ["all", "sampled", "none"])
@pytest.mark.parametrize("num_true", [1, 2])
def test_the_loss_is_the_exact_softmax_over_the_classes_of_the_stretch(
    num_true: int, correction: str
) -> None:
    problem = make_problem(4, num_classes=40, dim=6, batch=60, num_true=num_true, dtype=np.float64)
    labels = problem.labels
    if num_true == 2:  # a class that is two of a row's labels counts twice in the sampled softmax
        labels[labels[:, 0] == labels[:, 1], 1] = 39 - labels[labels[:, 0] == labels[:, 1], 1]
    for part in mc.VocabularyPartitions(labels, 40, 12):
        rows = slice(part.start, part.stop)
        values = part.sampled_values(labels[rows])
        loss, gradients = mc.sampled_softmax_loss_and_grad(
            problem.weights,
            problem.biases,
            labels[rows],
            problem.inputs[rows],
            part.num_sampled,
            40,
            num_true,
            values,
            log_q_correction=correction,
        )
        small = problem._replace(
            weights=problem.weights[part.candidates],
            biases=problem.biases[part.candidates],
            labels=np.searchsorted(part.candidates, labels[rows]),
            inputs=problem.inputs[rows],
        )
        expected_loss, expected = full_softmax(small)
        assert_agrees(loss, expected_loss)
        assert_agrees(gradients.inputs, expected.inputs)
        assert_agrees(gradients.weights.to_dense()[part.candidates], expected.weights)
        assert set(gradients.weights.indices.tolist()) <= set(part.candidates.tolist())


def test_labels_of_a_stream_of_one_dimension() -> None:
    labels = np.array([3, 1, 3, 2])
    (part,) = mc.VocabularyPartitions(labels, 5, 3)
    values = part.sampled_values(labels)
    assert values.sampled_candidates.tolist() == [1, 2, 3]
    assert values.true_expected_count.tolist() == [[1.0]] * 4
    assert values.sampled_expected_count.tolist() == [1.0] * 3
    assert values.true_expected_count.dtype == values.sampled_expected_count.dtype == np.float32
    assert part.sampled_values([[1, 2]]).true_expected_count.shape == (1, 2)


@pytest.mark.parametrize(
    ("labels", "error", "pattern"),
    [
        (np.array([[1], [4]]), ValueError, r"labels\[1, 0\] is 4, .* the 3 candidates"),
        (np.array([0]), ValueError, r"labels\[0, 0\] is 0"),
        (np.array([1], np.int32), TypeError, "labels.*int32.*int64"),
        (np.zeros((1, 1, 1), np.int64), ValueError, "labels has shape"),
    ],
)
def test_labels_of_another_stretch_are_refused(
    labels: Any, error: type[Exception], pattern: str
) -> None:
    (part,) = mc.VocabularyPartitions(np.array([3, 1, 3, 2]), 5, 3)
    with pytest.raises(error, match=pattern):
        part.sampled_values(labels)


BAD_ARGUMENTS: dict[str, tuple[Any, Any, Any, type[Exception], str]] = {
    "no class": ([1], 0, 2, ValueError, r"num_classes is 0"),
    "no candidate": ([1], 5, 0, ValueError, r"max_candidates is 0"),
    "fewer than none": ([1], 5, -3, ValueError, r"max_candidates is -3"),
    "float": ([1], 5, 2.0, TypeError, "max_candidates"),
    "dtype": (np.array([1], np.int32), 5, 2, TypeError, "labels.*int32.*int64"),
    "rank": (np.zeros((2, 2, 2), np.int64), 5, 2, ValueError, re.escape("[2, 2, 2]")),
    "a number": (7, 5, 2, TypeError, "labels is a int"),
}


@pytest.mark.parametrize(
    ("labels", "num_classes", "most", "error", "pattern"),
    BAD_ARGUMENTS.values(),
    ids=BAD_ARGUMENTS,
)
def test_bad_arguments(
    labels: Any, num_classes: Any, most: Any, error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        mc.VocabularyPartitions(labels, num_classes, most)


def test_bad_labels_are_named_by_their_row_in_the_stream() -> None:
    batches = [np.array([0, 1, 2]), np.array([3, 5])]
    partitions = iter(mc.VocabularyPartitions(batches, 5, 3))
    assert next(partitions).stop == 3
    with pytest.raises(ValueError, match=re.escape("a class of row 4 is 5, outside [0, 5)")):
        next(partitions)
    with pytest.raises(ValueError, match=re.escape("a class of row 1 is -1, outside [0, 5)")):
        list(mc.VocabularyPartitions([0, -1], 5, 3))
    with pytest.raises(ValueError, match=r"row 1 has 3 classes, more than max_candidates 2"):
        list(mc.VocabularyPartitions([[0, 0, 1], [0, 1, 2]], 5, 2))
