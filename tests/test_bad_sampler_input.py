"""Bad arguments of the samplers; a refused call leaves the stream where it was."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import manyclass as mc
from agreement import assert_same_bits

LABELS = np.array([[0, 1], [2, 9]])
MAKE = {
    "uniform": lambda: mc.UniformSampler(10, seed=1),
    "log_uniform": lambda: mc.LogUniformSampler(10, seed=1),
    "unigram": lambda: mc.UnigramSampler(np.arange(1, 11), seed=1),
    "alias": lambda: mc.AliasSampler(np.arange(1.0, 11.0), seed=1),
    "learned_unigram": lambda: mc.LearnedUnigramSampler(10, seed=1),
    "mixture": lambda: mc.MixtureSampler(
        [(mc.UniformSampler(10), 0.3), (mc.LogUniformSampler(10), 0.7)], seed=1
    ),
}
each_sampler = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


@pytest.mark.parametrize(
    "make", [mc.UniformSampler, mc.LogUniformSampler, mc.LearnedUnigramSampler]
)
@pytest.mark.parametrize(
    ("num_classes", "error"),
    [(0, ValueError), (-7, ValueError), (10.0, TypeError), ("10", TypeError), (None, TypeError)],
)
def test_num_classes(make: Any, num_classes: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="num_classes"):
        make(num_classes)


BAD_WEIGHTS: dict[str, tuple[Any, type[Exception], str]] = {
    "NaN": ([1.0, np.nan, 2.0], ValueError, r"\[1\].*nan"),
    "negative": ([1.0, 2.0, -0.5], ValueError, r"\[2\].*-0\.5"),
    "infinite": ([np.inf, 2.0, 0.5], ValueError, r"\[0\].*inf"),
    "all zero": ([0.0, 0.0, 0.0], ValueError, "zero"),
    "empty": ([], ValueError, r"\b0\b"),
    "rank 2": (np.ones((2, 3)), ValueError, re.escape("[2, 3]")),
    "scalar": (3.0, TypeError, "float"),
    "strings": (["a", "b"], TypeError, "dtype"),
}


@pytest.mark.parametrize(
    ("make", "name"), [(mc.AliasSampler, "weights"), (mc.UnigramSampler, "counts")]
)
@pytest.mark.parametrize(("weights", "error", "pattern"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_weights(make: Any, name: str, weights: Any, error: type[Exception], pattern: str) -> None:
    with pytest.raises(error, match=rf"{name}.*{pattern}"):
        make(weights, seed=1)


@pytest.mark.parametrize(
    ("distortion", "error"), [(np.nan, ValueError), (np.inf, ValueError), ("1", TypeError)]
)
def test_distortion(distortion: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="distortion"):
        mc.UnigramSampler([1, 2, 3], distortion=distortion)


def test_a_distortion_that_overflows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"counts\[1\]"):
        mc.UnigramSampler([1.0, 1e30], distortion=2.0)
    with pytest.raises(ValueError, match=r"counts\[0\]"):
        mc.UnigramSampler([0.0, 1.0], distortion=-1.0)


BAD_NUMBERS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "shard at num_shards": ({"num_shards": 2, "shard": 2}, ValueError, r"shard is 2.*\[0, 2\)"),
    "shard below 0": ({"shard": -1}, ValueError, r"shard is -1.*\[0, 1\)"),
    "no shards": ({"num_shards": 0}, ValueError, "num_shards is 0"),
    "an empty shard": ({"num_shards": 9, "shard": 5}, ValueError, "counts has 3 .*shard 5 of 9"),
    "too many reserved": ({"num_reserved_ids": 2**40}, ValueError, f"num_reserved_ids.*{2**40}"),
    "reserved ids a float": ({"num_reserved_ids": 1.0}, TypeError, "num_reserved_ids"),
    "shards a float": ({"num_shards": 1.0}, TypeError, "num_shards"),
    "shard a float": ({"shard": 0.0}, TypeError, "shard"),
}


@pytest.mark.parametrize(("options", "error", "pattern"), BAD_NUMBERS.values(), ids=BAD_NUMBERS)
def test_reserved_ids_and_shards(
    options: dict[str, Any], error: type[Exception], pattern: str
) -> None:
    with pytest.raises(error, match=pattern):
        mc.UnigramSampler([1, 2, 3], **options)


def test_weights_of_other_shards_are_checked() -> None:
    with pytest.raises(ValueError, match=r"counts\[1\].*-2"):
        mc.UnigramSampler([1, -2, 3], num_shards=2, shard=0)


BAD_CALLS: dict[str, tuple[tuple[Any, Any], dict[str, Any], type[Exception], str]] = {
    "labels of rank 1": ((LABELS[0], 3), {}, ValueError, "true_classes"),
    "labels of rank 3": ((LABELS[None], 3), {}, ValueError, "true_classes"),
    "labels int32": ((LABELS.astype(np.int32), 3), {}, TypeError, "true_classes.*int32.*int64"),
    "labels float": ((LABELS.astype(float), 3), {}, TypeError, "true_classes.*float64.*int64"),
    "label too large": (
        (LABELS + 1, 3),
        {},
        ValueError,
        re.escape("true_classes[1, 1] is 10, outside [0, 10)"),
    ),
    "label below 0": (
        (LABELS - 1, 3),
        {},
        ValueError,
        re.escape("true_classes[0, 0] is -1, outside [0, 10)"),
    ),
    "num_sampled of 0": ((LABELS, 0), {}, ValueError, r"num_sampled.*0"),
    "num_sampled below 0": ((LABELS, -4), {"unique": False}, ValueError, r"num_sampled.*-4"),
    "num_sampled a float": ((LABELS, 3.0), {}, TypeError, "num_sampled"),
    "more than there are": (
        (LABELS, 11),
        {},
        ValueError,
        "num_sampled is 11, more than num_classes 10 with unique candidates",
    ),
    "unique a number": ((LABELS, 3), {"unique": 1}, TypeError, "unique is 1"),
    "counts of another dtype": ((LABELS, 3), {"dtype": np.float16}, TypeError, "dtype.*float16"),
    "a good seed beside a bad label": ((LABELS + 1, 3), {"seed": 77}, ValueError, "true_classes"),
}


@each_sampler
@pytest.mark.parametrize(
    ("positional", "options", "error", "pattern"), BAD_CALLS.values(), ids=BAD_CALLS
)
def test_sample(
    make: Any,
    positional: tuple[Any, Any],
    options: dict[str, Any],
    error: type[Exception],
    pattern: str,
) -> None:
    sampler, twin = make(), make()
    sampler.sample(LABELS, 2)
    twin.sample(LABELS, 2)
    with pytest.raises(error, match=pattern):
        sampler.sample(*positional, **options)
    for mine, untouched in zip(sampler.sample(LABELS, 4), twin.sample(LABELS, 4), strict=True):
        assert_same_bits(mine, untouched)


@each_sampler
def test_draw(make: Any) -> None:
    sampler, twin = make(), make()
    with pytest.raises(ValueError, match=r"size.*-1"):
        sampler.draw(-1)
    with pytest.raises(TypeError, match="size"):
        sampler.draw(2.5)
    assert_same_bits(sampler.draw(20), twin.draw(20))


@each_sampler
def test_probability(make: Any) -> None:
    sampler = make()
    with pytest.raises(ValueError, match=re.escape("ids[2] is 10, outside [0, 10)")):
        sampler.probability(np.array([0, 9, 10]))
    with pytest.raises(ValueError, match=r"ids.* is -1, outside \[0, 10\)"):
        sampler.probability(np.array([[0, -1]]))
    with pytest.raises(TypeError, match="ids"):
        sampler.probability(np.array([0.5]))


@pytest.mark.parametrize("make", [mc.AliasSampler, mc.UnigramSampler])
def test_fewer_weights_above_zero_than_candidates(make: Any) -> None:
    sampler, twin = (make([0, 3, 0, 1, 2], seed=1) for _ in range(2))
    labels = np.array([[1]])
    with pytest.raises(ValueError, match=r"num_sampled is 4.*\b3\b"):
        sampler.sample(labels, 4)
    mine, untouched = sampler.sample(labels, 3), twin.sample(labels, 3)
    assert_same_bits(mine.sampled_candidates, untouched.sampled_candidates)
    assert sampler.sample(labels, 40, unique=False).sampled_candidates.shape == (40,)


@each_sampler
@pytest.mark.parametrize("state", [{}, {"unheard": 1}])
def test_load_state_dict(make: Any, state: Any) -> None:
    sampler, twin = make(), make()
    with pytest.raises(ValueError, match="state"):
        sampler.load_state_dict(state)
    assert_same_bits(sampler.draw(20), twin.draw(20))


@each_sampler
@pytest.mark.parametrize(
    "stream", [None, (), (1, 2), (1, 2, -3), (1, 2, 2**64), (1, 2, "3"), (1, 2, 3.0)]
)
def test_a_state_without_a_stream_is_refused(make: Any, stream: Any) -> None:
    sampler, twin = make(), make()
    with pytest.raises(ValueError, match="stream"):
        sampler.load_state_dict(sampler.state_dict() | {"stream": stream})
    assert_same_bits(sampler.draw(20), twin.draw(20))


@pytest.mark.parametrize("weights", [None, np.ones(10, np.float32), np.arange(1, 10)])
def test_a_state_of_other_counts_is_refused(weights: Any) -> None:
    sampler = mc.UnigramSampler(np.arange(1, 11), seed=1)
    twin = mc.UnigramSampler(np.arange(1, 11), seed=1)
    with pytest.raises(ValueError, match="weights"):
        sampler.load_state_dict(sampler.state_dict() | {"weights": weights})
    assert_same_bits(sampler.draw(20), twin.draw(20))


def test_a_state_of_another_sampler_is_refused() -> None:
    sampler = mc.LogUniformSampler(10)
    with pytest.raises(ValueError, match=r"UniformSampler.*LogUniformSampler"):
        sampler.load_state_dict(mc.UniformSampler(10).state_dict())


@each_sampler
def test_a_state_of_another_size_is_refused(make: Any) -> None:
    sampler, twin = make(), make()
    state = sampler.state_dict() | {"num_classes": 11}
    with pytest.raises(ValueError, match=r"(?s)(?=.*state)(?=.*\b11\b)(?=.*\b10\b)"):
        sampler.load_state_dict(state)
    assert_same_bits(sampler.draw(20), twin.draw(20))


def test_frequencies_refuse_a_state_of_lists() -> None:
    frequencies = mc.StreamingFrequencies(3, half_life=5.0)
    state = frequencies.state_dict()
    bad = state | {"counts": state["counts"].tolist()}
    with pytest.raises(TypeError, match=re.escape('state["counts"] is a list')):
        frequencies.load_state_dict(bad)


def test_a_masked_array_is_refused() -> None:
    labels = np.ma.masked_array(LABELS, mask=[[False, True], [False, False]])
    with pytest.raises(TypeError, match="true_classes is a masked array"):
        mc.UniformSampler(10).sample(labels, 2)


def test_a_list_of_ids_beyond_int64() -> None:
    with pytest.raises(
        ValueError, match=re.escape("true_classes holds 9223372036854775808; class")
    ):
        MAKE["uniform"]().sample([[2**63]], 2)
