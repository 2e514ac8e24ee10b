"""Candidate sampling beside NumPy, PyTorch and TensorFlow.

Prints a Markdown table of medians; all rivals of a row are timed in turn, on one thread where they
allow it. Writes the figures as JSON and a bar chart. Peers that are not installed are left out and
named (`python -m pip install '.[bench]'` brings them).

    python bench/samplers.py [--repeats 15] [--output bench-samplers]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import manyclass as mc

Work = Callable[[], object]
PEERS = ("torch", "tensorflow")


@dataclass
class Row:
    """One thing to do, by everybody who can do it."""

    name: str
    rivals: dict[str, Work]
    items: int
    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, repeats: int) -> None:
        """Time all rivals in turn, after one call each that is not counted."""
        times: dict[str, list[float]] = {name: [] for name in self.rivals}
        for repeat in range(repeats + 1):
            for name, work in self.rivals.items():
                start = time.perf_counter()
                work()
                if repeat:
                    times[name].append(time.perf_counter() - start)
        self.seconds = {name: statistics.median(values) for name, values in times.items()}


def weights_of(num_classes: int) -> np.ndarray:
    """Zipf-like weights in no particular order."""
    weights = 1.0 / (np.arange(num_classes) + 10.0)
    return np.random.default_rng(0).permutation(weights)


def draws(num_classes: int, size: int, torch: object | None) -> Row:
    """Independent draws from arbitrary weights."""
    weights = weights_of(num_classes)
    sampler = mc.AliasSampler(weights, seed=1)
    generator, p = np.random.default_rng(1), weights / weights.sum()
    rivals: dict[str, Work] = {
        "manyclass": lambda: sampler.draw(size),
        "NumPy": lambda: generator.choice(num_classes, size, p=p),
    }
    if torch is not None and num_classes <= 2**24:  # torch.multinomial's limit
        tensor = torch.from_numpy(weights)
        rivals["PyTorch"] = lambda: torch.multinomial(tensor, size, replacement=True)
    return Row(f"{size:,} draws from {num_classes:,} weights", rivals, size)


def build(num_classes: int) -> Row:
    """Making the table of arbitrary weights, on all threads."""
    weights = weights_of(num_classes)

    def work() -> object:
        mc.set_num_threads(available_threads)
        try:
            return mc.AliasSampler(weights, seed=1)
        finally:
            mc.set_num_threads(1)

    available_threads = len(os.sched_getaffinity(0))
    return Row(f"table of {num_classes:,} weights, all threads", {"manyclass": work}, num_classes)


def unique_draws(
    num_sampled: int, num_classes: int, torch: object | None, tf: object | None
) -> Row:
    """Different candidates from the log-uniform distribution, with expected counts."""
    labels = np.zeros((1, 1), np.int64)
    sampler = mc.LogUniformSampler(num_classes, seed=1)
    p = sampler.probability(np.arange(num_classes))
    generator = np.random.default_rng(1)
    rivals: dict[str, Work] = {
        "manyclass": lambda: sampler.sample(labels, num_sampled),
        "NumPy": lambda: generator.choice(num_classes, num_sampled, replace=False, p=p / p.sum()),
    }
    if torch is not None:
        tensor = torch.from_numpy(p)
        rivals["PyTorch"] = lambda: torch.multinomial(tensor, num_sampled, replacement=False)
    if tf is not None:
        true_classes = tf.constant(labels)

        @tf.function
        def op() -> object:
            return tf.random.log_uniform_candidate_sampler(
                true_classes, 1, num_sampled, True, num_classes
            )

        rivals["TensorFlow"] = lambda: op()[0].numpy()
    return Row(f"{num_sampled:,} unique of {num_classes:,}, log-uniform", rivals, num_sampled)


def print_table(rows: list[Row]) -> None:
    """Print each row's medians, and how many times as long as ours the others take."""
    names = ["manyclass", "NumPy", "PyTorch", "TensorFlow"]
    print("| | items a second, manyclass | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * (len(names) + 1))
    for row in rows:
        ours = row.seconds["manyclass"]
        cells = [row.name, f"{row.items / ours / 1e6:.1f} million"]
        for name in names:
            seconds = row.seconds.get(name)
            if seconds is None:
                cells.append("")
            else:
                ratio = "" if name == "manyclass" else f" ({seconds / ours:.1f}×)"
                cells.append(f"{1e3 * seconds:.2f} ms{ratio}")
        print("| " + " | ".join(cells) + " |")


def plot(rows: list[Row], path: Path) -> None:
    """Draw the medians as bars on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 1 + 0.9 * len(rows)), layout="constrained")
    names = ["manyclass", "NumPy", "PyTorch", "TensorFlow"]
    for k, name in enumerate(names):
        places = [i + 0.2 * k for i, row in enumerate(rows) if name in row.seconds]
        values = [1e3 * row.seconds[name] for row in rows if name in row.seconds]
        axes.barh(places, values, height=0.18, label=name)
    axes.set_yticks([i + 0.3 for i in range(len(rows))], [row.name for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds (median, logarithmic; shorter is faster)")
    axes.legend()
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)


def peers() -> dict[str, object]:
    """Import the peers that are installed; on one thread, for a fair comparison."""
    found: dict[str, object] = {}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in PEERS:
        if importlib.util.find_spec(name) is None:
            print(f"{name} is not installed: left out\n")
        else:
            found[name] = importlib.import_module(name)
    if "torch" in found:
        found["torch"].set_num_threads(1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path("bench-samplers"))
    args = parser.parse_args()
    mc.set_num_threads(1)
    found = peers()
    torch, tf = found.get("torch"), found.get("tensorflow")
    rows = [
        draws(10**4, 10**6, torch),
        draws(10**5, 10**6, torch),
        draws(10**7, 10**6, torch),
        build(10**7),
        unique_draws(8192, 10**6, torch, tf),
        unique_draws(9000, 10**4, torch, tf),
        unique_draws(1024, 10**6, torch, tf),
    ]
    for row in rows:
        row.measure(args.repeats)
    print_table(rows)
    args.output.mkdir(parents=True, exist_ok=True)
    figures = {row.name: row.seconds for row in rows}
    left_out = ("num_threads", "platform")
    config = {key: value for key, value in mc.show_config().items() if key not in left_out}
    report = {"seconds": figures, "config": config}
    (args.output / "samplers.json").write_text(json.dumps(report, indent=2), "utf-8")
    plot(rows, args.output / "samplers.png")
    print(f"\n{args.output / 'samplers.json'}, {args.output / 'samplers.png'}")


if __name__ == "__main__":
    main()
