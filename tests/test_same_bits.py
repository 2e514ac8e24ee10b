"""Same input, same seed: the same bits at every number of threads, and whenever it is asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import manyclass as mc
from random_problems import LAYOUTS, laid_out, make_problem, make_sample, problem_laid_out
from reference import Problem, cut

NUM_THREADS = (1, 2, 3, 8, 1, 8)  # the first and the last numbers again
BLOCK_BORDERS = (15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257)

LOSSES = ("sampled_softmax_loss", "nce_loss")
EXACT = ("full_softmax_loss", "full_softmax_loss_and_grad", "label_ranks")


def sizes(most: int) -> st.SearchStrategy[int]:
    """Any number up to most, those beside the borders of blocks more often."""
    borders = [border for border in BLOCK_BORDERS if border <= most]
    return st.one_of(st.integers(1, most), st.sampled_from(borders))


def bits(value: Any) -> list[bytes]:
    """Return the bytes of all arrays in what a function returned, however nested."""
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    if isinstance(value, mc.IndexedSlices):
        return bits(value.indices) + bits(value.values)
    return [part for item in value for part in bits(item)]


def elsewhere(problem: Problem) -> Problem:
    """Return the problem in other memory, one element off its alignment."""
    return Problem(*(moved(array) for array in problem))


def moved(array: np.ndarray) -> np.ndarray:
    """Return a copy that starts one element after an aligned address."""
    memory = np.empty(array.size + 1, array.dtype)
    copy = memory[1:].reshape(array.shape)
    copy[...] = array
    return copy


def assert_same(call: Callable[[int], Any]) -> Any:
    """Hold a function of the number of threads to one result, and return that."""
    results = [call(num_threads) for num_threads in NUM_THREADS]
    for result in results[1:]:
        assert bits(result) == bits(results[0])
    return results[0]


def sampled_call(
    name: str, problem: Problem, sample: Any, num_shards: int = 0, strategy: str = "div"
) -> Callable[[int], Any]:
    """Return a sampled loss as a function of the number of threads."""
    weights, biases, labels, inputs = problem
    tables: Any = weights, biases
    if num_shards:
        tables = cut(weights, num_shards, strategy), cut(biases, num_shards, strategy)
    options = {"partition_strategy": strategy, "remove_accidental_hits": True}
    return lambda num_threads: getattr(mc, name)(
        *tables,
        labels,
        inputs,
        len(sample.candidates),
        len(weights),
        labels.shape[1],
        mc.SampledValues(*sample),
        num_threads=num_threads,
        **options,
    )


@st.composite
def problems(draw: st.DrawFn) -> tuple[Problem, Any, int, str]:
    """Return a problem, candidates, and how the tables are cut into shards."""
    seed = draw(st.integers(0, 10_000))
    problem = make_problem(
        seed,
        num_classes=draw(st.integers(2, 400)),
        dim=draw(sizes(200)),
        batch=draw(sizes(300)),
        num_true=draw(st.integers(1, 3)),
        dtype=draw(st.sampled_from([np.float32, np.float64])),
    )
    sample = make_sample(seed + 1, problem, draw(sizes(300)), repeats=True)
    num_shards = draw(st.integers(0, min(5, len(problem.weights))))
    layout = draw(st.sampled_from(LAYOUTS))
    strategy = draw(st.sampled_from(["div", "mod"]))
    return problem_laid_out(problem, layout), sample, num_shards, strategy


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=50)
@given(problems())
def test_sampled_losses(name: str, example: tuple[Problem, Any, int, str]) -> None:
    problem, *rest = example
    loss = assert_same(sampled_call(name, problem, *rest))
    with_grad = assert_same(sampled_call(name + "_and_grad", problem, *rest))
    assert bits(with_grad[0]) == bits(loss)
    there = sampled_call(name + "_and_grad", elsewhere(problem), *rest)
    assert bits(there(2)) == bits(with_grad)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=30)
@given(problems())
def test_exact_functions(name: str, example: tuple[Problem, Any, int, str]) -> None:
    problem, _, num_shards, strategy = example
    weights, biases, labels, inputs = problem
    tables: Any = weights, biases
    if num_shards:
        tables = cut(weights, num_shards, strategy), cut(biases, num_shards, strategy)
    num_true = labels.shape[1]

    def call(num_threads: int) -> Any:
        return getattr(mc, name)(
            *tables, labels, inputs, num_true, partition_strategy=strategy, num_threads=num_threads
        )

    result = assert_same(call)
    if not num_shards:
        assert bits(getattr(mc, name)(*elsewhere(problem), num_true)) == bits(result)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*LOSSES, "sampled_softmax_loss_and_grad", "nce_loss_and_grad"])
@pytest.mark.parametrize(
    ("batch", "num_sampled", "dim", "num_true"),
    [(1500, 3001, 70, 1), (3000, 500, 33, 2), (65, 7001, 100, 3), (7, 9000, 16, 1)],
)
def test_sampled_losses_of_many_tasks(
    batch: int, num_sampled: int, dim: int, num_true: int, name: str, dtype: type
) -> None:
    problem = make_problem(
        1, num_classes=8000, dim=dim, batch=batch, num_true=num_true, dtype=dtype
    )
    sample = make_sample(2, problem, num_sampled, repeats=True)
    result = assert_same(sampled_call(name, problem, sample))
    assert np.isfinite(result[0]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_exact_functions_of_many_tasks(name: str, dtype: type) -> None:
    problem = make_problem(3, num_classes=20_011, dim=31, batch=270, num_true=2, dtype=dtype)
    assert_same(lambda num_threads: getattr(mc, name)(*problem, 2, num_threads=num_threads))


@pytest.mark.parametrize(
    "optimizer",
    [
        mc.SGD,
        lambda rate: mc.SGD(rate, momentum=0.9, nesterov=True),
        mc.Adagrad,
        mc.RowwiseAdagrad,
        lambda rate: mc.Adam(rate, clip_norm=1.0),
    ],
    ids=["SGD", "momentum", "Adagrad", "RowwiseAdagrad", "Adam"],
)
@settings(max_examples=40)
@given(st.integers(0, 10_000), sizes(300), sizes(200), st.sampled_from(LAYOUTS), st.booleans())
def test_optimizers(
    optimizer: Any, seed: int, num_rows: int, dim: int, layout: str, single: bool
) -> None:
    rng = np.random.default_rng(seed)
    start = rng.standard_normal((num_rows + 50, dim)).astype(np.float32 if single else np.float64)
    indices = np.sort(rng.permutation(len(start))[:num_rows])
    gradients = [rng.standard_normal((num_rows, dim)).astype(start.dtype) for _ in range(2)]

    def call(num_threads: int) -> np.ndarray:
        variable, kept = laid_out(start, layout), optimizer(0.1)
        for values in gradients:
            slices = mc.IndexedSlices(values, indices, start.shape)
            kept.apply(variable, slices, num_threads=num_threads)
        return variable

    assert_same(call)


SAMPLERS: dict[str, Callable[[], Any]] = {
    "uniform": lambda: mc.UniformSampler(5000, seed=4),
    "log-uniform": lambda: mc.LogUniformSampler(5000, seed=4),
    "unigram": lambda: mc.UnigramSampler(np.arange(1, 5001), seed=4),
    "learned": lambda: mc.LearnedUnigramSampler(5000, seed=4),
    "alias": lambda: mc.AliasSampler(np.arange(1.0, 5001.0), seed=4),
    "mixture": lambda: mc.MixtureSampler(
        [(mc.AliasSampler(np.arange(1.0, 5001.0)), 1.0), (mc.UniformSampler(5000), 2.0)], seed=4
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@settings(max_examples=15)
@given(st.integers(1, 5000), st.integers(1, 50_000), st.integers(0, 300))
def test_samplers(name: str, num_sampled: int, size: int, batch: int) -> None:
    labels = np.random.default_rng(size).integers(0, 5000, (batch, 2))
    before = mc.get_num_threads()

    def call(num_threads: int) -> Any:
        mc.set_num_threads(num_threads)
        sampler = SAMPLERS[name]()
        counts = sampler.sample(labels, num_sampled), sampler.sample(labels, size, unique=False)
        return [*counts, sampler.draw(size), sampler.probability(labels)]

    try:
        assert_same(call)
    finally:
        mc.set_num_threads(before)


@pytest.mark.parametrize("name", SAMPLERS)
def test_losses_that_draw_their_candidates(name: str) -> None:
    problem = make_problem(5, num_classes=5000, dim=20, batch=130)

    def call(num_threads: int) -> Any:
        sampler = SAMPLERS[name]()
        steps = [
            mc.sampled_softmax_loss_and_grad(
                *problem, 301, 5000, sampler=sampler, num_threads=num_threads
            )
            for _ in range(2)
        ]
        assert bits(steps[0]) != bits(steps[1])  # the stream goes on
        return steps

    assert_same(call)


def test_the_process_wide_number_gives_the_same_bits_as_the_argument() -> None:
    problem = make_problem(6, num_classes=900, dim=16, batch=300)
    expected = mc.full_softmax_loss(*problem, num_threads=1)
    before = mc.get_num_threads()
    try:
        for count in (1, 2, 5):
            mc.set_num_threads(count)
            assert bits(mc.full_softmax_loss(*problem)) == bits(expected)
    finally:
        mc.set_num_threads(before)


def test_calls_at_the_same_time_give_the_bits_of_one_alone() -> None:
    problem = make_problem(7, num_classes=4000, dim=50, batch=400)
    sample = make_sample(8, problem, 1001, repeats=True)
    calls = [
        sampled_call("sampled_softmax_loss_and_grad", problem, sample),
        sampled_call("nce_loss_and_grad", problem, sample, 3, "mod"),
        lambda num_threads: mc.full_softmax_loss(*problem, num_threads=num_threads),
    ]
    expected = [bits(call(1)) for call in calls]
    with ThreadPoolExecutor(4) as executor:
        jobs = [(k % 3, executor.submit(calls[k % 3], 1 + k % 4)) for k in range(36)]
        for which, job in jobs:
            assert bits(job.result()) == expected[which]
