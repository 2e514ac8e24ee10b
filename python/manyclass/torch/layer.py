"""The output layer as a module, with weights of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from manyclass._scalars import as_flag
from manyclass._seeds import SeedLike
from manyclass.evaluation import Evaluation
from manyclass.ragged_labels import RaggedLabels
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import Sampler
from manyclass.torch import _fused_update
from manyclass.torch._sampling_options import (
    State,
    as_arrays,
    as_tensors,
    load_sampler_state,
    loss_options,
    make_sampler,
    positive,
    sampler_state,
)
from manyclass.torch._targets import num_true_of
from manyclass.torch._tensors import as_numpy
from manyclass.torch.full_softmax import full_softmax_loss
from manyclass.torch.losses import sampled_softmax_loss
from manyclass.torch.serving import evaluate, top_k


# DistributedDataParallel takes sparse gradients from an nn.Embedding alone, which this is, too: a
# table with a row for each class.
class SampledSoftmax(nn.Embedding):
    """The output layer of a classifier with a huge number of classes.

    A row of weights and a bias for each class. In training mode it returns the sampled loss; in
    evaluation mode (``.eval()``) the exact one, over all classes and without label smoothing.

    Parameters
    ----------
    num_classes : int
        At least 1.
    dim : int
        The length of an input, at least 1.
    num_sampled : int
        How many candidates a forward pass draws, shared by its batch.
    sampler : Sampler, optional
        Draws them. The default is a `LogUniformSampler`, right if classes are numbered by falling
        frequency. ``state_dict`` has its place in the stream.
    optimizer : RowOptimizer, optional
        Of ``manyclass``, such as ``manyclass.Adagrad(0.1)``: each backward pass takes one of its
        steps on weight and bias, in place; they have no ``grad`` then, and need no other optimizer.
        ``state_dict`` has its state.
    bias : bool, default True
        Whether there are biases.
    remove_accidental_hits, log_q_correction, mask_repeats, label_smoothing
        As in `manyclass.sampled_softmax_loss`.
    reduction : {"mean", "sum", "none"}
        What a forward pass returns.
    sparse : bool, default True
        Whether gradients are sparse COO tensors of the touched rows, for
        ``torch.optim.SparseAdam``, ``Adagrad`` and ``SGD``; else they are dense.
    dtype : torch.dtype, optional
        Float32, the default, or float64.
    seed : int, pair of int, numpy.random.Generator, optional
        Of the default sampler; fresh entropy if None. Weights come from PyTorch's generator.
    num_threads : int, optional
        `manyclass.get_num_threads` if None.

    Attributes
    ----------
    weight : Parameter, shape [num_classes, dim]
        At first uniform in ``[-1, 1) / sqrt(dim)``.
    bias : Parameter, shape [num_classes], or None
        At first zeros.

    Raises
    ------
    ValueError, TypeError
        If a number or a name is out of range, or a sampler or an optimizer is none.

    Notes
    -----
    With an optimizer of its own, the layer updates between forward passes: each has one backward
    pass, before the next forward pass. Nothing is exchanged between processes then: leave it out
    under ``DistributedDataParallel``. `torch.compile` breaks its graph there.
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        num_sampled: int,
        sampler: Sampler | None = None,
        optimizer: RowOptimizer | None = None,
        bias: bool = True,
        remove_accidental_hits: bool = True,
        log_q_correction: str = "all",
        mask_repeats: bool = False,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        sparse: bool = True,
        dtype: torch.dtype | None = None,
        seed: SeedLike = None,
        num_threads: int | None = None,
    ) -> None:
        rows, columns = positive(num_classes, "num_classes"), positive(dim, "dim")
        super().__init__(rows, columns, sparse=as_flag(sparse, "sparse"), dtype=dtype)
        biases = torch.zeros(rows, dtype=dtype) if as_flag(bias, "bias") else None
        self.register_parameter("bias", None if biases is None else nn.Parameter(biases))
        self.num_classes, self.dim = rows, columns
        self.num_sampled = positive(num_sampled, "num_sampled")
        self.sampler = make_sampler(sampler, self.num_classes, seed)
        if optimizer is not None and not isinstance(optimizer, RowOptimizer):
            raise TypeError(
                f"optimizer is {optimizer!r}; it must be one of manyclass, such as "
                "manyclass.Adagrad(0.1). Those of PyTorch take layer.parameters()"
            )
        self.optimizer = optimizer
        self.options = loss_options(
            remove_accidental_hits, log_q_correction, mask_repeats, label_smoothing, reduction
        )
        self.num_threads = num_threads

    def reset_parameters(self) -> None:
        """Make new weights and biases."""
        bound = 1 / math.sqrt(self.embedding_dim)
        nn.init.uniform_(self.weight, -bound, bound)
        bias = getattr(self, "bias", None)  # there is none yet where nn.Embedding calls this
        if bias is not None:
            nn.init.zeros_(bias)

    def forward(  # type: ignore[override]
        self,
        inputs: Tensor,
        labels: Tensor | RaggedLabels,
        *,
        label_weights: Tensor | None = None,
        sampled_values: Any = None,
    ) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        inputs : Tensor, shape [batch, dim]
            Of the dtype of weight, on the CPU.
        labels : Tensor of int64, shape [batch] or [batch, num_true], or RaggedLabels of tensors
            The true classes.
        label_weights : Tensor of the shape of labels or, if they are ragged, of values, optional
            The target of each label.
        sampled_values : SampledValues or tuple of three tensors, optional
            Candidates and their expected counts, instead of drawn ones.

        Returns
        -------
        Tensor
            Shape [], or [batch] if not reduced.

        Raises
        ------
        ValueError, TypeError
            As `sampled_softmax_loss`.
        """
        weight, bias, num_true = self.weight, self.bias, num_true_of(labels)
        if not self.training:
            return full_softmax_loss(
                weight,
                bias,
                labels,
                inputs,
                num_true,
                label_weights=label_weights,
                reduction=self.options["reduction"],
                num_threads=self.num_threads,
            )
        arguments = (weight, bias, labels, inputs, self.num_sampled, self.num_classes, num_true)
        if self.optimizer is not None and weight.requires_grad and torch.is_grad_enabled():
            loss: Tensor = _fused_update.loss(
                self.optimizer,
                arguments,
                self.sampler,
                sampled_values,
                label_weights,
                self.options,
                self.num_threads,
            )
            return loss
        return sampled_softmax_loss(
            *arguments,
            sampled_values,
            sampler=self.sampler if sampled_values is None else None,
            label_weights=label_weights,
            sparse=self.sparse,
            num_threads=self.num_threads,
            **self.options,
        )

    def top_k(self, inputs: Tensor, k: int, **options: Any) -> tuple[Tensor, Tensor]:
        """Find the classes of the k largest logits of each example, exactly.

        Parameters
        ----------
        inputs, k, **options
            As in the function `top_k`.

        Returns
        -------
        values : Tensor, shape [batch, k]
            The logits, largest first.
        indices : Tensor of int64, shape [batch, k]
            Their classes.
        """
        return top_k(self.weight, self.bias, inputs, k, **options)

    def evaluate(
        self,
        inputs: Tensor,
        labels: Tensor | RaggedLabels,
        *,
        k: int | Iterable[int] = (1, 5, 10),
        progress: bool | None = None,
    ) -> Evaluation:
        """Compute the exact loss and the usual metrics of ranking, in one pass over the classes.

        Parameters
        ----------
        inputs, labels
            As for a forward pass; the batch may be a whole test set.
        k, progress
            As in `manyclass.evaluate`.

        Returns
        -------
        Evaluation
            Its fields are numbers of Python.
        """
        return evaluate(
            self.weight,
            self.bias,
            labels,
            inputs,
            num_true_of(labels),
            k=k,
            progress=progress,
            num_threads=self.num_threads,
        )

    def _tables(self) -> dict[str, Any]:
        tables = {"weight": self.weight, "bias": self.bias}
        return {name: as_numpy(table) for name, table in tables.items() if table is not None}

    def get_extra_state(self) -> State:
        """Return where the sampler stands, and the optimizer's state."""
        state: State = {"sampler": sampler_state(self.sampler)}
        if self.optimizer is not None:
            state["optimizer"] = as_tensors(self.optimizer.state_dict(self._tables()))
        return state

    def set_extra_state(self, state: State) -> None:
        """Have sampler and optimizer go on where those of a ``state_dict`` stood."""
        if self.optimizer is not None and "optimizer" not in state:
            raise ValueError("the state has no optimizer's; this layer has an optimizer")
        load_sampler_state(self.sampler, state["sampler"])
        if self.optimizer is not None:
            self.optimizer.load_state_dict(as_arrays(state["optimizer"]), self._tables())

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        return (
            f"{self.num_classes}, {self.dim}, num_sampled={self.num_sampled}, "
            f"sampler={type(self.sampler).__name__}, optimizer={self.optimizer!r}, "
            f"bias={self.bias is not None}, sparse={self.sparse}"
        )
