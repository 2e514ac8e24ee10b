"""TensorFlow's functions and a Keras layer, by manyclass. Needs ``manyclass[tensorflow]``.

Functions have TensorFlow's names and arguments, and work in eager mode and in ``tf.function``; new
code is the old one with ``tf.nn`` and ``tf.random`` replaced. Which for what:

* the output layer of a Keras model: `SampledSoftmax`;
* losses: `sampled_softmax_loss`, `nce_loss`, `full_softmax_loss`;
* candidates: `log_uniform_candidate_sampler` and the others.
"""

try:
    import tensorflow  # noqa: F401
except ImportError as error:
    raise ImportError(
        "manyclass.tensorflow needs TensorFlow: python -m pip install 'manyclass[tensorflow]' "
        f"({error})"
    ) from error

from manyclass.tensorflow.full_softmax import full_softmax_loss
from manyclass.tensorflow.layer import SampledSoftmax
from manyclass.tensorflow.losses import nce_loss, sampled_softmax_loss
from manyclass.tensorflow.samplers import (
    all_candidate_sampler,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    uniform_candidate_sampler,
)

__all__ = [
    "SampledSoftmax",
    "all_candidate_sampler",
    "fixed_unigram_candidate_sampler",
    "full_softmax_loss",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "nce_loss",
    "sampled_softmax_loss",
    "uniform_candidate_sampler",
]
