"""Settings of the whole suite: the same examples in every run, and no time limit on one."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "manyclass",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
# On an emulated processor, where everything takes long: --hypothesis-profile emulated.
settings.register_profile("emulated", settings.get_profile("manyclass"), max_examples=5)
settings.load_profile("manyclass")

# Read when SciPy is imported: without it scikit-learn skips its check of array API dispatch.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

FRAMEWORKS = ("torch", "jax", "tensorflow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --framework: its tests alone, since two frameworks in one process may crash it."""
    parser.addoption("--framework", choices=FRAMEWORKS, help="run the tests of this one alone")
    parser.addoption("--fault-seconds", type=float, default=1.0, help="how long faults are tried")
    parser.addoption(
        "--generated", type=int, default=20, help="bad inputs of each call in test_bad_generated.py"
    )


@pytest.fixture
def fault_seconds(request: pytest.FixtureRequest) -> float:
    """Return about how long each test of test_fault_*.py goes on trying."""
    return float(request.config.getoption("--fault-seconds"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what belongs to a framework that is not asked for."""
    if not collection_path.name.startswith("test_"):
        return None
    second = collection_path.stem.split("_")[1]
    framework = second if second in FRAMEWORKS else None
    return None if framework == config.getoption("--framework") else True


def pytest_report_header(config: pytest.Config) -> str:
    """Say what was left out."""
    framework = config.getoption("--framework")
    if framework:
        return f"the tests of manyclass.{framework} alone"
    return f"without those of frameworks: pytest --framework {'|'.join(FRAMEWORKS)}"
