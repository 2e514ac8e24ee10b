"""The sampled softmax loss as a module, for weights that are somebody else's."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from manyclass._scalars import as_flag
from manyclass._seeds import SeedLike
from manyclass.ragged_labels import RaggedLabels
from manyclass.samplers import Sampler
from manyclass.torch._sampling_options import (
    State,
    load_sampler_state,
    loss_options,
    make_sampler,
    positive,
    sampler_state,
)
from manyclass.torch._targets import num_true_of
from manyclass.torch._tensors import FLOATS, check_tensor
from manyclass.torch.full_softmax import full_softmax_loss
from manyclass.torch.losses import sampled_softmax_loss


class SampledSoftmaxLoss(nn.Module):
    """The loss of an output layer whose weights you pass, such as those of a tied embedding.

    In training mode the sampled loss; in evaluation mode (``.eval()``) the exact one, over all
    classes and without label smoothing.

    Parameters
    ----------
    num_classes : int
        At least 1. Weights may have more rows.
    num_sampled : int
        How many candidates a forward pass draws, shared by its batch.
    sampler : Sampler, optional
        Draws them. The default is a `LogUniformSampler`, right if classes are numbered by falling
        frequency. ``state_dict`` has its place in the stream.
    remove_accidental_hits, log_q_correction, mask_repeats, label_smoothing
        As in `manyclass.sampled_softmax_loss`.
    reduction : {"mean", "sum", "none"}
        What a forward pass returns.
    sparse : bool, default True
        Whether the gradients of weights and biases are sparse, as of ``nn.Embedding(sparse=True)``.
        With another dense gradient of the same weights, which PyTorch then adds up to a dense one,
        leave it on.
    seed : int, pair of int, numpy.random.Generator, optional
        Of the default sampler; fresh entropy if None.
    num_threads : int, optional
        `manyclass.get_num_threads` if None.

    Raises
    ------
    ValueError, TypeError
        If a number or a name is out of range.
    """

    def __init__(
        self,
        num_classes: int,
        num_sampled: int,
        *,
        sampler: Sampler | None = None,
        remove_accidental_hits: bool = True,
        log_q_correction: str = "all",
        mask_repeats: bool = False,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
        sparse: bool = True,
        seed: SeedLike = None,
        num_threads: int | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = positive(num_classes, "num_classes")
        self.num_sampled = positive(num_sampled, "num_sampled")
        self.sampler = make_sampler(sampler, self.num_classes, seed)
        self.options = loss_options(
            remove_accidental_hits, log_q_correction, mask_repeats, label_smoothing, reduction
        )
        self.sparse = as_flag(sparse, "sparse")
        self.num_threads = num_threads

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor | RaggedLabels,
        weights: Tensor,
        biases: Tensor | None = None,
        *,
        label_weights: Tensor | None = None,
        sampled_values: Any = None,
    ) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        inputs : Tensor, shape [batch, dim]
            Of the dtype of weights.
        labels : Tensor of int64, shape [batch] or [batch, num_true], or RaggedLabels of tensors
            The true classes.
        weights : Tensor of float32 or float64, shape [num_classes, dim]
            On the CPU.
        biases : Tensor, shape [num_classes], optional
            Of the dtype of weights.
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
        if not self.training:
            return full_softmax_loss(
                self._of_classes(weights, "weights"),
                None if biases is None else self._of_classes(biases, "biases"),
                labels,
                inputs,
                num_true_of(labels),
                label_weights=label_weights,
                reduction=self.options["reduction"],
                num_threads=self.num_threads,
            )
        return sampled_softmax_loss(
            weights,
            biases,
            labels,
            inputs,
            self.num_sampled,
            self.num_classes,
            num_true_of(labels),
            sampled_values,
            sampler=self.sampler if sampled_values is None else None,
            label_weights=label_weights,
            sparse=self.sparse,
            num_threads=self.num_threads,
            **self.options,
        )

    def _of_classes(self, table: Tensor, name: str) -> Tensor:
        """Return the rows that are classes: tied weights may have more."""
        check_tensor(table, name, FLOATS, has_gradient=True)
        return table[: self.num_classes] if table.ndim else table

    def get_extra_state(self) -> State:
        """Return where the sampler stands."""
        return {"sampler": sampler_state(self.sampler)}

    def set_extra_state(self, state: State) -> None:
        """Have the sampler go on where that of a ``state_dict`` stood."""
        load_sampler_state(self.sampler, state["sampler"])

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        return (
            f"{self.num_classes}, {self.num_sampled}, sampler={type(self.sampler).__name__}, "
            f"sparse={self.sparse}"
        )
