"""The operators under PyTorch's own checks, in float64, and in graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import manyclass as mc
import manyclass.torch as mct
from torch_problems import Problem, make_torch_problem

# What PyTorch imports to compile is deprecated by itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")

Loss = Callable[..., Tensor]


def small(seed: int = 0, num_true: int = 1) -> Problem:
    return make_torch_problem(
        seed,
        num_sampled=4,
        dtype=np.float64,
        num_classes=6,
        dim=3,
        batch=3,
        num_true=num_true,
    )


@pytest.mark.parametrize("loss", [mct.sampled_softmax_loss, mct.nce_loss])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("num_true", [1, 2])
def test_gradcheck_of_sampled_losses(loss: Loss, reduction: str, num_true: int) -> None:
    problem = small(num_true=num_true)

    def call(weights: Tensor, biases: Tensor, inputs: Tensor) -> Tensor:
        return loss(
            *(weights, biases, problem.labels, inputs, *problem.sizes, problem.sampled),
            reduction=reduction,
            sparse=False,
        )

    assert torch.autograd.gradcheck(call, problem.leaves())


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_gradcheck_of_the_full_softmax(label_smoothing: float) -> None:
    problem = small()

    def call(weights: Tensor, biases: Tensor, inputs: Tensor) -> Tensor:
        return mct.full_softmax_loss(
            weights, biases, problem.labels, inputs, label_smoothing=label_smoothing
        )

    assert torch.autograd.gradcheck(call, problem.leaves())


def arguments(problem: Problem, *options: Any) -> tuple[Any, ...]:
    weights, biases, labels, inputs, sampled = problem
    return (weights, biases, labels, None, None, inputs, *sampled, *options)


@pytest.mark.parametrize("name", ["sampled_softmax", "nce"])
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("sparse", [True, False])
def test_opcheck_of_sampled_losses(name: str, reduction: str, sparse: bool) -> None:
    operators = torch.ops.manyclass
    options = (0.0, True, False, "all", 0, reduction)
    problem = small()
    torch.library.opcheck(
        getattr(operators, f"{name}_loss_and_grad").default,
        arguments(problem, *options, sparse),
    )
    for leaf in problem.leaves():
        leaf.requires_grad_(False)
    torch.library.opcheck(getattr(operators, f"{name}_loss").default, arguments(problem, *options))
    step = arguments(problem, *options)
    _, indices, *values = getattr(operators, f"{name}_loss_and_grad")(*step, sparse)
    upstream = torch.ones((3,) if reduction == "none" else (), dtype=torch.float64)
    for factor in (1, 0.5):
        torch.library.opcheck(
            getattr(operators, f"{name}_gradients").default,
            (*step, factor * upstream, indices, *values),
        )


def test_opcheck_of_the_full_softmax() -> None:
    weights, biases, labels, inputs, _ = small()
    step = (weights, biases, labels, None, None, inputs, 0.0, 0)
    torch.library.opcheck(torch.ops.manyclass.full_softmax_loss.default, step)
    step = tuple(t.detach() if isinstance(t, Tensor) else t for t in step)
    grad_loss = torch.ones(3, dtype=torch.float64)
    torch.library.opcheck(torch.ops.manyclass.full_softmax_gradients.default, (*step, grad_loss))


def test_opcheck_of_samplers() -> None:
    labels = small().labels
    sampler = mc.UniformSampler(6)
    operators = torch.ops.manyclass
    # With a seed: what is drawn is the same in each call.
    torch.library.opcheck(operators.sample.default, (labels, 4, sampler._number, [1, 2]))
    torch.library.opcheck(operators.sample_log_uniform.default, (labels, 4, 6, [1]))


@pytest.mark.parametrize("loss", [mct.sampled_softmax_loss, mct.nce_loss])
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("sparse", [True, False])
def test_compiled_without_a_break(loss: Loss, reduction: str, sparse: bool) -> None:
    problem, eager = (make_torch_problem(1, num_classes=60) for _ in range(2))
    samplers = [mc.LogUniformSampler(60, seed=3) for _ in range(2)]

    def call(problem: Problem, sampler: mc.LogUniformSampler) -> Tensor:
        weights, biases, labels, inputs, _ = problem
        each = loss(
            *(weights, biases, labels, 2 * inputs, 9, 60),
            sampler=sampler,
            reduction=reduction,
            sparse=sparse,
        )
        return (each * each).sum()  # an upstream gradient that differs from example to example

    torch.compiler.reset()
    compiled = torch.compile(call, fullgraph=True)
    for _ in range(2):  # new candidates in each call
        for leaf in (*problem.leaves(), *eager.leaves()):
            leaf.grad = None
        actual, expected = compiled(problem, samplers[0]), call(eager, samplers[1])
        actual.backward()
        expected.backward()
        torch.testing.assert_close(actual, expected)
        for leaf, other in zip(problem.leaves(), eager.leaves(), strict=True):
            assert leaf.grad.layout == other.grad.layout
            torch.testing.assert_close(leaf.grad.to_dense(), other.grad.to_dense())


def test_compiled_for_any_batch() -> None:
    torch.compiler.reset()
    layer = mct.SampledSoftmax(50, 4, num_sampled=6, seed=1)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True)
    other = mct.SampledSoftmax(50, 4, num_sampled=6, seed=1)
    other.load_state_dict(layer.state_dict())
    for batch in (3, 5, 8):
        inputs = torch.randn(batch, 4)
        labels = torch.arange(batch)
        torch.testing.assert_close(compiled(inputs, labels), other(inputs, labels))
    for module in (layer, other):
        module.eval()
    torch.testing.assert_close(compiled(inputs, labels), other(inputs, labels))


def test_the_full_softmax_compiles() -> None:
    torch.compiler.reset()
    problem, eager = (make_torch_problem(2) for _ in range(2))
    compiled = torch.compile(mct.full_softmax_loss, fullgraph=True)
    (compiled(*problem[:4]) ** 2).sum().backward()
    (mct.full_softmax_loss(*eager[:4]) ** 2).sum().backward()
    for leaf, other in zip(problem.leaves(), eager.leaves(), strict=True):
        torch.testing.assert_close(leaf.grad, other.grad)


def test_two_draws_in_a_graph_are_two_draws() -> None:
    torch.compiler.reset()
    labels, sampler = torch.zeros(2, 1, dtype=torch.int64), mc.UniformSampler(10**6, seed=1)
    weights, inputs = torch.randn(10**6, 1), torch.ones(2, 1)

    @torch.compile(fullgraph=True)
    def twice() -> tuple[Tensor, Tensor]:
        one, two = (
            mct.sampled_softmax_loss(weights, None, labels, inputs, 5, 10**6, sampler=sampler)
            for _ in range(2)
        )
        return one, two

    one, two = twice()
    assert not torch.equal(one, two)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_export(strict: bool, training: bool) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(4, 4)
            self.output = mct.SampledSoftmax(50, 4, num_sampled=6, seed=1)

        def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
            loss: Tensor = self.output(self.hidden(inputs), labels)
            return loss

    model = Model().train(training)
    example = torch.randn(3, 4), torch.tensor([0, 7, 30])
    program = torch.export.export(model, example, strict=strict)
    assert any("manyclass" in str(node.target) for node in program.graph.nodes)
    start = model.output.sampler.state_dict()
    expected = model(*example)
    model.output.sampler.load_state_dict(start)
    torch.testing.assert_close(program.module()(*example), expected)


def test_a_graph_whose_sampler_is_gone_says_so() -> None:
    labels = torch.zeros(2, 1, dtype=torch.int64)
    number = mc.UniformSampler(10)._number
    with pytest.raises(RuntimeError, match="is gone"):
        torch.ops.manyclass.sample(labels, 3, number, None)
