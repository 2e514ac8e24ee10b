"""Settings of the whole suite: the same examples in every run, and no time limit on one."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "manyclass",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("manyclass")

# Read when SciPy is imported: without it scikit-learn skips its check of array API dispatch.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
