"""Functions of the core as foreign functions of XLA, on arrays that lie in XLA's memory.

`jax.pure_callback` copies what it is called with, a table of a million rows too, and needs Python.
XLA's interface for foreign functions does not: it hands addresses over, to a function of C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from manyclass import _core
from manyclass.samplers import Sampler


class Result(NamedTuple):
    """What XLA is to make an array for."""

    shape: tuple[int, ...]
    dtype: Any


def call(
    function: str,
    attributes: Mapping[str, bool | int | float | str | Sampler | None],
    results: Sequence[Result],
    arguments: Mapping[str, jax.Array | None],
    optional: Sequence[str],
) -> list[jax.Array]:
    """Call a function of the core from code that is compiled.

    Arguments that are ``optional`` may be None; the function is told which of them there are.
    """
    specs = [jax.ShapeDtypeStruct(*result) for result in results]  # type: ignore[no-untyped-call]
    foreign = jax.ffi.ffi_call(f"manyclass_{function}", specs, vmap_method="sequential")
    there = {f"has_{name}": arguments[name] is not None for name in optional}
    given = [argument for argument in arguments.values() if argument is not None]
    return list(foreign(*given, **_attributes({**attributes, **there})))


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Sampler):
            number, process = _core.graph_sampler(value._core)
            attributes |= {name: np.int64(number), "process": np.int64(process)}
        elif isinstance(value, bool):
            attributes[name] = np.bool_(value)
        elif isinstance(value, int):
            attributes[name] = np.int64(value)
        elif isinstance(value, float):
            attributes[name] = np.float64(value)
        elif value is not None:
            attributes[name] = value
    return attributes


for _name, _capsule in _core.xla_functions().items():
    jax.ffi.register_ffi_target(_name, _capsule, platform="cpu")
