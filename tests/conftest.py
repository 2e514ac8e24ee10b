"""Settings of the whole suite: the same examples in every run, and no time limit on one."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "manyclass",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("manyclass")
