"""A Keras layer: the output layer of a classifier with a huge number of classes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from manyclass import serving
from manyclass._arrays import Array
from manyclass._scalars import as_flag, as_integer, as_name, as_real
from manyclass.samplers import LogUniformSampler, Sampler, UniformSampler
from manyclass.tensorflow._operations import Operation
from manyclass.tensorflow._tensors import as_tensor, call, unconverted
from manyclass.tensorflow.full_softmax import full_softmax_loss
from manyclass.tensorflow.losses import sampled_softmax_loss
from manyclass.unigram_samplers import UnigramSampler

# The base class has no types that mypy knows.
_Layer: Any = keras.layers.Layer


@keras.saving.register_keras_serializable("manyclass")
class SampledSoftmax(_Layer):  # type: ignore[misc]
    """The last layer of a classifier: a row of weights and a bias for each class.

    Called with inputs and labels it returns the loss of each example, and adds their mean to the
    losses of the model: the sampled one when training, the full one otherwise, as in ``evaluate``.
    Called with inputs alone it returns the logits of all classes. For Keras 3 on TensorFlow.

    Parameters
    ----------
    num_classes : int
        At least 1.
    num_sampled : int
        How many candidates a step draws, shared by its batch.
    sampler : {"log_uniform", "uniform"} or list of float
        The distribution of candidates: right for classes numbered by falling frequency, every class
        alike, or in proportion to these numbers, one for each class.
    remove_accidental_hits, log_q_correction, label_smoothing
        As in `manyclass.sampled_softmax_loss`.
    seed : int, optional
        Of the candidates; fresh entropy if None.
    kernel_initializer : str or keras.initializers.Initializer, optional
        Of the weights; by default uniform in ``[-1, 1) / sqrt(dim)``.
    **options
        Those of a Keras layer: ``name``, ``dtype``, ``trainable``.

    Raises
    ------
    ValueError
        If a number is out of range, or ``sampler`` is no such name or has another length.
    TypeError
        If an argument is of another type.

    Examples
    --------
    >>> import keras
    >>> from manyclass.tensorflow import SampledSoftmax
    >>> words = keras.Input([4], dtype="int32")
    >>> following = keras.Input([], dtype="int32")
    >>> hidden = keras.layers.Flatten()(keras.layers.Embedding(1000, 8)(words))
    >>> losses = SampledSoftmax(1000, 16, name="output")(hidden, following)
    >>> model = keras.Model([words, following], losses)
    >>> model.compile("adam")  # no loss: the layer has it
    """

    def __init__(
        self,
        num_classes: int,
        num_sampled: int,
        *,
        sampler: str | list[float] = "log_uniform",
        remove_accidental_hits: bool = True,
        log_q_correction: str = "all",
        label_smoothing: float = 0.0,
        seed: int | None = None,
        kernel_initializer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if keras.backend.backend() != "tensorflow":
            raise ValueError(
                f"Keras runs on {keras.backend.backend()}; this layer is for TensorFlow: set "
                "KERAS_BACKEND=tensorflow"
            )
        self.num_classes = as_integer(num_classes, "num_classes")
        self.num_sampled = as_integer(num_sampled, "num_sampled")
        if not 1 <= self.num_sampled <= self.num_classes:
            raise ValueError(
                f"num_sampled is {self.num_sampled}; it must be at least 1 and at most num_classes,"
                f" {self.num_classes}"
            )
        self.sampler = sampler if isinstance(sampler, str) else np.asarray(sampler).tolist()
        self.remove_accidental_hits = as_flag(remove_accidental_hits, "remove_accidental_hits")
        self.log_q_correction = as_name(log_q_correction, "log_q_correction")
        self.label_smoothing = as_real(label_smoothing, "label_smoothing")
        self.seed = seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self._sampler = _make_sampler(sampler, self.num_classes, seed)

    def build(self, inputs_shape: Any, *_: Any) -> None:
        """Make weights and biases; Keras calls it."""
        dim = inputs_shape[-1]
        limit = 1.0 / np.sqrt(dim)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.num_classes, dim),
            initializer=self.kernel_initializer
            or keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        self.bias = self.add_weight(name="bias", shape=(self.num_classes,), initializer="zeros")

    @unconverted
    def call(self, inputs: Any, labels: Any = None, training: bool | None = None) -> Any:
        """Compute the loss of each example or, without labels, the logits of all classes.

        Parameters
        ----------
        inputs : Tensor, shape [..., dim]
            One input for each example, in batches of any rank.
        labels : Tensor of integers, shape [...], optional
            The true class of each.
        training : bool, optional
            Keras sets it.

        Returns
        -------
        Tensor
            Losses of shape [...], or logits of shape [..., num_classes].
        """
        variables = self.kernel.value, self.bias.value
        leading, dim = inputs.shape[:-1], inputs.shape[-1]
        rows = tf.cast(tf.reshape(inputs, [-1, dim]), variables[0].dtype)
        outer = tf.shape(inputs)[:-1]
        if labels is None:
            logits = tf.matmul(rows, variables[0], transpose_b=True) + variables[1]
            logits = tf.reshape(logits, tf.concat([outer, [self.num_classes]], 0))
            return tf.ensure_shape(logits, [*leading, self.num_classes])
        columns = tf.cast(tf.reshape(labels, [-1, 1]), tf.int64)
        if training:
            losses = sampled_softmax_loss(
                *(*variables, columns, rows, self.num_sampled, self.num_classes),
                remove_accidental_hits=self.remove_accidental_hits,
                sampler=self._sampler,
                log_q_correction=self.log_q_correction,
                label_smoothing=self.label_smoothing,
            )
        else:
            losses = full_softmax_loss(
                *variables, columns, rows, label_smoothing=self.label_smoothing
            )
        self.add_loss(tf.reduce_mean(losses))
        return tf.ensure_shape(tf.reshape(losses, outer), leading)

    @unconverted
    def top_k(self, inputs: Any, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Find the classes of the k largest logits of each example, exactly; no gradients.

        Parameters
        ----------
        inputs : Tensor, shape [batch, dim]
            Of the dtype of the weights.
        k : int
            From 1 to the number of classes.

        Returns
        -------
        values : Tensor, shape [batch, k]
            The logits, largest first.
        indices : Tensor of int64, shape [batch, k]
            Their classes.
        """
        weights, biases = map(tf.convert_to_tensor, (self.kernel.value, self.bias.value))

        rows = as_tensor(inputs, "inputs", (weights.dtype,), 2)
        k = as_integer(k, "k")

        def function(weights: Array, biases: Array, inputs: Array) -> Any:
            return serving.top_k(weights, biases, inputs, k)

        shape = [rows.shape[0], k]
        operation = Operation("ManyclassTopK", {"T": rows.dtype, "k": k})
        results = [(rows.dtype, shape), (tf.int64, shape)]
        values, indices = call(function, operation, [weights, biases, rows], results)
        return values, indices

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as Keras saves them."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "num_sampled": self.num_sampled,
            "sampler": self.sampler,
            "remove_accidental_hits": self.remove_accidental_hits,
            "log_q_correction": self.log_q_correction,
            "label_smoothing": self.label_smoothing,
            "seed": self.seed,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer)
            if self.kernel_initializer
            else None,
        }


def _make_sampler(sampler: Any, num_classes: int, seed: int | None) -> Sampler:
    if isinstance(sampler, str):
        makers = {"log_uniform": LogUniformSampler, "uniform": UniformSampler}
        if sampler not in makers:
            raise ValueError(
                f'sampler is "{sampler}"; it must be "log_uniform", "uniform" or a list of numbers'
            )
        return makers[sampler](num_classes, seed=seed)
    counts = np.asarray(sampler)
    if counts.dtype.kind not in "iuf" or counts.ndim != 1:
        raise TypeError(
            f'sampler is {sampler!r}; it must be "log_uniform", "uniform" or a list of numbers'
        )
    unigram = UnigramSampler(counts, seed=seed)
    if unigram.num_classes != num_classes:
        raise ValueError(
            f"sampler has {unigram.num_classes} numbers; it must have one for each of the "
            f"{num_classes} classes"
        )
    return unigram
