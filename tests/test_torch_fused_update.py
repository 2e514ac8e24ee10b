"""`SampledSoftmax` with an optimizer: the backward pass updates weight and bias."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import manyclass as mc
import manyclass.torch as mct

C, D, S, B = 60, 5, 9, 7

OPTIMIZERS: dict[str, Callable[[], mc.RowOptimizer]] = {
    "SGD": lambda: mc.SGD(0.1, momentum=0.9),
    "Adagrad": lambda: mc.Adagrad(0.1),
    "RowwiseAdagrad": lambda: mc.RowwiseAdagrad(0.1),
    "Adam": lambda: mc.Adam(lambda step: 0.1 / (1 + step), clip_norm=0.05),
}


def make_layer(optimizer: mc.RowOptimizer | None, **options: bool | str) -> mct.SampledSoftmax:
    torch.manual_seed(0)
    return mct.SampledSoftmax(C, D, num_sampled=S, seed=1, optimizer=optimizer, **options)


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(B, D, generator=generator)
    return inputs.requires_grad_(), torch.randint(0, C, (B,), generator=generator)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_optimizer_applied_by_hand(name: str, bias: bool) -> None:
    layer = make_layer(OPTIMIZERS[name](), bias=bias)
    weights = layer.weight.detach().numpy().copy()
    biases = np.zeros(C, np.float32)
    optimizer, sampler = OPTIMIZERS[name](), mc.LogUniformSampler(C, seed=1)
    for seed in range(4):
        inputs, labels = batch(seed)
        loss = layer(inputs, labels)
        loss.backward()
        each, gradients = mc.sampled_softmax_loss_and_grad(
            *(weights, biases, labels.numpy()[:, None], inputs.detach().numpy(), S, C),
            sampler=sampler,
            grad_loss=np.full(B, 1 / B, np.float32),
        )
        pairs = [(weights, gradients.weights), (biases, gradients.biases)]
        optimizer.step(pairs if bias else pairs[:1])
        assert loss.item() == pytest.approx(each.mean(), rel=1e-6)
        np.testing.assert_array_equal(inputs.grad, gradients.inputs)
        np.testing.assert_array_equal(layer.weight.detach(), weights)
        if bias:
            np.testing.assert_array_equal(layer.bias.detach(), biases)
    assert layer.weight.grad is None
    assert optimizer.iterations == layer.optimizer.iterations == 4


def test_any_upstream_gradient() -> None:
    layer = make_layer(mc.SGD(1.0), reduction="none")
    plain = make_layer(None, reduction="none")
    factors = torch.linspace(-1, 2, B)
    (factors * layer(*batch())).sum().backward()
    (factors * plain(*batch())).sum().backward()
    with torch.no_grad():
        expected = plain.weight - plain.weight.grad.to_dense()
    torch.testing.assert_close(layer.weight, expected)


def test_inputs_need_no_gradient() -> None:
    layer = make_layer(mc.SGD(0.1))
    before = layer.weight.detach().clone()
    inputs, labels = batch()
    layer(inputs.detach(), labels).backward()
    assert not torch.equal(layer.weight, before)


def test_nothing_is_updated_without_a_backward_pass_or_if_frozen() -> None:
    layer = make_layer(mc.SGD(0.1))
    before = layer.weight.detach().clone()
    inputs, labels = batch()
    layer(inputs, labels)
    with torch.no_grad():
        layer(inputs, labels)
    layer.requires_grad_(False)
    layer(inputs, labels).backward()
    assert torch.equal(layer.weight, before)
    assert layer.optimizer.iterations == 0


def test_a_second_backward_pass_is_refused() -> None:
    layer = make_layer(mc.SGD(0.1))
    loss = layer(*batch())
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_optimizer_of_pytorch_is_refused() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(TypeError, match=r"it must be one of manyclass.*layer\.parameters"):
        make_layer(torch.optim.SGD([parameter], 0.1))  # type: ignore[arg-type]


def test_a_state_without_an_optimizer_is_refused() -> None:
    layer, sampler = make_layer(mc.Adam(0.1)), mc.LogUniformSampler(C, seed=1)
    with pytest.raises(ValueError, match="no optimizer's"):
        layer.load_state_dict(make_layer(None).state_dict())
    assert layer.sampler.state_dict() == sampler.state_dict()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # Dynamo's own doing
def test_compiled_around_it() -> None:
    torch.compiler.reset()
    layer, plain = make_layer(mc.SGD(0.1)), make_layer(mc.SGD(0.1))
    compiled = torch.compile(lambda inputs, labels: layer(2 * inputs, labels))
    for seed in range(2):
        inputs, labels = batch(seed)
        compiled(inputs, labels).backward()
        plain(2 * inputs, labels).backward()
    torch.testing.assert_close(layer.weight, plain.weight)
