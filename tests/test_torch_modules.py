"""The modules: optimizers of sparse gradients, tied weights, evaluation, checkpoints."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import manyclass as mc
import manyclass.torch as mct

# PyTorch's own optimizers make sparse tensors without a word on their checks, and warn of it.
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks:UserWarning")

C, D, S, B = 60, 5, 9, 7


def make_layer(seed: int = 0, **options: Any) -> mct.SampledSoftmax:
    torch.manual_seed(seed)
    return mct.SampledSoftmax(C, D, num_sampled=S, seed=1, **options)


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(B, D, generator=generator)
    return inputs, torch.randint(0, C, (B,), generator=generator)


def touched(layer: mct.SampledSoftmax) -> Tensor:
    return layer.weight.grad.coalesce().indices()[0]


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, 0.1),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 0.1),
    "SparseAdam": lambda p: torch.optim.SparseAdam(p, 0.1, eps=1e-12),
}
DENSE = {**OPTIMIZERS, "SparseAdam": lambda p: torch.optim.Adam(p, 0.1, eps=1e-12)}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_on_sparse_gradients_is_the_dense_step_on_touched_rows(name: str) -> None:
    sparse, dense = make_layer(), make_layer(sparse=False)
    before = sparse.weight.detach().clone()
    inputs, labels = batch()
    for layer, optimizers in ((sparse, OPTIMIZERS), (dense, DENSE)):
        optimizer = optimizers[name](list(layer.parameters()))
        layer(inputs, labels).backward()
        optimizer.step()
    rows = touched(sparse)
    others = torch.ones(C, dtype=torch.bool).index_fill(0, rows, False)
    assert len(rows) < C
    torch.testing.assert_close(sparse.weight[rows], dense.weight[rows])
    torch.testing.assert_close(sparse.bias[rows], dense.bias[rows])
    assert torch.equal(sparse.weight[others], before[others])
    assert not torch.equal(sparse.weight[rows], before[rows])


def test_gradients_accumulate() -> None:
    both, one, two = make_layer(), make_layer(), make_layer()
    two.sampler.sample(np.zeros((1, 1), np.int64), S)  # the first step's draw
    both(*batch(0)).backward()
    both(*batch(1)).backward()
    one(*batch(0)).backward()
    two(*batch(1)).backward()
    total = one.weight.grad.to_dense() + two.weight.grad.to_dense()
    torch.testing.assert_close(both.weight.grad.to_dense(), total)


@pytest.mark.parametrize("sparse", [True, False])
def test_tied_embeddings(sparse: bool) -> None:
    torch.manual_seed(0)
    embedding = nn.Embedding(C, D, sparse=sparse)
    loss = mct.SampledSoftmaxLoss(C, S, seed=1, sparse=sparse)
    ids, labels = torch.randint(0, C, (B,)), torch.randint(0, C, (B,))
    inputs = embedding(ids)
    loss(inputs, labels, embedding.weight).backward()
    zeros = np.zeros(C, np.float32)
    table = embedding.weight.detach().numpy()
    _, gradients = mc.sampled_softmax_loss_and_grad(
        *(table, zeros, labels.numpy()[:, None], inputs.detach().numpy(), S, C),
        seed=1,
        grad_loss=np.full(B, 1 / B, np.float32),
    )
    expected = np.zeros((C, D), np.float32)
    expected[gradients.weights.indices] = gradients.weights.values
    np.add.at(expected, ids.numpy(), gradients.inputs)
    assert (embedding.weight.grad.layout == torch.sparse_coo) == sparse
    np.testing.assert_allclose(embedding.weight.grad.to_dense(), expected, rtol=1e-5, atol=1e-7)


def test_evaluation_mode_is_exact() -> None:
    layer = make_layer(label_smoothing=0.1).eval()
    inputs, labels = batch()
    logits = inputs @ layer.weight.T + layer.bias
    expected = nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(layer(inputs, labels), expected)
    loss = mct.SampledSoftmaxLoss(C, S).eval()
    torch.testing.assert_close(loss(inputs, labels, layer.weight, layer.bias), expected)
    part = nn.functional.cross_entropy(logits[:, :50], labels % 50)
    loss = mct.SampledSoftmaxLoss(50, S).eval()
    torch.testing.assert_close(loss(inputs, labels % 50, layer.weight, layer.bias), part)
    found = layer.evaluate(inputs, labels, k=2)
    assert found.loss == pytest.approx(expected.item(), rel=1e-6)
    assert torch.equal(layer.top_k(inputs, 3)[1], logits.topk(3).indices)


def test_given_candidates_label_weights_and_several_labels() -> None:
    layer = make_layer(reduction="none", bias=False)
    inputs, labels = batch()
    pairs = torch.stack([labels, (labels + 1) % C], 1)
    weights = torch.rand(B, 2)
    sampled = mc.UniformSampler(C, seed=4).sample(pairs.numpy(), 20)
    expected = mc.sampled_softmax_loss(
        *(layer.weight.detach().numpy(), np.zeros(C, np.float32), pairs.numpy(), inputs.numpy()),
        *(20, C, 2, sampled),
        label_weights=weights.numpy(),
    )
    layer.num_sampled = 20
    actual = layer(inputs, pairs, label_weights=weights, sampled_values=sampled)
    np.testing.assert_array_equal(actual.detach(), expected)


SAMPLERS = {
    "log-uniform": lambda: mc.LogUniformSampler(C, seed=2),
    "learned": lambda: mc.LearnedUnigramSampler(C, seed=2),
    "alias": lambda: mc.AliasSampler(np.arange(1.0, C + 1), seed=2),
    "mixture": lambda: mc.MixtureSampler(
        [(mc.UniformSampler(C), 0.5), (mc.UnigramSampler(np.arange(1.0, C + 1)), 0.5)], seed=2
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("fused", [False, True])
def test_training_resumes_with_the_same_bits(name: str, fused: bool) -> None:
    def new() -> tuple[mct.SampledSoftmax, torch.optim.Optimizer | None]:
        layer = make_layer(sampler=SAMPLERS[name](), optimizer=mc.Adam(0.1) if fused else None)
        return layer, None if fused else torch.optim.Adagrad(layer.parameters(), 0.1)

    def train(layer: mct.SampledSoftmax, optimizer: torch.optim.Optimizer | None) -> list[float]:
        losses = []
        for seed in range(3):
            layer.zero_grad()
            loss = layer(*batch(seed))
            loss.backward()
            if optimizer is not None:
                optimizer.step()
            losses.append(loss.item())
        return losses

    layer, optimizer = new()
    train(layer, optimizer)
    file = io.BytesIO()
    torch.save((layer.state_dict(), optimizer and optimizer.state_dict()), file)
    expected = train(layer, optimizer)
    file.seek(0)
    states = torch.load(file, weights_only=True)
    resumed, other = new()
    train(resumed, other)
    resumed.load_state_dict(states[0])
    if other is not None:
        other.load_state_dict(states[1])
    assert train(resumed, other) == expected
    assert torch.equal(resumed.weight, layer.weight)


def test_the_loss_module_resumes_its_stream() -> None:
    module = mct.SampledSoftmaxLoss(C, S, seed=3)
    weights, (inputs, labels) = torch.randn(C, D), batch()
    module(inputs, labels, weights)
    state = copy.deepcopy(module.state_dict())
    expected = module(inputs, labels, weights)
    other = mct.SampledSoftmaxLoss(C, S)
    other.load_state_dict(state)
    assert torch.equal(other(inputs, labels, weights), expected)


def test_a_copy_draws_by_itself() -> None:
    layer = make_layer()
    other = copy.deepcopy(layer)
    assert layer.sampler._number != other.sampler._number
    first = layer(*batch())
    layer(*batch())
    assert torch.equal(other(*batch()), first)


def test_new_weights_come_from_pytorchs_generator() -> None:
    assert torch.equal(make_layer(3).weight, make_layer(3).weight)
    layer = make_layer(3)
    assert layer.weight.abs().max() <= D**-0.5
    before = layer.weight.detach().clone()
    with torch.no_grad():
        layer.bias += 1
    layer.reset_parameters()
    assert not torch.equal(layer.weight, before)
    assert not layer.bias.any()
    assert "num_sampled=9" in repr(layer)
    assert "60, 9" in repr(mct.SampledSoftmaxLoss(C, S))
