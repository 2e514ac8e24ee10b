"""The functions with TensorFlow's names: its signatures, its results, what they refuse."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits
from tensorflow_cases import Case, case_name, cases_of, counts_of

LABELS = np.array([[0, 1], [2, 9]])
COMMON = ["true_classes", "num_true", "num_sampled", "unique"]

DRAWING: dict[str, Any] = {
    "uniform": mc.uniform_candidate_sampler,
    "log_uniform": mc.log_uniform_candidate_sampler,
    "learned_unigram": mc.learned_unigram_candidate_sampler,
}
SAMPLERS: dict[str, Any] = {
    "uniform": mc.UniformSampler,
    "log_uniform": mc.LogUniformSampler,
    "learned_unigram": mc.LearnedUnigramSampler,
}


def fixed_of_ten(
    true_classes: Any, num_true: Any, num_sampled: Any, unique: Any, range_max: Any, **options: Any
) -> mc.SampledValues:
    """Call the fixed unigram function with a weight for each of ten classes."""
    return mc.fixed_unigram_candidate_sampler(
        true_classes, num_true, num_sampled, unique, range_max, unigrams=[1] * 10, **options
    )


each_drawing = pytest.mark.parametrize("function", DRAWING.values(), ids=DRAWING)
each_function = pytest.mark.parametrize(
    "function", [*DRAWING.values(), fixed_of_ten], ids=[*DRAWING, "fixed_unigram"]
)


def test_signatures_are_tensorflows() -> None:
    plain = [*COMMON, "range_max", "seed", "name", "dtype"]
    fixed = ["vocab_file", "distortion", "num_reserved_ids", "num_shards", "shard", "unigrams"]
    expected = dict.fromkeys(DRAWING.values(), plain) | {
        mc.fixed_unigram_candidate_sampler: [*plain[:5], *fixed, *plain[5:]],
        mc.all_candidate_sampler: [*COMMON, *plain[5:]],
        mc.compute_accidental_hits: [
            "true_classes",
            "sampled_candidates",
            "num_true",
            "seed",
            "name",
        ],
    }
    for function, names in expected.items():
        parameters = inspect.signature(function).parameters
        assert list(parameters) == names
        keyword_only = [n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
        assert keyword_only == [n for n in names if n == "dtype"]


@pytest.mark.parametrize("case", cases_of(*DRAWING, "fixed_unigram"), ids=case_name)
def test_tensorflows_first_call(case: Case) -> None:
    call = case["calls"][0]
    arguments = (call["true_classes"], 2, case["num_sampled"], case["unique"], case["range_max"])
    seed = tuple(case["seeds"])
    if case["sampler"] == "fixed_unigram":
        values = mc.fixed_unigram_candidate_sampler(
            *arguments, unigrams=counts_of(case), distortion=case["distortion"], seed=seed
        )
    else:
        values = DRAWING[case["sampler"]](*arguments, seed=seed)
    assert values.sampled_candidates.tolist() == call["sampled_candidates"]


@pytest.mark.parametrize("case", cases_of("numbered_unigram"), ids=case_name)
def test_tensorflows_reserved_ids_and_shards(case: Case, tmp_path: Path) -> None:
    seed, numbering = tuple(case["seeds"]), case["numbering"]
    sampler = mc.UnigramSampler(
        case["unigrams"], distortion=case["distortion"], seed=seed, **numbering
    )
    assert sampler.num_classes == case["range_max"]
    for call in case["calls"]:
        labels = np.array(call["true_classes"])
        values = sampler.sample(labels, case["num_sampled"], unique=case["unique"])
        assert values.sampled_candidates.tolist() == call["sampled_candidates"]
        for ours, theirs in zip(
            values[1:], (call["true_expected_count"], call["sampled_expected_count"]), strict=True
        ):
            np.testing.assert_allclose(ours.ravel(), theirs, rtol=5e-7)
    vocabulary = tmp_path / "vocabulary.csv"
    vocabulary.write_text("\n".join(f"word,{weight}" for weight in case["unigrams"]))
    call = case["calls"][0]
    arguments = (call["true_classes"], 2, case["num_sampled"], case["unique"], case["range_max"])
    for source in ({"unigrams": case["unigrams"]}, {"vocab_file": vocabulary}):
        values = mc.fixed_unigram_candidate_sampler(
            *arguments, distortion=case["distortion"], seed=seed, **numbering, **source
        )
        assert values.sampled_candidates.tolist() == call["sampled_candidates"]


def test_reserved_ids_are_never_drawn() -> None:
    values = mc.fixed_unigram_candidate_sampler(
        [[0, 2]], 2, 3, True, 5, num_reserved_ids=2, unigrams=[3, 1, 2]
    )
    assert sorted(values.sampled_candidates.tolist()) == [2, 3, 4]
    assert values.true_expected_count[0, 0] == 0.0
    with pytest.raises(ValueError, match=r"num_sampled is 4.*only 3 of 5"):
        mc.fixed_unigram_candidate_sampler(
            [[0]], 1, 4, True, 5, num_reserved_ids=2, unigrams=[3, 1, 2]
        )


@each_drawing
@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float64"])
def test_one_call_of_a_fresh_sampler(function: Any, dtype: Any) -> None:
    name = next(n for n, f in DRAWING.items() if f is function)
    for seed in (5, (3, 4)):
        values = function(LABELS, 2, 6, True, 10, seed, "ignored", dtype=dtype)
        again = function(LABELS, 2, 6, True, 10, seed=seed, dtype=dtype)
        own = SAMPLERS[name](10, seed=seed).sample(LABELS, 6, dtype=dtype)
        assert isinstance(values, mc.SampledValues)
        for one, two, three in zip(values, again, own, strict=True):
            assert_same_bits(one, two)
            assert_same_bits(one, three)
        assert values.true_expected_count.dtype == dtype
    fresh = [tuple(function([[0]], 1, 40, False, 10).sampled_candidates) for _ in range(2)]
    assert fresh[0] != fresh[1]


@pytest.mark.parametrize("as_given", [list, tuple, np.array, np.float32])
def test_unigrams_of_any_kind(as_given: Any) -> None:
    counts = [4.0, 1.0, 2.0, 8.0]
    values = mc.fixed_unigram_candidate_sampler(
        [[0]], 1, 3, True, 4, unigrams=as_given(counts), seed=2
    )
    own = mc.UnigramSampler(counts, seed=2).sample([[0]], 3)
    assert_same_bits(values.sampled_candidates, own.sampled_candidates)


def test_an_empty_batch() -> None:
    for function in (*DRAWING.values(), fixed_of_ten):
        values = function(np.zeros((0, 3), np.int64), 3, 4, True, 10)
        assert values.true_expected_count.shape == (0, 3)


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "labels of rank 1": ({"true_classes": [0, 1]}, ValueError, r"true_classes has shape \[2\]"),
    "labels of rank 3": ({"true_classes": LABELS[None]}, ValueError, r"true_classes.*\[1, 2, 2\]"),
    "ragged labels": ({"true_classes": [[0], [1, 2]]}, ValueError, "true_classes"),
    "labels int32": ({"true_classes": LABELS.astype(np.int32)}, TypeError, "true_classes.*int32"),
    "labels float": ({"true_classes": LABELS * 1.0}, TypeError, "true_classes.*float64"),
    "labels None": ({"true_classes": None}, TypeError, "true_classes"),
    "other num_true": ({"num_true": 3}, ValueError, "true_classes has 2 columns, num_true is 3"),
    "num_true 0": ({"num_true": 0}, ValueError, "num_true is 0"),
    "num_true a float": ({"num_true": 2.0}, TypeError, "num_true is 2.0"),
    "label too large": (
        {"true_classes": [[0, 1], [2, 10]]},
        ValueError,
        re.escape("true_classes[1, 1] is 10, outside [0, 10)"),
    ),
    "label below 0": (
        {"true_classes": [[-1, 1]]},
        ValueError,
        re.escape("true_classes[0, 0] is -1, outside [0, 10)"),
    ),
    "num_sampled 0": ({"num_sampled": 0}, ValueError, "num_sampled is 0"),
    "num_sampled below 0": ({"num_sampled": -3, "unique": False}, ValueError, "num_sampled is -3"),
    "num_sampled huge": (
        {"num_sampled": 2**31, "unique": False},
        ValueError,
        f"num_sampled is {2**31}; .*{2**31 - 1}",
    ),
    "num_sampled a float": ({"num_sampled": 3.0}, TypeError, "num_sampled is 3.0"),
    "num_sampled beyond int64": ({"num_sampled": 2**63}, ValueError, f"num_sampled is {2**63}"),
    "range_max 0": ({"range_max": 0}, ValueError, "range_max is 0"),
    "range_max below 0": ({"range_max": -9}, ValueError, "range_max is -9"),
    "range_max a string": ({"range_max": "10"}, TypeError, "range_max is '10'"),
    "range_max beyond int64": ({"range_max": 2**64}, ValueError, f"range_max is {2**64}"),
    "range too small": (
        {"num_sampled": 11},
        ValueError,
        "num_sampled is 11, more than range_max 10 with unique candidates",
    ),
    "unique a number": ({"unique": 10}, TypeError, "unique is 10"),
    "seed": ({"seed": 1.5}, TypeError, "seed is 1.5"),
    "dtype": ({"dtype": np.float16}, TypeError, "dtype is float16"),
}


@each_function
@pytest.mark.parametrize(("changed", "error", "pattern"), BAD.values(), ids=BAD)
def test_bad_arguments(
    function: Any, changed: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    arguments = {
        "true_classes": LABELS,
        "num_true": 2,
        "num_sampled": 4,
        "unique": True,
        "range_max": 10,
    }
    function(**arguments)
    with pytest.raises(error, match=pattern):
        function(**(arguments | changed))


def test_a_range_that_learning_cannot_count() -> None:
    for range_max in (2**31 - 1, 2**31, 2**40):
        with pytest.raises(ValueError, match=f"range_max is {range_max};.*{2**31 - 2}"):
            mc.learned_unigram_candidate_sampler([[0]], 1, 2, True, range_max)


def test_fixed_unigram_wants_one_source_of_the_right_length(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocabulary.csv"
    vocabulary.write_text("a,1\nb,2\nc,3\n")
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({}, ValueError, "vocab_file and unigrams: neither"),
        ({"unigrams": [], "vocab_file": ""}, ValueError, "vocab_file and unigrams: neither"),
        ({"unigrams": [1, 2], "vocab_file": vocabulary}, ValueError, "unigrams: both"),
        ({"unigrams": [1, 2, 3]}, ValueError, "range_max is 2, unigrams .* give 3 classes"),
        ({"vocab_file": vocabulary}, ValueError, "range_max is 2, vocab_file .* give 3 classes"),
        ({"unigrams": [1, 2], "num_reserved_ids": 1}, ValueError, "range_max is 2.* 3 classes"),
        ({"unigrams": [1, -2]}, ValueError, r"unigrams\[1\].*-2"),
        ({"unigrams": [1, np.nan]}, ValueError, r"unigrams\[1\].*nan"),
        ({"unigrams": [0, 0]}, ValueError, "unigrams has no weight above zero"),
        ({"unigrams": ["a", "b"]}, TypeError, "unigrams has dtype"),
        ({"unigrams": [[1, 2]]}, ValueError, r"unigrams has shape \[1, 2\]"),
        ({"unigrams": [1, 0]}, ValueError, "num_sampled is 2.*only 1 of 2"),
        ({"unigrams": [1, 2], "distortion": np.nan}, ValueError, "distortion is nan"),
        ({"unigrams": [1, 2], "distortion": "1"}, TypeError, "distortion is '1'"),
        ({"unigrams": [1, 2], "num_shards": 2, "shard": 2}, ValueError, r"shard is 2.*\[0, 2\)"),
        ({"vocab_file": tmp_path / "missing"}, FileNotFoundError, "missing"),
        ({"vocab_file": 7}, TypeError, "int"),
    ]
    for options, error, pattern in bad:
        with pytest.raises(error, match=pattern):
            mc.fixed_unigram_candidate_sampler([[0]], 1, 2, True, 2, **options)


def test_all_candidates() -> None:
    values = mc.all_candidate_sampler([[0, 4], [2, 2]], 2, 5, False, 3, "ignored")
    assert_same_bits(values.sampled_candidates, np.arange(5))
    assert_same_bits(values.true_expected_count, np.ones((2, 2), np.float32))
    assert_same_bits(values.sampled_expected_count, np.ones(5, np.float32))
    double = mc.all_candidate_sampler([[0]], 1, 3, True, dtype=np.float64)
    assert_same_bits(double.sampled_expected_count, np.ones(3))


@pytest.mark.parametrize(
    ("arguments", "error", "pattern"),
    [
        (([[0, 5]], 2, 5, True), ValueError, re.escape("true_classes[0, 1] is 5, outside [0, 5)")),
        (([[-1]], 1, 5, True), ValueError, re.escape("true_classes[0, 0] is -1")),
        (([[0]], 2, 5, True), ValueError, "true_classes has 1 columns, num_true is 2"),
        (([[0]], 1, 0, True), ValueError, "num_sampled is 0"),
        (([0], 1, 5, True), ValueError, "true_classes"),
        (([[0]], 1, 5, None), TypeError, "unique is None"),
    ],
)
def test_all_candidates_refuses(arguments: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=pattern):
        mc.all_candidate_sampler(*arguments)


def test_all_candidates_make_the_full_loss() -> None:
    random = np.random.default_rng(1)
    weights, biases = random.normal(size=(7, 3)), random.normal(size=7)
    labels, inputs = np.array([[0], [6], [3]]), random.normal(size=(3, 3))
    values = mc.all_candidate_sampler(labels, 1, 7, True, dtype=np.float64)
    sampled = mc.sampled_softmax_loss(weights, biases, labels, inputs, 7, 7, 1, values)
    full = mc.full_softmax_loss(weights, biases, labels, inputs)
    np.testing.assert_allclose(sampled, full, rtol=1e-13)
