"""The losses of manyclass for JAX, under jit, grad and vmap. Needs ``manyclass[jax]``.

Arrays lie on the CPU and are used without a copy. Which for what:

* a loss to differentiate: `sampled_softmax_loss`, `nce_loss`, `full_softmax_loss`; gradients of
  weights are dense, as JAX wants them;
* tables whose dense gradient would cost more than the step: `sampled_softmax_loss_and_grad`,
  `nce_loss_and_grad`, which give the touched rows as `Rows`; `take_rows` and `apply_rows` read and
  add to those rows of weights and of an optimizer's state.

Samplers are those of ``manyclass``; candidates are a function of a key.
"""

try:
    import jax  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"manyclass.jax needs JAX: python -m pip install 'manyclass[jax]' ({error})"
    ) from error

from manyclass.jax.full_softmax import full_softmax_loss
from manyclass.jax.losses import (
    nce_loss,
    nce_loss_and_grad,
    sampled_softmax_loss,
    sampled_softmax_loss_and_grad,
)
from manyclass.jax.rows import Rows, apply_rows, take_rows

__all__ = [
    "Rows",
    "apply_rows",
    "full_softmax_loss",
    "nce_loss",
    "nce_loss_and_grad",
    "sampled_softmax_loss",
    "sampled_softmax_loss_and_grad",
    "take_rows",
]
