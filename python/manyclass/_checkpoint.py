"""What a checkpoint of a layer holds, as tensors and a JSON record of a safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from manyclass._arrays import Array
from manyclass._optimizer_state import named_arrays
from manyclass._replaced_file import replaced_file
from manyclass._safetensors import read_tensors, write_tensors
from manyclass._sampler_records import load_sampler, make_sampler, record_sampler
from manyclass.optimizers import SGD, Adagrad, Adam, RowwiseAdagrad
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import Sampler

_KEY = "manyclass.SampledSoftmax"
_VERSION = 1
_OPTIMIZERS = {kind.__name__: kind for kind in (SGD, Adagrad, RowwiseAdagrad, Adam)}

PathLike: TypeAlias = str | os.PathLike[str]
# "weights" and "biases": each an array or a list of shards.
Tables: TypeAlias = dict[str, Any]


class Checkpoint(NamedTuple):
    """A file that was read: arrays are read-only and on its memory map."""

    path: Path
    record: dict[str, Any]
    tensors: dict[str, Array]

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Say which file it is that does not fit."""
        try:
            yield
        except KeyError as error:
            raise ValueError(f"{self.path} does not fit: it lacks {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.path} does not fit: {error}") from error

    def part(self, name: str) -> dict[str, Array]:
        """Return the tensors whose names begin with that of the part."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def tables(self, *, copy: bool) -> Tables:
        """Return weights and biases, in memory or on the map."""

        def table(name: str) -> Array | list[Array]:
            if name in self.tensors:
                return np.array(self.tensors[name]) if copy else self.tensors[name]
            shards = self.part(name)
            in_order = [shards[str(place)] for place in range(len(shards))]
            return [np.array(shard) for shard in in_order] if copy else in_order

        return {"weights": table("weights"), "biases": table("biases")}

    def make_sampler(self) -> Sampler | None:
        """Return a sampler like that which was saved."""
        record = self.record["sampler"]
        return None if record is None else make_sampler(record, self.part("sampler"))

    def load_sampler(self, sampler: Sampler) -> None:
        """Have a sampler go on where the saved one stood."""
        if self.record["sampler"] is None:
            raise ValueError("it holds no sampler; set layer.sampler after loading")
        load_sampler(sampler, self.record["sampler"], self.part("sampler"))

    def make_optimizer(self) -> RowOptimizer | None:
        """Return an optimizer of the hyperparameters that were saved, without state."""
        saved = self.record["optimizer"]
        if saved is None:
            return None
        hyperparameters = saved["hyperparameters"]
        if hyperparameters["learning_rate"] is None:
            raise ValueError(
                "its learning rate was a schedule, which is not saved; give load the optimizer, "
                f"such as optimizer={saved['kind']}(schedule)"
            )
        return _OPTIMIZERS[saved["kind"]](**hyperparameters)

    def load_optimizer(self, optimizer: RowOptimizer, tables: Tables) -> None:
        """Have an optimizer take over the state that was saved."""
        saved = self.record["optimizer"]
        if saved is None:
            raise ValueError("it holds no state of an optimizer; set layer.optimizer after loading")
        if saved["kind"] != type(optimizer).__name__:
            raise ValueError(
                f"it holds the state of {saved['kind']}, the optimizer is {optimizer!r}"
            )
        state: dict[str, Any] = dict(self.part("optimizer"))
        state |= {name: saved[name] for name in ("iterations", "seed") if name in saved}
        optimizer.load_state_dict(state, tables)

    def check_tables(self, tables: Tables) -> None:
        """Refuse to be copied into arrays of other shapes or dtypes, or that are read-only."""
        wanted: dict[str, Array] = dict(named_arrays(tables))
        mine = {name: t for name, t in self.tensors.items() if name.split(".")[0] in tables}
        for name in sorted(wanted.keys() | mine.keys(), reverse=True):  # weights before biases
            saved, given = _description(mine.get(name)), _description(wanted.get(name))
            if saved != given:
                raise ValueError(f"it has {saved} as {name}, the layer has {given}")
        for name in wanted:
            if not wanted[name].flags.writeable:
                raise ValueError(f"{name} of the layer is read-only")

    def copy_tables(self, tables: Tables) -> None:
        """Copy weights and biases into arrays that `check_tables` has seen."""
        for name, array in named_arrays(tables):
            np.copyto(array, self.tensors[name])


def write_checkpoint(
    path: PathLike,
    settings: dict[str, Any],
    tables: Tables,
    sampler: Sampler | None,
    optimizer: RowOptimizer | None,
) -> None:
    """Write a layer so that ``path`` is what it was or the whole checkpoint, at any moment."""
    record: dict[str, Any] = {"version": _VERSION, "layer": settings}
    tensors = dict(named_arrays(tables))
    record["sampler"], arrays = (None, {}) if sampler is None else record_sampler(sampler)
    tensors |= {f"sampler.{name}": array for name, array in arrays.items()}
    record["optimizer"] = None
    if optimizer is not None:
        state = optimizer.state_dict(tables)
        tensors |= {f"optimizer.{n}": a for n, a in state.items() if isinstance(a, np.ndarray)}
        record["optimizer"] = _record_optimizer(optimizer, state["iterations"], state["seed"])
    with replaced_file(Path(path)) as file:
        write_tensors(file, tensors, {_KEY: json.dumps(record)})


def read_checkpoint(path: PathLike) -> Checkpoint:
    """Read what a file holds, weights and states not yet.

    Raises
    ------
    ValueError
        If it is no checkpoint of a layer, one of another version, or not whole.
    """
    file = Path(path)
    tensors, metadata = read_tensors(file)
    if _KEY not in metadata:
        raise ValueError(
            f"{file} is a safetensors file, but no checkpoint of a layer: its metadata has no "
            f'"{_KEY}"'
        )
    try:
        record = dict(json.loads(metadata[_KEY]))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file} has no record of a layer: {error}") from None
    version = record.get("version")
    if version != _VERSION:
        raise ValueError(
            f"{file} is a checkpoint of version {version!r}; this manyclass reads {_VERSION}"
        )
    return Checkpoint(file, record, tensors)


def _record_optimizer(optimizer: RowOptimizer, iterations: object, seed: object) -> dict[str, Any]:
    hyperparameters = optimizer.hyperparameters()
    if callable(hyperparameters["learning_rate"]):
        hyperparameters["learning_rate"] = None
    return {
        "kind": type(optimizer).__name__,
        "iterations": iterations,
        "seed": seed,
        "hyperparameters": hyperparameters,
    }


def _description(array: Array | None) -> str:
    return "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
