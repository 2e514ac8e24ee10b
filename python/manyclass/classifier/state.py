"""What a trained estimator knows: its model, its classes and their counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manyclass._arrays import Array, IdArray
from manyclass.classifier.feature_map import DirectInputs, Features, LinearMap
from manyclass.classifier.model import Model
from manyclass.classifier.numbering import ClassNumbering
from manyclass.classifier.proposals import follow_counts, new_sampler, smoothed_frequencies


@dataclass
class State:
    """What training starts with and goes on from.

    Attributes
    ----------
    model : Model
        Trained on numbers of classes.
    numbering : ClassNumbering
        Which labels they are.
    counts : array of float64, shape [num_classes]
        The weight of all examples of each number.
    rng : numpy.random.Generator
        Shuffles.
    """

    model: Model
    numbering: ClassNumbering
    counts: NDArray[np.float64]
    rng: np.random.Generator

    @classmethod
    def start(
        cls,
        classes: Array,
        counts: Array,
        features: Features,
        parameters: dict[str, Any],
        rng: np.random.Generator,
    ) -> State:
        """Make an untrained model, which predicts the frequencies of the classes.

        Weights of classes are zero; only the feature map, if there is one, starts at random.

        Parameters
        ----------
        classes : array, shape [num_classes]
            The labels, sorted and different.
        counts : array of float64, shape [num_classes]
            The weight of each one's examples.
        features : array or CSR matrix, shape [n, num_features]
            For features of such number and dtype.
        parameters : dict
            The estimator's.
        rng : numpy.random.Generator
            Draws the map and the seed of the sampler; to be kept.
        """
        numbering = ClassNumbering(classes, counts)
        falling = counts[numbering.places]
        num_features, hidden_dim = features.shape[1], parameters["hidden_dim"]
        feature_map = (
            DirectInputs(num_features)
            if hidden_dim is None
            else LinearMap(num_features, hidden_dim, features.dtype, rng)
        )
        model = Model(
            feature_map,
            np.zeros((len(classes), feature_map.dim), features.dtype),
            np.log(smoothed_frequencies(falling)).astype(features.dtype),
            new_sampler(parameters["sampler"], falling, rng),
            parameters["num_sampled"],
        )
        return cls(model, numbering, falling, rng)

    def count(self, places: IdArray, weights: NDArray[np.float64]) -> None:
        """Let the counts, and a sampler by counts, know of more examples."""
        self.counts = np.require(self.counts, requirements="W")  # out of a file, it may not be
        changed, which = np.unique(self.numbering.numbers[places], return_inverse=True)
        self.counts[changed] += np.bincount(which, weights)
        follow_counts(self.model.sampler, changed, self.counts)
