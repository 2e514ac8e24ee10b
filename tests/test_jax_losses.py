"""manyclass.jax: the bits of the NumPy functions under jit, grad and vmap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import manyclass as mc
import manyclass.jax as mj
from agreement import assert_gradients_agree, assert_same_bits
from child_process import run_child
from random_problems import make_problem, make_sample
from reference import nce, sampled_softmax

NUM_SAMPLED = 12
PROBLEM = make_problem(1, num_classes=40, dim=7, batch=8, num_true=2)
ARRAYS = tuple(map(jnp.asarray, PROBLEM))
SHAPE = (NUM_SAMPLED, 40, 2)
LOSSES = {
    "sampled_softmax": (
        mj.sampled_softmax_loss,
        mj.sampled_softmax_loss_and_grad,
        mc.sampled_softmax_loss_and_grad,
    ),
    "nce": (mj.nce_loss, mj.nce_loss_and_grad, mc.nce_loss_and_grad),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"log_q_correction": "none", "remove_accidental_hits": False},
    {"log_q_correction": "sampled", "remove_accidental_hits": True, "mask_repeats": True},
    {"label_weights": np.full((8, 2), 0.25, np.float32), "num_threads": 1},
]
loss_names = pytest.mark.parametrize("name", LOSSES)


def gradients(loss: Any, weights: Any, biases: Any, inputs: Any, upstream: Any) -> Any:
    """Loss, and the gradients of its sum with the weights of upstream, all under jit."""

    def total(weights: Any, biases: Any, inputs: Any) -> Any:
        losses = loss(weights, biases, inputs)
        return (upstream * losses).sum(), losses

    compiled = jax.jit(jax.value_and_grad(total, (0, 1, 2), has_aux=True))
    (_, losses), grads = compiled(weights, biases, inputs)
    return losses, grads


@loss_names
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("upstream", ["ones", "powers of two"])
def test_losses_and_gradients_have_the_bits_of_numpy(
    name: str, options: dict[str, Any], upstream: str
) -> None:
    differentiable, direct, expected_of = LOSSES[name]
    weights, biases, labels, inputs = ARRAYS
    grad_loss = np.ones(8, np.float32) if upstream == "ones" else 2.0 ** np.arange(8)
    grad_loss = grad_loss.astype(np.float32)
    expected_loss, expected = expected_of(
        *PROBLEM, *SHAPE, seed=(3, 4), grad_loss=grad_loss, **options
    )

    def loss(weights: Any, biases: Any, inputs: Any) -> Any:
        return differentiable(weights, biases, labels, inputs, *SHAPE, seed=(3, 4), **options)

    losses, grads = gradients(loss, weights, biases, inputs, grad_loss)
    dense = (expected.weights.to_dense(), expected.biases.to_dense(), expected.inputs)
    assert_same_bits(np.asarray(losses), expected_loss)
    assert_same_bits(np.asarray(loss(weights, biases, inputs)), expected_loss)
    for actual, wanted in zip(grads, dense, strict=True):
        assert_same_bits(np.asarray(actual), wanted)
    losses, rows = direct(*ARRAYS, *SHAPE, seed=(3, 4), grad_loss=grad_loss, **options)
    assert_same_bits(np.asarray(losses), expected_loss)
    assert_same_bits(np.asarray(rows.weights.to_dense(40)), dense[0])
    assert_same_bits(np.asarray(rows.biases.to_dense(40)), dense[1])
    assert_same_bits(np.asarray(rows.inputs), dense[2])


@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.25}, {"label_weights": np.full((8, 2), 0.25, np.float32)}],
)
def test_the_full_softmax_has_the_bits_of_numpy(options: dict[str, Any]) -> None:
    weights, biases, labels, inputs = ARRAYS
    grad_loss = np.linspace(-1.0, 2.0, 8, dtype=np.float32)
    expected_loss, expected = mc.full_softmax_loss_and_grad(
        *PROBLEM, 2, grad_loss=grad_loss, **options
    )

    def loss(weights: Any, biases: Any, inputs: Any) -> Any:
        return mj.full_softmax_loss(weights, biases, labels, inputs, 2, **options)

    losses, grads = gradients(loss, weights, biases, inputs, grad_loss)
    assert_same_bits(np.asarray(losses), expected_loss)
    for actual, wanted in zip(grads, expected, strict=True):
        assert_same_bits(np.asarray(actual), wanted)


@loss_names
def test_a_mean_agrees_with_the_oracle(name: str) -> None:
    differentiable, _, _ = LOSSES[name]
    sample = make_sample(2, PROBLEM, NUM_SAMPLED)
    weights, biases, labels, inputs = ARRAYS

    def mean(weights: Any, biases: Any, inputs: Any) -> Any:
        tables = (weights, biases, labels, inputs)
        return differentiable(
            *tables, *SHAPE, sampled_values=tuple(map(jnp.asarray, sample))
        ).mean()

    grads = jax.jit(jax.grad(mean, (0, 1, 2)))(weights, biases, inputs)
    grad_loss = np.full(8, 1 / 8)
    oracle = {"sampled_softmax": sampled_softmax, "nce": nce}[name]
    _, expected = oracle(PROBLEM, sample, grad_loss=grad_loss)
    assert_gradients_agree(mc.Gradients(*map(np.asarray, grads)), expected)


class TestSeeds:
    def losses(self, seed: Any) -> Any:
        return np.asarray(mj.sampled_softmax_loss(*ARRAYS, *SHAPE, seed=seed))

    def numpy_losses(self, seed: Any) -> Any:
        return mc.sampled_softmax_loss(*PROBLEM, *SHAPE, seed=seed)

    @pytest.mark.parametrize("seed", [0, 5, -1, 2**40, (0, 0), (7, 2**33)])
    def test_an_int_is_the_seed_of_numpy(self, seed: Any) -> None:
        assert_same_bits(self.losses(seed), self.numpy_losses(seed))

    def test_a_traced_int_is_the_seed_of_numpy(self) -> None:
        compiled = jax.jit(lambda step: mj.sampled_softmax_loss(*ARRAYS, *SHAPE, seed=step))
        for step in (0, 7, 2**31 - 1):
            assert_same_bits(np.asarray(compiled(step)), self.numpy_losses(step))

    @pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
    def test_the_words_of_a_key_are_a_pair_of_seeds(self, implementation: str) -> None:
        key = jax.random.split(jax.random.key(3, impl=implementation))[1]
        words = [int(word) for word in jax.random.key_data(key)]
        half = len(words) // 2
        pair = tuple(
            int("".join(f"{word:08x}" for word in part), 16)
            for part in (words[:half], words[half:])
        )
        assert_same_bits(self.losses(key), self.numpy_losses(pair))
        assert_same_bits(self.losses(jax.random.key_data(key)), self.numpy_losses(pair))

    def test_a_sampler_starts_at_the_seed(self) -> None:
        sampler = mc.UniformSampler(40, seed=1)
        sampler.draw(9)
        losses = mj.nce_loss(*ARRAYS, *SHAPE, sampler=sampler, seed=8)
        expected = mc.nce_loss(*PROBLEM, *SHAPE, sampler=mc.UniformSampler(40, seed=8))
        assert_same_bits(np.asarray(losses), expected)

    def test_it_is_compiled_once_for_all_keys(self) -> None:
        traces = []

        @jax.jit
        def loss(key: Any) -> Any:
            traces.append(key)
            return mj.sampled_softmax_loss(*ARRAYS, *SHAPE, seed=key)

        results = {float(loss(key)[0]) for key in jax.random.split(jax.random.key(0), 5)}
        assert len(traces) == 1
        assert len(results) == 5


def test_vmap_is_a_loop() -> None:
    weights, biases, labels, inputs = ARRAYS
    keys = jax.random.split(jax.random.key(1), 3)
    batches = jnp.stack([inputs, 2 * inputs, -inputs])

    def loss(inputs: Any, key: Any) -> Any:
        return mj.sampled_softmax_loss(weights, biases, labels, inputs, *SHAPE, seed=key).sum()

    both = jax.value_and_grad(loss)
    mapped = jax.jit(jax.vmap(both))(batches, keys)
    for k in range(3):
        alone = both(batches[k], keys[k])
        assert_same_bits(np.asarray(mapped[0][k]), np.asarray(alone[0]))
        assert_same_bits(np.asarray(mapped[1][k]), np.asarray(alone[1]))


def test_ragged_labels_and_no_biases() -> None:
    values, splits = np.array([3, 1, 39, 0, 4]), np.array([0, 2, 2, 3, 4, 4, 5, 5, 5])
    ragged = mc.RaggedLabels(jnp.asarray(values), jnp.asarray(splits))
    weights, _, _, inputs = ARRAYS

    def total(weights: Any) -> Any:
        return mj.sampled_softmax_loss(weights, None, ragged, inputs, 12, 40, seed=2).sum()

    loss, grad = jax.value_and_grad(total)(weights)
    arguments = (PROBLEM.weights, np.zeros(40, np.float32), mc.RaggedLabels(values, splits))
    expected_loss, expected = mc.sampled_softmax_loss_and_grad(
        *arguments, PROBLEM.inputs, 12, 40, seed=2
    )
    np.testing.assert_allclose(loss, expected_loss.sum(), rtol=1e-6)
    assert_same_bits(np.asarray(grad), expected.weights.to_dense())
    full = mj.full_softmax_loss(weights, None, ragged, inputs)
    assert_same_bits(np.asarray(full), mc.full_softmax_loss(*arguments, PROBLEM.inputs))


def test_rows_are_those_of_the_dense_gradient() -> None:
    _, (rows, offsets, _) = mj.sampled_softmax_loss_and_grad(*ARRAYS, *SHAPE, seed=1)
    size = 8 * 2 + NUM_SAMPLED
    indices = np.asarray(rows.indices)
    assert (rows.indices.shape, rows.values.shape, offsets.values.shape) == (
        (size,),
        (size, 7),
        (size,),
    )
    touched = indices[indices < 40]
    assert (np.diff(touched) > 0).all()
    assert (indices[len(touched) :] == 40).all()
    assert not np.asarray(rows.values)[len(touched) :].any()
    table = jnp.arange(280.0).reshape(40, 7)
    taken = np.asarray(mj.take_rows(table, rows))
    np.testing.assert_array_equal(taken[: len(touched)], np.asarray(table)[touched])
    assert not taken[len(touched) :].any()
    expected = np.asarray(table) + np.asarray(rows.to_dense(40))
    np.testing.assert_array_equal(np.asarray(mj.apply_rows(table, rows)), expected)


WITHOUT_A_COPY = """
import resource, sys
import jax, jax.numpy as jnp
import manyclass.jax as mj
def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
weights, zeros = jnp.zeros((1_000_000, 64)), jnp.zeros(1_000_000)
ids, inputs = jnp.zeros((4, 1), jnp.int32), jnp.ones((4, 64))
small = jax.jit(mj.full_softmax_loss)(weights[:100], zeros[:100], ids, inputs)
sampled = jax.jit(lambda *a: mj.sampled_softmax_loss_and_grad(*a, 9, 1_000_000, seed=1))
jax.block_until_ready((small, weights, zeros))
before = megabytes()
jax.block_until_ready(jax.jit(mj.full_softmax_loss)(weights, zeros, ids, inputs))
jax.block_until_ready(sampled(weights, zeros, ids, inputs))
print(megabytes() - before)
"""


def test_tables_are_used_where_they_lie() -> None:
    done = run_child(WITHOUT_A_COPY)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 100  # megabytes, of a table of 256


IN_FLOAT64 = """
import jax, sys
jax.config.update("jax_enable_x64", True)
from jax.test_util import check_grads
import numpy as np
import manyclass as mc
import manyclass.jax as mj
sys.path.insert(0, sys.argv[1])
from random_problems import make_problem
problem = make_problem(1, num_classes=30, dim=5, batch=4, dtype=np.float64)
weights, biases, labels, inputs = map(jax.numpy.asarray, problem)
assert labels.dtype == np.int64
def check(loss, *rest, **options):
    def of(weights, biases, inputs):
        return loss(weights, biases, labels, inputs, *rest, **options)
    check_grads(of, (weights, biases, inputs), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)
check(mj.sampled_softmax_loss, 9, 30, seed=4)
check(mj.nce_loss, 9, 30, seed=4)
check(mj.full_softmax_loss)
ours = np.asarray(mj.sampled_softmax_loss(weights, biases, labels, inputs, 9, 30, seed=4))
assert (ours == mc.sampled_softmax_loss(*problem, 9, 30, seed=4)).all()
"""


def test_finite_differences_in_float64() -> None:
    done = run_child(IN_FLOAT64, str(Path(__file__).parent))
    assert done.returncode == 0, done.stderr
