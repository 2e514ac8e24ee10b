"""Tensors as NumPy arrays on the same memory; those that cannot be are refused."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from manyclass._arrays import Array

FLOATS = (torch.float32, torch.float64)
IDS = (torch.int64,)


def check_tensor(
    value: object, name: str, dtypes: tuple[torch.dtype, ...], *, has_gradient: bool = False
) -> None:
    """Refuse what is no dense tensor in memory, of one of ``dtypes``, with contiguous rows.

    Shapes, and how dtypes go together, are the core's to check.
    """
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name} is a {type(value).__name__}; it must be a torch.Tensor "
            f"(torch.as_tensor({name}) makes one)"
        )
    if not value.is_cpu:
        raise ValueError(
            f"{name} is on {value.device}; manyclass computes on the CPU: {name}.cpu() makes a "
            "copy there"
        )
    if value.layout != torch.strided:
        raise ValueError(f"{name} is {value.layout}; it must be dense ({name}.to_dense())")
    if value.dtype not in dtypes:
        wanted = " or ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise TypeError(
            f"{name} has dtype {str(value.dtype).removeprefix('torch.')}; it must be {wanted} "
            f"({name}.to({dtypes[0]}) makes a copy)"
        )
    if (
        not value.is_contiguous()
        and value.ndim == 2
        and value.shape[1] > 1
        and value.stride(1) != 1
    ):
        raise ValueError(
            f"{name} has strides {tuple(value.stride())}: the elements of a row are not contiguous "
            f"({name}.contiguous() makes a copy in which they are)"
        )
    if value.requires_grad and not has_gradient and torch.is_grad_enabled():
        raise ValueError(f"{name} requires grad, and no gradient flows to it: give {name}.detach()")


def check_optional(
    value: object, name: str, dtypes: tuple[torch.dtype, ...], *, has_gradient: bool = False
) -> None:
    """Refuse what `check_tensor` refuses; None is no tensor."""
    if value is not None:
        check_tensor(value, name, dtypes, has_gradient=has_gradient)


def as_numpy(tensor: Tensor) -> Array:
    """Return an array on the memory of a tensor that `check_tensor` has seen."""
    return tensor.detach().numpy()


def biases_of(biases: Tensor | None, weights: Array) -> Array:
    """Return biases; where there are none, one zero that stands for all of them."""
    if biases is not None:
        return as_numpy(biases)
    return np.broadcast_to(np.zeros(1, weights.dtype), weights.shape[:1])
