"""The losses of manyclass.torch: NumPy's bits, PyTorch's own formulas, any upstream gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import manyclass as mc
import manyclass.torch as mct
from torch_problems import (
    Problem,
    make_torch_problem,
    plain_full_softmax,
    plain_nce,
    plain_sampled_softmax,
)

SAMPLED = {
    "sampled_softmax_loss": (mct.sampled_softmax_loss, mc.sampled_softmax_loss_and_grad),
    "nce_loss": (mct.nce_loss, mc.nce_loss_and_grad),
}
sampled_losses = pytest.mark.parametrize("name", SAMPLED)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def same_bits(actual: Tensor | None, expected: Any) -> None:
    assert actual is not None
    np.testing.assert_array_equal(actual.detach().numpy(), expected)


def check_gradients(problem: Problem, gradients: mc.Gradients) -> None:
    """Compare what autograd left in the leaves with NumPy's, bit for bit."""
    for leaf, slices in ((problem.weights, gradients.weights), (problem.biases, gradients.biases)):
        assert leaf.grad is not None
        assert leaf.grad.layout == torch.sparse_coo
        same_bits(leaf.grad._indices()[0], slices.indices)
        same_bits(leaf.grad._values(), slices.values)
    same_bits(problem.inputs.grad, gradients.inputs)


@sampled_losses
@dtypes
@given(
    seed=st.integers(0, 2**20),
    batch=st.integers(1, 6),
    dim=st.integers(1, 9),
    num_true=st.integers(1, 3),
    num_sampled=st.integers(1, 20),
)
def test_loss_and_gradients_have_the_bits_of_numpy(
    name: str, dtype: Any, seed: int, batch: int, dim: int, num_true: int, num_sampled: int
) -> None:
    ours, numpys = SAMPLED[name]
    problem = make_torch_problem(
        seed, num_sampled=num_sampled, dtype=dtype, batch=batch, dim=dim, num_true=num_true
    )
    grad_loss = np.random.default_rng(seed).standard_normal(batch).astype(dtype)
    loss = ours(*problem[:4], *problem.sizes, problem.sampled)
    loss.backward(torch.from_numpy(grad_loss))
    expected, gradients = numpys(
        *problem.arrays, *problem.sizes, problem.sampled_arrays, grad_loss=grad_loss
    )
    same_bits(loss, expected)
    if batch > 1:
        check_gradients(problem, gradients)
    else:  # one number for all examples: scaled
        np.testing.assert_allclose(problem.inputs.grad, gradients.inputs, rtol=1e-5)


@sampled_losses
@pytest.mark.parametrize(("reduction", "share"), [("sum", 1.0), ("mean", 1 / 5)])
def test_reductions_have_the_bits_of_numpy(name: str, reduction: str, share: float) -> None:
    ours, numpys = SAMPLED[name]
    problem = make_torch_problem(batch=5)
    loss = ours(*problem[:4], *problem.sizes, problem.sampled, reduction=reduction)
    loss.backward()
    each, gradients = numpys(
        *problem.arrays,
        *problem.sizes,
        problem.sampled_arrays,
        grad_loss=np.full(5, share, np.float32),
    )
    assert loss.shape == ()
    assert loss.item() == pytest.approx(each.sum() * share, rel=1e-6)
    check_gradients(problem, gradients)


@sampled_losses
def test_reductions_beyond_the_range_of_floats_are_silent(name: str) -> None:
    loss, _ = SAMPLED[name]
    problem = make_torch_problem(5)
    problem.labels.fill_(3)
    ids, true_counts, counts = problem.sampled
    torch.arange(4, 11, out=ids)
    with torch.no_grad():
        problem.biases[4] = 3e38  # a loss as large, in each example
        problem.inputs.mul_(1e3)
    arguments = (*problem[:4], *problem.sizes, (ids, true_counts, counts))
    assert loss(*arguments, reduction="sum").item() == np.inf
    mean = loss(*arguments, reduction="mean")
    assert mean.item() == pytest.approx(3e38)
    mean.backward(torch.tensor(3e38))
    assert problem.weights.grad.to_dense().isinf().any()


@sampled_losses
def test_reductions_of_no_example(name: str) -> None:
    loss, _ = SAMPLED[name]
    weights, biases, labels, inputs, _ = make_torch_problem()
    empty = (weights, biases, labels[:0], inputs[:0], 7, 20)
    assert loss(*empty, reduction="none").shape == (0,)
    assert loss(*empty, reduction="sum").item() == 0
    mean = loss(*empty, reduction="mean")
    assert mean.isnan()
    mean.backward()
    assert not weights.grad.to_dense().any()


