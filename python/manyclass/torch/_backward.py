"""What the backward passes of all losses have in common."""

from __future__ import annotations

import torch
from torch import Tensor


def gradients_of_inputs(
    needed: tuple[bool, ...],
    tables: tuple[Tensor, Tensor],
    gradients: tuple[Tensor, Tensor, Tensor, Tensor],
    sparse: bool,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return the gradients of weights, biases and inputs, where they are needed.

    ``tables`` are weights and biases; ``gradients`` the touched rows, shape [1, n], those of the
    tables there, and that of inputs.
    """
    indices, rows, bias_rows, inputs = gradients
    return (
        _of_table(indices, rows, tables[0], sparse) if needed[0] else None,
        _of_table(indices, bias_rows, tables[1], sparse) if needed[1] else None,
        inputs if needed[2] else None,
    )


def _of_table(indices: Tensor, rows: Tensor, table: Tensor, sparse: bool) -> Tensor:
    if not sparse:
        return torch.zeros_like(table).index_copy(0, indices[0], rows)
    # The core gives indices in range, ascending, each once.
    return torch.sparse_coo_tensor(
        indices, rows, table.shape, is_coalesced=True, check_invariants=False
    )


def refuse_second_derivatives() -> None:
    """Refuse ``create_graph``: gradients made here have no graph, and would count as constants."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "the losses of manyclass.torch have no second derivatives: leave create_graph out"
        )
