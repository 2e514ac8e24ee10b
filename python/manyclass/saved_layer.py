"""Checkpoints, pickles and copies of a layer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

from manyclass._checkpoint import Checkpoint, PathLike, read_checkpoint, write_checkpoint
from manyclass._layer_tables import shards_of
from manyclass._mapped_memory import MappedMemory
from manyclass._sampled_arguments import check_sampler
from manyclass._sampler_records import load_sampler, record_sampler
from manyclass._scalars import as_flag
from manyclass.output_layer import OutputLayer
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import Sampler

_Layer = TypeVar("_Layer", bound="SavedLayer")


class SavedLayer(OutputLayer):
    """A layer that can be saved with its sampler and its optimizer: `SampledSoftmax`."""

    _sampler: Sampler | None
    _optimizer: RowOptimizer | None

    def save(self, path: PathLike) -> None:
        """Write a checkpoint: weights, biases, and all that training needs to go on from here.

        The file is in the safetensors format, which other software reads: tensors are named
        "weights", "biases" (or "weights.0", "weights.1" for shards), "optimizer.weights.<table>"
        and so on. A checkpoint that was there before is replaced at the end, at once: after a
        crash or on a full disk it is still the old one. A process that is killed meanwhile may
        leave its unfinished file, ".<name>.<hex>.tmp", beside it.

        Learning-rate schedules are not saved: they are code.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Raises
        ------
        OSError
            If it cannot be written; what was there stays.
        """
        self._mapped.expect_all()
        write_checkpoint(path, self._settings(), self._tables(), self._sampler, self._optimizer)

    @classmethod
    def load(
        cls: type[_Layer],
        path: PathLike,
        *,
        mmap: bool = False,
        sampler: Sampler | None = None,
        optimizer: RowOptimizer | None = None,
    ) -> _Layer:
        """Make the layer of a checkpoint; training goes on with the same bits.

        Parameters
        ----------
        path : str or os.PathLike
            What `save` wrote.
        mmap : bool, default False
            For serving: weights and biases stay in the file, read-only, and are read where they
            are needed. The layer has no optimizer, and no sampler but the one given.
        sampler : Sampler, optional
            Of the kind that was saved, and made alike: it continues where that one stood. By
            default it is made anew.
        optimizer : RowOptimizer, optional
            Of the kind that was saved: it takes over the state, the number of steps and the seed,
            and keeps its own hyperparameters. Needed if the learning rate was a schedule. By
            default it is made anew.

        Returns
        -------
        SampledSoftmax
            With the options it was saved with.

        Raises
        ------
        ValueError
            If the file is no checkpoint, not whole or of another version, or if the sampler or
            the optimizer is of another kind. Neither is changed then.
        TypeError
            If an argument is of another type.
        OSError
            If the file cannot be read.
        """
        mapped = as_flag(mmap, "mmap")
        if not isinstance(sampler, Sampler | None):
            raise TypeError(f"sampler is {sampler!r}; it must be a sampler of manyclass")
        if not isinstance(optimizer, RowOptimizer | None):
            raise TypeError(f"optimizer is {optimizer!r}; it must be one such as Adagrad(0.1)")
        if mapped and optimizer is not None:
            raise ValueError("mmap leaves weights read-only: an optimizer cannot train them")
        checkpoint = read_checkpoint(path)
        with checkpoint.errors_named():
            layer = cls(**checkpoint.record["layer"], **checkpoint.tables(copy=not mapped))
            if not mapped:
                sampler = checkpoint.make_sampler() if sampler is None else sampler
                optimizer = checkpoint.make_optimizer() if optimizer is None else optimizer
            layer._take_over(checkpoint, sampler, optimizer)
        return layer

    def restore(self, path: PathLike) -> None:
        """Take over a checkpoint: into the arrays, the sampler and the optimizer of this layer.

        For weights that shall lie where they are, such as a memory map or shards, and for
        schedules. What `save` wrote for arrays of the same shapes, dtypes and shards fits; options
        such as `num_sampled` stay those of this layer. A layer without optimizer leaves the
        saved state alone.

        Parameters
        ----------
        path : str or os.PathLike
            What `save` wrote.

        Raises
        ------
        ValueError
            If the file is no checkpoint, not whole, of another version, or of other shapes, or if
            the sampler or the optimizer is of another kind. Nothing is changed then.
        OSError
            If the file cannot be read.

        Notes
        -----
        After Ctrl-C in the middle, restore again: tables may be copied in part.
        """
        checkpoint = read_checkpoint(path)
        with checkpoint.errors_named():
            checkpoint.check_tables(self._tables())
            self._take_over(checkpoint, self._sampler, self._optimizer)
            checkpoint.copy_tables(self._tables())

    def _take_over(
        self, checkpoint: Checkpoint, sampler: Sampler | None, optimizer: RowOptimizer | None
    ) -> None:
        """Have both continue where the saved ones stood, and make them this layer's."""
        before = None if sampler is None else record_sampler(sampler)
        try:
            if sampler is not None:
                checkpoint.load_sampler(sampler)
                check_sampler(sampler, self.num_classes)
            if optimizer is not None:
                checkpoint.load_optimizer(optimizer, self._tables())
        except Exception:
            if sampler is not None and before is not None:
                load_sampler(sampler, *before)
            raise
        self._sampler, self._optimizer = sampler, optimizer

    def _tables(self) -> dict[str, Any]:
        return {"weights": self._weights, "biases": self._biases}

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return the arguments of the constructor that are numbers, flags and names."""

    def __getstate__(self) -> dict[str, Any]:
        attributes = dict(self.__dict__)
        del attributes["_mapped"]
        optimizer = self._optimizer
        if optimizer is not None and optimizer._states:
            attributes["_optimizer"] = optimizer._without_state()
            attributes["_optimizer_state"] = optimizer.state_dict(self._tables())
        return attributes

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self._mapped = MappedMemory(shards_of(self._weights) + shards_of(self._biases))
        state = self.__dict__.pop("_optimizer_state", None)
        if state is not None and self._optimizer is not None:
            self._optimizer.load_state_dict(state, self._tables(), copy=False)
