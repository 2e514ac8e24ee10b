"""What a user of JAX passes: dtypes, devices and ranks, looked at while a function is traced.

Values, and whether shapes go together, are checked by the core when the function runs.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from manyclass._arrays import Array
from manyclass._scalars import as_integer
from manyclass._seeds import resolve_seed
from manyclass.ragged_labels import RaggedLabels

FLOATS = ("float32", "float64")
IDS = ("int32", "int64")
# The modulus that TensorFlow takes seeds by, and its graph-level seed when only an op has one.
_MODULUS = 2**31 - 1
_DEFAULT_GRAPH_SEED = 87654321


def as_jax(value: Any, name: str, dtypes: tuple[str, ...], *ranks: int) -> jax.Array:
    """Return an array of JAX, of one of ``dtypes`` and ``ranks``.

    Raises
    ------
    TypeError
        If it is no array or has another dtype.
    ValueError
        If it has another rank or lies on another device than the CPU.
    """
    if not isinstance(value, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} is a {type(value).__name__}; it must be an array (jax.numpy.asarray({name}) "
            "makes one)"
        )
    if str(value.dtype) not in dtypes:
        raise TypeError(
            f"{name} has dtype {value.dtype}; it must be {' or '.join(dtypes)} "
            f"({name}.astype({dtypes[0]!r}) makes such an array)"
        )
    if value.ndim not in ranks:
        raise ValueError(
            f"{name} has shape {list(value.shape)}; it must have "
            f"{' or '.join(map(str, ranks))} dimension{'s' * (ranks != (1,))}"
        )
    for platform in _platforms(value) - {"cpu"}:
        raise ValueError(
            f"{name} is on {platform}; manyclass computes on the CPU: "
            f"jax.device_put({name}, jax.devices('cpu')[0]) makes a copy there"
        )
    if isinstance(value, jax.Array):
        return value
    array = jnp.asarray(value)
    if array.dtype != value.dtype:
        _check_narrowed(value, name)
    return array


def _check_narrowed(value: Array, name: str) -> None:
    """Refuse what JAX would not take as it is: floats of 64 bits, integers beyond 32."""
    enable = "jax.config.update('jax_enable_x64', True)"
    if value.dtype.kind == "f":
        raise TypeError(f"{name} has dtype {value.dtype}, which JAX takes only after {enable}")
    for extreme in (value.min(initial=0), value.max(initial=0)):
        if not -(2**31) <= extreme < 2**31:
            raise ValueError(f"{name} holds {extreme}, which JAX takes only after {enable}")


def _platforms(value: jax.Array | Array) -> set[str]:
    """Return where an array lies; of one that is traced nothing is known."""
    if not isinstance(value, jax.Array) or isinstance(value, jax.core.Tracer):
        return set()
    return {device.platform for device in value.devices()}


def read_labels(labels: Any, num_true: int) -> tuple[jax.Array, jax.Array | None]:
    """Return labels and, if they are ragged, their splits."""
    columns = as_integer(num_true, "num_true")
    if isinstance(labels, RaggedLabels):
        if columns != 1:
            raise ValueError(
                f"num_true is {columns}; ragged labels have no fixed number: leave it at 1"
            )
        return (
            as_jax(labels.values, "labels.values", IDS, 1),
            as_jax(labels.row_splits, "labels.row_splits", IDS, 1),
        )
    ids = as_jax(labels, "labels", IDS, 2)
    if ids.shape[1] != columns:
        raise ValueError(
            f"labels must have shape [batch, num_true] = [{ids.shape[0]}, {columns}], got "
            f"{list(ids.shape)}"
        )
    return ids, None


def check_batch(ids: jax.Array, row_splits: jax.Array | None, inputs: jax.Array) -> None:
    """Refuse labels of another number of examples; XLA leaves out a call without results.

    Raises
    ------
    ValueError
        If there are labels of more or fewer examples than there are inputs.
    """
    size = len(ids) if row_splits is None else len(row_splits) - 1
    if size != len(inputs):
        raise ValueError(
            f"labels has {size} rows, inputs has {len(inputs)}; both must have one for each example"
        )


def read_seed(seed: Any) -> jax.Array | Array:
    """Return the words of a key, or the two numbers of a seed, as uint32.

    Raises
    ------
    TypeError
        If it is none of them, or None: candidates are a function of the arguments.
    """
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        if seed.ndim:
            raise ValueError(f"seed is an array of {seed.shape} keys; it must be one key")
        return jax.random.key_data(seed).reshape(-1)
    if isinstance(seed, jax.Array) and seed.dtype == jnp.uint32 and seed.shape in ((2,), (4,)):
        return seed
    if isinstance(seed, jax.Array) and seed.ndim == 0 and seed.dtype.kind in "iu":
        op_seed = (seed % jnp.asarray(_MODULUS, seed.dtype)).astype(jnp.uint32)
        return jnp.stack([jnp.uint32(_DEFAULT_GRAPH_SEED), op_seed])
    if seed is None or isinstance(seed, np.random.Generator):
        raise TypeError(
            f"seed is {seed!r}; it must be a key (jax.random.key(0)), an int or a pair of ints: "
            "under jit, what is drawn must be a function of the arguments"
        )
    return np.array(resolve_seed(seed), np.uint32)
