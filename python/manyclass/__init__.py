"""Softmax over a huge number of classes, trained and served on CPUs.

Which function for what:

* a layer with all of it, to train, save and serve: `SampledSoftmax`;
* a classifier for scikit-learn, sparse features included: ``SampledSoftmaxClassifier``;
* training step: `sampled_softmax_loss_and_grad`, then an optimizer's ``step``;
* optimizers: `SGD`, `Adagrad`, `RowwiseAdagrad` (the least state), `Adam`;
* embeddings by negative sampling: `nce_loss_and_grad` with ``log_q_correction="none"``;
* any number of labels for each example: `RaggedLabels`;
* evaluation: `evaluate` (exact), for a quick look `full_softmax_loss_estimate`;
* serving: `top_k`, or `QuantizedTopK`, which reads a quarter of the memory;
* candidates: `LogUniformSampler` if classes are numbered by falling frequency (the default),
  `UnigramSampler` if you have counts, `LearnedUnigramSampler` if they are to be learned,
  `AliasSampler` for any other distribution, `MixtureSampler` for several at once;
* candidates that are not drawn: `InBatchSampler` (the batch's own labels), `VocabularyPartitions`
  (all classes of a stretch of the data);
* code written for TensorFlow: its functions, such as `log_uniform_candidate_sampler`, by name.
"""

from typing import TYPE_CHECKING, Any

from manyclass._configuration import show_config
from manyclass._core import __version__
from manyclass.accidental_hits import AccidentalHits, compute_accidental_hits
from manyclass.alias_sampler import AliasSampler
from manyclass.candidate_sampling import (
    all_candidate_sampler,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    uniform_candidate_sampler,
)
from manyclass.evaluation import Evaluation, evaluate
from manyclass.full_softmax import full_softmax_loss
from manyclass.full_softmax_gradient import (
    FullSoftmaxGradient,
    GradientRows,
    full_softmax_loss_and_grad,
)
from manyclass.in_batch import InBatchSampler, StreamingFrequencies
from manyclass.indexed_slices import IndexedSlices
from manyclass.layer import SampledSoftmax
from manyclass.loss_estimate import LossEstimate, full_softmax_loss_estimate
from manyclass.losses import Gradients, sampled_softmax_loss, sampled_softmax_loss_and_grad
from manyclass.mixture import MixtureSampler
from manyclass.nce import nce_loss, nce_loss_and_grad
from manyclass.optimizers import SGD, Adagrad, Adam, RowwiseAdagrad
from manyclass.quantized_top_k import QuantizedTopK
from manyclass.ragged_labels import RaggedLabels
from manyclass.ranking import full_softmax_loss_and_ranks, label_ranks
from manyclass.ranking_metrics import (
    mean_reciprocal_rank,
    ndcg_at_k,
    perplexity,
    recall_at_k,
    top_k_accuracy,
)
from manyclass.row_optimizer import RowOptimizer
from manyclass.samplers import (
    LogUniformSampler,
    SampledValues,
    UniformSampler,
)
from manyclass.serving import top_k
from manyclass.threads import get_num_threads, set_num_threads
from manyclass.unigram_samplers import LearnedUnigramSampler, UnigramSampler
from manyclass.vocabulary_partitions import VocabularyPartition, VocabularyPartitions

if TYPE_CHECKING:
    from manyclass.classifier import SampledSoftmaxClassifier as SampledSoftmaxClassifier

__all__ = [
    "SGD",
    "AccidentalHits",
    "Adagrad",
    "Adam",
    "AliasSampler",
    "Evaluation",
    "FullSoftmaxGradient",
    "GradientRows",
    "Gradients",
    "InBatchSampler",
    "IndexedSlices",
    "LearnedUnigramSampler",
    "LogUniformSampler",
    "LossEstimate",
    "MixtureSampler",
    "QuantizedTopK",
    "RaggedLabels",
    "RowOptimizer",
    "RowwiseAdagrad",
    "SampledSoftmax",
    "SampledValues",
    "StreamingFrequencies",
    "UniformSampler",
    "UnigramSampler",
    "VocabularyPartition",
    "VocabularyPartitions",
    "__version__",
    "all_candidate_sampler",
    "compute_accidental_hits",
    "evaluate",
    "fixed_unigram_candidate_sampler",
    "full_softmax_loss",
    "full_softmax_loss_and_grad",
    "full_softmax_loss_and_ranks",
    "full_softmax_loss_estimate",
    "get_num_threads",
    "label_ranks",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "mean_reciprocal_rank",
    "nce_loss",
    "nce_loss_and_grad",
    "ndcg_at_k",
    "perplexity",
    "recall_at_k",
    "sampled_softmax_loss",
    "sampled_softmax_loss_and_grad",
    "set_num_threads",
    "show_config",
    "top_k",
    "top_k_accuracy",
    "uniform_candidate_sampler",
]


def __getattr__(name: str) -> Any:
    """Import what needs an optional package when it is first asked for."""
    if name != "SampledSoftmaxClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from manyclass.classifier import SampledSoftmaxClassifier
    except ImportError as error:
        raise ImportError(
            f"manyclass.{name} needs scikit-learn: python -m pip install 'manyclass[sklearn]' "
            f"({error})"
        ) from error
    return SampledSoftmaxClassifier
