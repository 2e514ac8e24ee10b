"""Losses with autograd, and modules, for PyTorch. Needs ``manyclass[torch]``.

Tensors lie on the CPU and are used without a copy. Which for what:

* the output layer of a model: `SampledSoftmax`, with weights of its own;
* weights that are another layer's too (tied embeddings): `SampledSoftmaxLoss`;
* the losses as functions: `sampled_softmax_loss`, `nce_loss`, `full_softmax_loss`;
* serving and evaluation: `top_k`, `evaluate`, also as methods of `SampledSoftmax`.

Samplers and optimizers are those of ``manyclass``.
"""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"manyclass.torch needs PyTorch: python -m pip install 'manyclass[torch]' ({error})"
    ) from error

from manyclass.torch.full_softmax import full_softmax_loss
from manyclass.torch.layer import SampledSoftmax
from manyclass.torch.loss_module import SampledSoftmaxLoss
from manyclass.torch.losses import nce_loss, sampled_softmax_loss
from manyclass.torch.serving import evaluate, top_k

__all__ = [
    "SampledSoftmax",
    "SampledSoftmaxLoss",
    "evaluate",
    "full_softmax_loss",
    "nce_loss",
    "sampled_softmax_loss",
    "top_k",
]
