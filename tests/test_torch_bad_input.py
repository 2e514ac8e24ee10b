"""What manyclass.torch refuses, and what it says; what it imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import manyclass as mc
import manyclass.torch as mct
from child_process import run_child
from torch_problems import Problem, make_torch_problem

NAMES = ("weights", "biases", "labels", "inputs")


def call(loss: str, problem: Problem, **options: Any) -> Any:
    if loss == "full_softmax_loss":
        return mct.full_softmax_loss(*problem[:4], **options)
    return getattr(mct, loss)(*problem[:4], 7, 20, sampler=SAMPLER, **options)


SAMPLER = mc.LogUniformSampler(20, seed=1)
LOSSES = ("sampled_softmax_loss", "nce_loss", "full_softmax_loss")
Change = Callable[[torch.Tensor], Any]

BAD: dict[str, tuple[tuple[str, ...], Change, type[Exception], str]] = {
    "an array": (NAMES, lambda t: t.detach().numpy(), TypeError, r"torch\.as_tensor\({name}\)"),
    "a list": (NAMES, lambda t: t.tolist(), TypeError, r"{name} is a list; it must be a torch"),
    "device": (NAMES, lambda t: t.detach().to("meta"), ValueError, r"{name} is on meta.*\.cpu\(\)"),
    "sparse": (
        ("weights", "inputs"),
        lambda t: t.detach().to_sparse(),
        ValueError,
        r"{name} is torch\.sparse_coo; it must be dense \({name}\.to_dense",
    ),
    "half": (
        ("weights", "biases", "inputs"),
        lambda t: t.detach().bfloat16(),
        TypeError,
        r"{name} has dtype bfloat16; it must be float32.* \({name}\.to\(torch\.float32\)",
    ),
    "int32": (
        ("labels",),
        lambda t: t.int(),
        TypeError,
        r"labels has dtype int32; it must be int64 \(labels\.to\(torch\.int64\)",
    ),
    "another float": (
        ("biases", "inputs"),
        lambda t: t.detach().double(),
        TypeError,
        r"{name} has dtype float64; it must be float32 \({name}\.to\(torch\.float32\) makes a copy",
    ),
    "a transpose": (
        ("weights", "inputs"),
        lambda t: t.detach().T.contiguous().T,
        ValueError,
        r"{name} has strides .*not contiguous \({name}\.contiguous\(\)",
    ),
    "a rank": (
        ("weights", "biases", "inputs"),
        lambda t: t.detach()[None],
        ValueError,
        r"{name} has shape \[1, ",
    ),
    "a rank of labels": (
        ("labels",),
        lambda t: t[None],
        ValueError,
        r"labels has shape|labels must",
    ),
    "a label": (("labels",), lambda t: t + 20, ValueError, r"labels"),
}
CASES = [(what, name) for what, (names, *_) in BAD.items() for name in names]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("what", "name"), CASES)
def test_a_bad_tensor_is_named(loss: str, what: str, name: str) -> None:
    _, change, error, message = BAD[what]
    problem = make_torch_problem()
    problem = problem._replace(**{name: change(getattr(problem, name))})
    before = SAMPLER.state_dict()
    pattern = message.replace("{name}", name)
    with pytest.raises(error, match=pattern):
        call(loss, problem)
    assert SAMPLER.state_dict() == before  # nothing is drawn


@pytest.mark.parametrize("loss", LOSSES)
def test_what_has_no_gradient_may_not_want_one(loss: str) -> None:
    problem = make_torch_problem()
    weights = torch.rand(5, 1, requires_grad=True)
    with pytest.raises(ValueError, match=r"label_weights requires grad.*label_weights\.detach"):
        call(loss, problem, label_weights=weights)
    with torch.no_grad():
        call(loss, problem, label_weights=weights)


def test_given_candidates() -> None:
    problem = make_torch_problem()
    step = (*problem[:4], 7, 20, 1)
    ids, true_counts, counts = problem.sampled
    loss = mct.sampled_softmax_loss
    with pytest.raises(TypeError, match="sampled_values must be a tuple of three tensors"):
        loss(*step, (ids, counts))
    with pytest.raises(ValueError, match="num_sampled is 7, sampled_values has 6 candidates"):
        loss(*step, (ids[:6], true_counts, counts[:6]))
    with pytest.raises(TypeError, match="sampled_candidates has dtype int32"):
        loss(*step, (ids.int(), true_counts, counts))
    with pytest.raises(ValueError, match="sampled_expected_count requires grad"):
        loss(*step, (ids, true_counts, counts.clone().requires_grad_()))
    with pytest.raises(ValueError, match="sampled_values and sampler are both given"):
        loss(*step, problem.sampled, sampler=SAMPLER)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"reduction": "average"}, ValueError, "reduction is 'average'; it must be \"none\""),
        ({"log_q_correction": "some"}, ValueError, "log_q_correction"),
        ({"sparse": 2}, TypeError, "sparse"),
        ({"num_threads": 0}, ValueError, "num_threads is 0"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing"),
    ],
)
def test_bad_options(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call("sampled_softmax_loss", make_torch_problem(), **change)


def test_bad_numbers() -> None:
    tensors = make_torch_problem()[:4]
    with pytest.raises(ValueError, match=r"num_classes is 21; .* at most the 20 rows of weights"):
        mct.sampled_softmax_loss(*tensors, 7, 21)
    with pytest.raises(ValueError, match="num_classes is 19, sampler has 20 classes"):
        mct.sampled_softmax_loss(*tensors, 7, 19, sampler=SAMPLER)
    with pytest.raises(TypeError, match="sampler is 'uniform'"):
        mct.sampled_softmax_loss(*tensors, 7, 20, sampler="uniform")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="num_true"):
        mct.sampled_softmax_loss(*tensors, 7, 20, 2)
    labels = mc.RaggedLabels(torch.zeros(5, dtype=torch.int64), torch.arange(6))
    with pytest.raises(ValueError, match="num_true is 2; ragged labels"):
        mct.full_softmax_loss(tensors[0], tensors[1], labels, tensors[3], 2)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0, 4), {"num_sampled": 5}, "num_classes is 0"),
        ((9, 0), {"num_sampled": 5}, "dim is 0"),
        ((9, 4), {"num_sampled": 0}, "num_sampled is 0"),
        ((9, 4), {"num_sampled": 5, "sampler": SAMPLER}, "num_classes is 9, sampler has 20"),
        ((9, 4), {"num_sampled": 5, "reduction": "all"}, "reduction is 'all'"),
    ],
)
def test_bad_modules(arguments: tuple[int, int], options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mct.SampledSoftmax(*arguments, **options)
    if arguments[1]:
        with pytest.raises(ValueError, match=message):
            mct.SampledSoftmaxLoss(arguments[0], **options)


def test_a_module_in_another_dtype_says_what_to_do() -> None:
    layer = mct.SampledSoftmax(20, 4, num_sampled=5).bfloat16()
    inputs, labels = torch.randn(3, 4), torch.zeros(3, dtype=torch.int64)
    with pytest.raises(TypeError, match="weights has dtype bfloat16; it must be float32"):
        layer(inputs, labels)
    with pytest.raises(TypeError, match="weights has dtype bfloat16"):
        layer.top_k(inputs, 1)
    with pytest.raises(ValueError, match="inputs is on meta"):
        layer.float().evaluate(inputs.to("meta"), labels)


def test_given_arrays_of_a_sampler_are_taken() -> None:
    problem = make_torch_problem()
    values = mc.UniformSampler(20, seed=1).sample(problem.labels.numpy(), 7)
    assert isinstance(values.sampled_candidates, np.ndarray)
    mct.sampled_softmax_loss(*problem[:4], 7, 20, 1, values).sum().backward()


def test_manyclass_alone_imports_no_framework() -> None:
    frameworks = ("torch", "tensorflow", "jax", "keras")
    code = f"import sys, manyclass; print([n for n in {frameworks!r} if n in sys.modules])"
    assert run_child(code).stdout.strip() == "[]"


def test_without_pytorch_the_error_names_the_extra() -> None:
    child = run_child("import sys; sys.modules['torch'] = None; import manyclass.torch")
    assert child.returncode != 0
    assert "ImportError: manyclass.torch needs PyTorch" in child.stderr
    assert "pip install 'manyclass[torch]'" in child.stderr
