"""A good call of every public function and method of manyclass.torch, on NumPy arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import manyclass as mc
import manyclass.torch as mct
from good_arguments import DIM, Call, N, problem, sampled_problem


def as_tensors(value: Any) -> Any:
    """Arrays that PyTorch can have without a copy as tensors, wherever they stand."""
    if isinstance(value, np.ndarray) and value.flags.writeable:
        try:
            return torch.from_numpy(value)
        except (TypeError, ValueError):
            return value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(as_tensors, value))
    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    return value


def _with_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss whose backward pass is taken too."""

    def call(**arguments: Any) -> Any:
        given = as_tensors(arguments)
        for name in ("weights", "biases", "inputs"):
            tensor = given.get(name)
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                given[name] = tensor.detach().requires_grad_()
        loss = function(**given)
        loss.sum().backward()
        return loss.detach().numpy()

    return call


def _on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(**arguments: Any) -> Any:
        result = function(**as_tensors(arguments))
        return result.detach().numpy() if isinstance(result, torch.Tensor) else result

    return call


def _made(**arguments: Any) -> Any:
    """A layer; PyTorch tells of memory that it cannot have in its own way."""
    try:
        return mct.SampledSoftmax(**arguments)
    except RuntimeError as error:
        if "memory" in str(error) or "Storage size" in str(error):
            raise MemoryError from error
        raise


def _losses() -> Iterator[tuple[str, Call]]:
    options = {"reduction": "none", "sparse": True}
    for name in ("sampled_softmax_loss", "nce_loss"):
        arguments = sampled_problem(**options)
        for other in ("partition_strategy", "compute_dtype"):
            del arguments[other]
        state = arguments["sampler"].state_dict
        yield name, Call(_with_gradients(getattr(mct, name)), arguments, state=state)
    arguments = problem(reduction="none", label_smoothing=0.0)
    del arguments["partition_strategy"]
    yield "full_softmax_loss", Call(_with_gradients(mct.full_softmax_loss), arguments)


def _layers() -> Iterator[tuple[str, Call]]:
    made = {"num_classes": N, "dim": DIM, "num_sampled": 5, "seed": 1, "num_threads": 1}
    made |= {"log_q_correction": "all", "label_smoothing": 0.0, "reduction": "mean"}
    yield "SampledSoftmax", Call(_made, {**made, "optimizer": mc.SGD(0.1)})
    del made["dim"]
    yield "SampledSoftmaxLoss", Call(mct.SampledSoftmaxLoss, made)
    layer = mct.SampledSoftmax(N, DIM, num_sampled=5, seed=1)
    batch = {"inputs": problem()["inputs"], "labels": problem()["labels"]}

    def state() -> Any:
        return layer.weight.detach().numpy().copy(), layer.sampler.state_dict()

    yield "SampledSoftmax.forward", Call(_on_tensors(layer), batch, state=state)
    exact = copy.deepcopy(layer).eval()
    yield "SampledSoftmax.forward: evaluation", Call(_on_tensors(exact), batch)
    yield "SampledSoftmax.evaluate", Call(_on_tensors(layer.evaluate), batch, state=state)
    best = {"inputs": batch["inputs"], "k": 3, "excluded": batch["labels"]}
    yield "SampledSoftmax.top_k", Call(_on_tensors(layer.top_k), best, state=state)
    loss = mct.SampledSoftmaxLoss(N, num_sampled=5, seed=1)
    tied = {"weights": problem()["weights"], "biases": problem()["biases"], **batch}
    for name, module in (("", loss), (": evaluation", copy.deepcopy(loss).eval())):
        call = Call(_on_tensors(module), tied, state=module.sampler.state_dict)
        yield f"SampledSoftmaxLoss.forward{name}", call


def torch_calls() -> Iterator[tuple[str, Call]]:
    """All of them, by name."""
    yield from _losses()
    yield from _layers()
    arguments = problem()
    del arguments["partition_strategy"]
    yield "evaluate", Call(_on_tensors(mct.evaluate), arguments)
    best = {name: arguments[name] for name in ("weights", "biases", "inputs")}
    yield "top_k", Call(_on_tensors(mct.top_k), best | {"k": 3, "excluded": arguments["labels"]})
