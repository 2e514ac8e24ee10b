"""What a run of the demo is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The options of the command line.

    Attributes
    ----------
    text : tuple of Path
        UTF-8 files; empty for Python's standard library.
    output : Path
        The folder for what the run writes.
    dim, context : int
        Sizes of the model: the length of a row, and how many tokens it looks back.
    candidates, batch : int
        Classes sampled, and tokens trained on, per step.
    epochs, minutes : float, optional
        Training ends at the first of those given.
    sampler : str
        A key of `SAMPLERS`.
    learning_rate : float
        Adagrad's.
    held_out : float
        The share of the text that is held out.
    score_tokens : int
        How many held-out tokens are scored, at most.
    seed : int
        Chooses the held-out files, the initial model, the order of training and the candidates.
    threads : int, optional
        Threads of the core; its own default if not given.
    """

    text: tuple[Path, ...]
    output: Path
    dim: int
    context: int
    candidates: int
    batch: int
    epochs: float | None
    minutes: float | None
    sampler: str
    learning_rate: float
    held_out: float
    score_tokens: int
    seed: int
    threads: int | None

    def as_json(self) -> dict[str, object]:
        """Give the settings as what JSON can hold."""
        return asdict(self) | {
            "text": [str(path) for path in self.text],
            "output": str(self.output),
        }
