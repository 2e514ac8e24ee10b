"""The closing table, and the same as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import manyclass
from manyclass.demo.corpus import Corpus
from manyclass.demo.evaluation import Scores
from manyclass.demo.settings import Settings
from manyclass.demo.timing import StepTimes
from manyclass.demo.training import History


@dataclass(frozen=True)
class Results:
    """Everything that a run found out."""

    settings: Settings
    corpus: Corpus
    history: History
    scores: Scores
    steps: StepTimes
    neighbours: dict[str, list[str]]
    seconds: float


def format_table(results: Results) -> str:
    """Lay the results out as two columns of text, and the nearest tokens below."""
    rows = _rows(results)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    lines += ["", "nearest tokens by the cosine of their embeddings"]
    wide = max((len(word) for word in results.neighbours), default=0)
    lines += [f"  {word:<{wide}}  {'  '.join(near)}" for word, near in results.neighbours.items()]
    return "\n".join(lines)


def write_json(path: Path, results: Results) -> None:
    """Write the table's numbers, the settings, the machine and the learning curve."""
    corpus, history, scores, steps = (
        results.corpus,
        results.history,
        results.scores,
        results.steps,
    )
    report = {
        "settings": results.settings.as_json(),
        "machine": {"cpus": os.cpu_count(), **manyclass.show_config()},
        "text": {
            "documents": corpus.documents,
            "vocabulary": len(corpus.vocabulary),
            "training_tokens": len(corpus.train) - 1,
            "held_out_tokens": len(corpus.held_out) - 1,
        },
        "training": {
            "tokens": history.tokens,
            "steps": history.steps,
            "seconds": history.seconds,
            "tokens_per_second": history.tokens_per_second,
            "interrupted": history.interrupted,
        },
        "held_out": asdict(scores),
        "step": {
            "batch": steps.batch,
            "sampled_seconds": steps.sampled,
            "full_seconds": steps.full,
            "ratio": steps.ratio,
        },
        "curve": {
            "training": [point._asdict() for point in history.training],
            "held_out": [point._asdict() for point in history.held_out],
        },
        "nearest_tokens": results.neighbours,
        "total_seconds": results.seconds,
    }
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rows(results: Results) -> list[tuple[str, str]]:
    corpus, history, scores, steps = (
        results.corpus,
        results.history,
        results.scores,
        results.steps,
    )
    epochs = history.tokens / (len(corpus.train) - 1)
    stopped = ", interrupted" if history.interrupted else ""
    return [
        ("vocabulary", f"{len(corpus.vocabulary):,} classes"),
        ("training text", f"{len(corpus.train) - 1:,} tokens"),
        ("trained on", f"{history.tokens:,} tokens ({epochs:.2f} epochs{stopped})"),
        ("training", f"{history.tokens_per_second:,.0f} tokens/s, {history.seconds:.0f} s"),
        (
            "held out",
            f"{scores.tokens:,} tokens of {len(corpus.held_out) - 1:,}, "
            f"{scores.unknown_share:.1%} of them <unk>",
        ),
        ("perplexity: unigram", f"{scores.unigram_perplexity:.1f}"),
        ("perplexity: Kneser-Ney bigram", f"{scores.bigram_perplexity:.1f}"),
        ("perplexity: this model", f"{scores.perplexity:.1f}"),
        ("top-1 accuracy", f"{scores.top_1:.1%}"),
        ("top-10 accuracy", f"{scores.top_10:.1%}"),
        (
            "one step, sampled softmax",
            f"{steps.sampled * 1e3:.2f} ms (batch {steps.batch:,}, "
            f"{results.settings.candidates:,} candidates)",
        ),
        ("one step, full softmax", f"{steps.full * 1e3:.1f} ms (the same batch)"),
        ("ratio", f"{steps.ratio:.1f}"),
        ("whole run", f"{results.seconds:.0f} s, {manyclass.get_num_threads()} threads"),
    ]