@pytest.mark.parametrize("upstream", [0.25, -3.0, 1e-3])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_an_upstream_gradient_scales(upstream: float, reduction: str) -> None:
    problem = make_torch_problem(batch=6, dtype=np.float64)
    loss = mct.sampled_softmax_loss(
        *problem[:4], *problem.sizes, problem.sampled, reduction=reduction
    )
    (upstream * loss.sum()).backward()
    plain = make_torch_problem(batch=6, dtype=np.float64)
    expected = plain_sampled_softmax(plain)
    (upstream * (expected.mean() if reduction == "mean" else expected.sum())).backward()
    for ours, others in zip(problem.leaves(), plain.leaves(), strict=True):
        np.testing.assert_allclose(ours.grad.to_dense(), others.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize(
    ("loss", "plain"),
    [(mct.sampled_softmax_loss, plain_sampled_softmax), (mct.nce_loss, plain_nce)],
)
def test_it_is_what_plain_pytorch_computes(loss: Any, plain: Any, sparse: bool) -> None:
    factors = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0], dtype=torch.float64)
    ours, theirs = (make_torch_problem(3, dtype=np.float64, num_sampled=12) for _ in range(2))
    each = loss(*ours[:4], *ours.sizes, ours.sampled, sparse=sparse)
    (each * factors).sum().backward()
    expected = plain(theirs)
    (expected * factors).sum().backward()
    torch.testing.assert_close(each, expected, rtol=1e-10, atol=1e-12)
    for leaf, other in zip(ours.leaves(), theirs.leaves(), strict=True):
        assert (leaf.grad.layout == torch.sparse_coo) == (sparse and leaf is not ours.inputs)
        torch.testing.assert_close(leaf.grad.to_dense(), other.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_the_full_softmax_is_what_plain_pytorch_computes(reduction: str) -> None:
    ours, theirs = (make_torch_problem(4, dtype=np.float64) for _ in range(2))
    loss = mct.full_softmax_loss(*ours[:4], reduction=reduction)
    expected = plain_full_softmax(theirs)
    if reduction != "none":
        expected = getattr(expected, reduction)()
    torch.testing.assert_close(loss, expected, rtol=1e-10, atol=1e-12)
    (loss**2).sum().backward()
    (expected**2).sum().backward()
    for leaf, other in zip(ours.leaves(), theirs.leaves(), strict=True):
        torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-9, atol=1e-12)


@dtypes
def test_the_full_softmax_has_the_bits_of_numpy(dtype: Any) -> None:
    problem = make_torch_problem(5, dtype=dtype)
    loss = mct.full_softmax_loss(*problem[:4], label_smoothing=0.1)
    loss.sum().backward()
    expected, gradients = mc.full_softmax_loss_and_grad(*problem.arrays, label_smoothing=0.1)
    same_bits(loss, expected)
    for leaf, array in zip(problem.leaves(), gradients, strict=True):
        same_bits(leaf.grad, array)


@sampled_losses
def test_drawn_candidates_have_the_bits_of_numpy(name: str) -> None:
    ours, numpys = SAMPLED[name]
    problem = make_torch_problem(6, num_classes=500)
    samplers = [mc.LogUniformSampler(500, seed=3) for _ in range(2)]
    for _ in range(2):  # the stream goes on
        for leaf in problem.leaves():
            leaf.grad = None
        loss = ours(*problem[:4], 20, 500, sampler=samplers[0])
        loss.sum().backward()
        expected, gradients = numpys(*problem.arrays, 20, 500, sampler=samplers[1])
        same_bits(loss, expected)
        check_gradients(problem, gradients)
    for seed in (5, (1, 2), np.random.default_rng(0)):
        again = np.random.default_rng(0) if isinstance(seed, np.random.Generator) else seed
        loss = ours(*problem[:4], 20, 500, seed=seed)
        same_bits(loss, numpys(*problem.arrays, 20, 500, seed=again)[0])


def test_options_reach_the_core() -> None:
    problem = make_torch_problem(7, num_true=2, num_sampled=15)
    target = np.abs(np.random.default_rng(0).standard_normal((5, 2))).astype(np.float32)
    options: dict[str, Any] = {
        "remove_accidental_hits": True,
        "mask_repeats": True,
        "log_q_correction": "sampled",
        "label_smoothing": 0.2,
        "num_threads": 1,
    }
    loss = mct.sampled_softmax_loss(
        *problem[:4],
        *problem.sizes,
        problem.sampled,
        label_weights=torch.from_numpy(target),
        **options,
    )
    expected = mc.sampled_softmax_loss(
        *problem.arrays, *problem.sizes, problem.sampled_arrays, label_weights=target, **options
    )
    same_bits(loss, expected)


