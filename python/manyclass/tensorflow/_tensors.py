"""Tensors that are taken, and what is called with them, in eager mode and in graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from manyclass._arrays import Array
from manyclass.tensorflow._operations import Operation, Results, node

Function = TypeVar("Function", bound=Callable[..., Any])

FLOATS = (tf.float32, tf.float64)
IDS = (tf.int32, tf.int64)


def unconverted(function: Function) -> Function:
    """Have AutoGraph take a function as it is, with the functions of arrays in it.

    It would rewrite them, and they would be slower whenever a graph runs.
    """
    return tf.autograph.experimental.do_not_convert(function)  # type: ignore[no-any-return]


def as_tensor(value: Any, name: str, dtypes: tuple[tf.DType, ...], *ranks: int) -> tf.Tensor:
    """Return a tensor in the memory of the CPU, of one of ``dtypes`` and ``ranks``.

    Raises
    ------
    TypeError
        If it has another dtype, or TensorFlow makes no tensor of it.
    ValueError
        If it has another rank, or lies on another device.
    """
    try:
        tensor = tf.convert_to_tensor(value)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TypeError(f"{name} is no tensor: {error}") from error
    check_dtype(tensor, name, dtypes)
    if tensor.shape.rank is not None and tensor.shape.rank not in ranks:
        raise ValueError(
            f"{name} has shape {tensor.shape.as_list()}; it must have "
            f"{' or '.join(map(str, ranks))} dimension{'s' * (ranks != (1,))}"
        )
    if tf.executing_eagerly():
        check_device(tensor.device, name)
    return tensor


def check_dtype(value: Any, name: str, dtypes: tuple[tf.DType, ...]) -> None:
    """Refuse what is not of one of ``dtypes``."""
    name_of_dtype = str(getattr(value.dtype, "name", value.dtype))
    if name_of_dtype not in {dtype.name for dtype in dtypes}:
        wanted = " or ".join(wanted.name for wanted in dtypes)
        raise TypeError(
            f"{name} has dtype {name_of_dtype}; it must be {wanted} "
            f"(tf.cast({name}, tf.{dtypes[0].name}) makes such a tensor)"
        )


def check_device(device: str, name: str) -> None:
    """Refuse a device that is no CPU; the empty name is that of none."""
    if device and "/device:CPU:" not in device:
        raise ValueError(
            f"{name} is on {device}; manyclass computes on the CPU: tf.identity({name}) within "
            "tf.device('CPU') makes a copy there"
        )


def call(
    function: Callable[..., Sequence[Array]],
    operation: Operation,
    tensors: Sequence[tf.Tensor],
    results: Results,
) -> list[tf.Tensor]:
    """Call a function of arrays that use the tensors' memory; in a graph, add the operation."""
    if tf.executing_eagerly():
        arrays = function(*map(np.asarray, tensors))
        return [tf.convert_to_tensor(array) for array in arrays]
    return node(operation, tensors, results)
