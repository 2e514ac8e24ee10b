"""Operations of ours in TensorFlow's graphs: nodes that the core computes, without Python."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from manyclass import _core
from manyclass.samplers import Sampler

Results = Sequence[tuple[tf.DType, Sequence[int | None]]]

TYPES = (
    "ManyclassDrawnStep",
    "ManyclassGivenStep",
    "ManyclassSample",
    "ManyclassAllCandidates",
    "ManyclassSampledLoss",
    "ManyclassSampledLossGradients",
    "ManyclassFullSoftmaxLoss",
    "ManyclassFullSoftmaxGradients",
    "ManyclassTopK",
)


class Operation(NamedTuple):
    """What a node computes; the attributes of its inputs' dtypes are among the others."""

    type: str
    attributes: Mapping[str, bool | int | float | str | tf.DType]


def node(operation: Operation, tensors: Sequence[tf.Tensor], results: Results) -> list[tf.Tensor]:
    """Add a node to the graph; its results have the dtypes and shapes that are told."""
    _register()
    added = tf.compat.v1.get_default_graph().create_op(
        operation.type,
        list(tensors),
        [dtype for dtype, _ in results],
        attrs={name: _attribute(value) for name, value in operation.attributes.items()},
    )
    for output, (_, shape) in zip(added.outputs, results, strict=True):
        output.set_shape(shape)
    return list(added.outputs)


def drawing_from(sampler: Sampler) -> dict[str, int]:
    """Return the attributes that stand for a sampler; from now on it lives as the process does."""
    number, process = _core.graph_sampler(sampler._core)
    return {"sampler": number, "process": process}


@functools.cache
def _register() -> None:
    # The library that TensorFlow has loaded: it has the C interface.
    directory = Path(tf.sysconfig.get_lib())
    libraries = sorted(directory.glob("libtensorflow_framework.*"))
    if not libraries:
        raise RuntimeError(f"{directory} has no libtensorflow_framework, which TensorFlow loads")
    _core.register_tensorflow_operations(str(libraries[-1]))
    for operation in TYPES:
        tf.no_gradient(operation)  # the losses bring theirs


def _attribute(value: bool | int | float | str | tf.DType) -> Any:
    if isinstance(value, tf.DType):
        return tf.compat.v1.AttrValue(type=value.as_datatype_enum)
    if isinstance(value, bool):
        return tf.compat.v1.AttrValue(b=value)
    if isinstance(value, int):
        return tf.compat.v1.AttrValue(i=value)
    if isinstance(value, str):
        return tf.compat.v1.AttrValue(s=value.encode())
    # An attribute "float" has the precision of float32.
    return tf.compat.v1.AttrValue(tensor=tf.make_tensor_proto(value, tf.float64))