def test_ragged_labels() -> None:
    problem = make_torch_problem(8, batch=3)
    labels = mc.RaggedLabels(torch.tensor([4, 1, 7]), torch.tensor([0, 2, 2, 3]))
    arrays = mc.RaggedLabels(labels.values.numpy(), labels.row_splits.numpy())
    weights, biases, _, inputs = problem[:4]
    loss = mct.sampled_softmax_loss(weights, biases, labels, inputs, 6, 20, seed=1)
    loss.sum().backward()
    table, offsets, _, rows = problem.arrays
    expected, gradients = mc.sampled_softmax_loss_and_grad(
        table, offsets, arrays, rows, 6, 20, seed=1
    )
    same_bits(loss, expected)
    check_gradients(problem, gradients)
    same_bits(
        mct.full_softmax_loss(weights, biases, labels, inputs),
        mc.full_softmax_loss(table, offsets, arrays, rows),
    )


def test_labels_may_be_a_vector_and_biases_left_out() -> None:
    problem = make_torch_problem(9)
    weights, _, labels, inputs = problem[:4]
    table, _, ids, rows = problem.arrays
    zeros = np.zeros(20, np.float32)
    loss = mct.sampled_softmax_loss(weights, None, labels[:, 0], inputs, 6, 20, seed=1)
    loss.sum().backward()
    expected, gradients = mc.sampled_softmax_loss_and_grad(table, zeros, ids, rows, 6, 20, seed=1)
    same_bits(loss, expected)
    same_bits(problem.weights.grad._values(), gradients.weights.values)
    same_bits(
        mct.full_softmax_loss(weights, None, labels[:, 0], inputs),
        mc.full_softmax_loss(table, zeros, ids, rows),
    )


def test_without_gradients_there_is_no_graph() -> None:
    problem = make_torch_problem(10)
    with torch.no_grad():
        loss = mct.sampled_softmax_loss(*problem[:4], *problem.sizes, problem.sampled)
    assert not loss.requires_grad
    same_bits(
        loss,
        mc.sampled_softmax_loss(*problem.arrays, *problem.sizes, problem.sampled_arrays),
    )


@pytest.mark.parametrize("wanted", range(3))
def test_only_what_wants_a_gradient_has_one(wanted: int) -> None:
    problem = make_torch_problem(11)
    for place, leaf in enumerate(problem.leaves()):
        leaf.requires_grad_(place == wanted)
    mct.sampled_softmax_loss(*problem[:4], *problem.sizes, problem.sampled).sum().backward()
    assert [leaf.grad is not None for leaf in problem.leaves()] == [p == wanted for p in range(3)]


def test_a_second_backward_pass_gives_the_same_gradients() -> None:
    problem = make_torch_problem(12)
    loss = mct.sampled_softmax_loss(*problem[:4], *problem.sizes, problem.sampled).mean()
    first = torch.autograd.grad(loss, problem.leaves(), retain_graph=True)
    second = torch.autograd.grad(loss, problem.leaves())
    for one, two in zip(first, second, strict=True):
        torch.testing.assert_close(one.to_dense(), two.to_dense(), rtol=1e-6, atol=1e-7)


def test_a_gradient_of_a_gradient_is_refused() -> None:
    problem = make_torch_problem(13)
    for loss in (
        mct.sampled_softmax_loss(*problem[:4], *problem.sizes, problem.sampled, sparse=False),
        mct.full_softmax_loss(*problem[:4]),
    ):
        with pytest.raises(RuntimeError, match="second derivatives"):
            torch.autograd.grad(loss.sum(), problem.inputs, create_graph=True)


def test_tensors_are_used_where_they_lie() -> None:
    # Rows of a wider table, last column left out: no contiguous copy would have these strides.
    wide = make_torch_problem(14, dim=9).weights.detach()
    weights = wide[:, :8]
    problem = make_torch_problem(14)
    with torch.no_grad():
        before = mct.full_softmax_loss(weights, None, problem.labels, problem.inputs)
        wide[:, :8] *= 2
        after = mct.full_softmax_loss(weights, None, problem.labels, 0.5 * problem.inputs)
    torch.testing.assert_close(before, after)


def test_top_k_and_evaluate() -> None:
    problem = make_torch_problem(15)
    values, classes = mct.top_k(problem.weights, problem.biases, problem.inputs, 4)
    logits = problem.inputs @ problem.weights.T + problem.biases
    expected = logits.topk(4)
    torch.testing.assert_close(values, expected.values.detach())
    assert torch.equal(classes, expected.indices)
    found = mct.evaluate(*problem[:4], k=3)
    assert found.loss == pytest.approx(plain_full_softmax(problem).mean().item(), rel=1e-6)
    hits = (logits.topk(3).indices == problem.labels).any(1)
    assert found.top_k_accuracy[3] == pytest.approx(hits.double().mean().item())
