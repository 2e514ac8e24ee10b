"""Operations of ours in TensorFlow's graphs: nodes that the core computes, without Python.

They are registered when this is imported, so that graphs that were saved find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

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


# A sampler that a node draws from lives as long as the process.
Attribute: TypeAlias = bool | int | float | str | tf.DType | Sampler


class Operation(NamedTuple):
    """What a node computes; the dtypes of its inputs are among the attributes."""

    type: str
    attributes: Mapping[str, Attribute]


def node(operation: Operation, tensors: Sequence[tf.Tensor], results: Results) -> list[tf.Tensor]:
    """Add a node to the graph; its results have the dtypes and shapes that are told."""
    added = tf.compat.v1.get_default_graph().create_op(
        operation.type,
        list(tensors),
        [dtype for dtype, _ in results],
        attrs=dict(_attributes(operation)),
    )
    for output, (_, shape) in zip(added.outputs, results, strict=True):
        output.set_shape(shape)
    return list(added.outputs)


def _attributes(operation: Operation) -> Iterator[tuple[str, Any]]:
    for name, value in operation.attributes.items():
        if isinstance(value, Sampler):
            number, process = _core.graph_sampler(value._core)
            yield name, tf.compat.v1.AttrValue(i=number)
            yield "process", tf.compat.v1.AttrValue(i=process)
        elif isinstance(value, tf.DType):
            yield name, tf.compat.v1.AttrValue(type=value.as_datatype_enum)
        elif isinstance(value, bool):
            yield name, tf.compat.v1.AttrValue(b=value)
        elif isinstance(value, int):
            yield name, tf.compat.v1.AttrValue(i=value)
        elif isinstance(value, str):
            yield name, tf.compat.v1.AttrValue(s=value.encode())
        else:  # an attribute "float" has the precision of float32
            tensor = tf.make_tensor_proto(value, tf.float64)
            yield name, tf.compat.v1.AttrValue(tensor=tensor)


def _register() -> None:
    # The library that TensorFlow has loaded: it has the C interface.
    directory = Path(tf.sysconfig.get_lib())
    libraries = sorted(directory.glob("libtensorflow_framework.*"))
    if not libraries:
        raise RuntimeError(f"{directory} has no libtensorflow_framework, which TensorFlow loads")
    _core.register_tensorflow_operations(str(libraries[-1]))
    for operation in TYPES:
        tf.no_gradient(operation)  # the losses bring theirs


_register()
