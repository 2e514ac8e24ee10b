"""The scikit-learn estimator. Needs ``manyclass[sklearn]``."""

from manyclass.classifier.estimator import SampledSoftmaxClassifier

__all__ = ["SampledSoftmaxClassifier"]
