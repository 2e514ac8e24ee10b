"""A language model in PyTorch: an LSTM whose output layer has all tokens of a large vocabulary.

Its output layer is `manyclass.torch.SampledSoftmax`: trained on a few sampled classes, with a fused
optimizer; evaluated exactly. The text is that of the demo, the source of Python's standard library
(69,000 tokens), or yours. Shows its progress; Ctrl-C ends training early.

    python -m pip install '.[examples]'
    python examples/torch_language_model.py [--text FILE …] [--minutes 5] [--help]
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

import manyclass as mc
from manyclass.demo.corpus import Corpus, build_corpus
from manyclass.demo.text import TextError, read_documents, standard_library_documents
from manyclass.torch import SampledSoftmax

LEARNING_RATE = 0.002  # of the LSTM, by Adam
ROW_LEARNING_RATE = 0.1  # of embeddings and of the output layer, by Adagrad


class LanguageModel(nn.Module):
    """Embeddings, an LSTM and the output layer."""

    def __init__(self, num_classes: int, dim: int, num_sampled: int, seed: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes, dim, sparse=True)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.lstm = nn.LSTM(dim, dim, batch_first=True)
        self.output = SampledSoftmax(
            num_classes,
            dim,
            num_sampled=num_sampled,
            optimizer=mc.Adagrad(ROW_LEARNING_RATE),
            seed=seed,
        )

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return what the output layer reads, a row for each token."""
        states, _ = self.lstm(self.embedding(tokens))
        rows: Tensor = states.reshape(-1, states.shape[2])
        return rows

    def forward(self, tokens: Tensor, following: Tensor) -> Tensor:
        """Return the mean loss: sampled while training, exact in evaluation mode."""
        loss: Tensor = self.output(self.hidden(tokens), following.reshape(-1))
        return loss


def windows(stream: Tensor, batch: int, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield tokens and those that follow, [batch, length] each, from all over the text."""
    starts = torch.randperm((len(stream) - 1) // length) * length
    places = torch.arange(length)
    for first in range(0, len(starts), batch):
        part = starts[first : first + batch]
        index = part[:, None] + places
        yield stream[index], stream[index + 1]


def train(model: LanguageModel, stream: Tensor, args: argparse.Namespace) -> float:
    """Train until the time is up, or the steps are done; return the tokens a second."""
    rows = torch.optim.Adagrad(
        model.embedding.parameters(), ROW_LEARNING_RATE, initial_accumulator_value=0.1
    )
    dense = torch.optim.Adam(model.lstm.parameters(), LEARNING_RATE)
    began, tokens, steps = time.perf_counter(), 0, 0
    most = math.inf if args.steps is None else args.steps
    model.train()
    with tqdm(total=round(60 * args.minutes), unit="s", desc="train") as bar:
        try:
            while (seconds := time.perf_counter() - began) < 60 * args.minutes and steps < most:
                for inputs, following in windows(stream, args.batch, args.length):
                    rows.zero_grad()
                    dense.zero_grad()
                    loss = model(inputs, following)
                    loss.backward()  # updates the output layer, too
                    nn.utils.clip_grad_norm_(model.lstm.parameters(), 1.0)
                    rows.step()
                    dense.step()
                    tokens, steps = tokens + inputs.numel(), steps + 1
                    seconds = time.perf_counter() - began
                    bar.update(min(round(seconds), bar.total) - bar.n)
                    bar.set_postfix(tokens=tokens, sampled_loss=f"{loss.item():.3f}")
                    if seconds > 60 * args.minutes or steps >= most:
                        break
        except KeyboardInterrupt:
            pass
    return tokens / max(seconds, 1e-9)


@torch.no_grad()
def evaluate(model: LanguageModel, stream: Tensor, length: int, most: int) -> mc.Evaluation:
    """Return the exact loss and the ranks of at most so many held-out tokens."""
    model.eval()
    count = max(1, min(most, len(stream) - 1) // length)
    starts = torch.linspace(0, len(stream) - 1 - length, count).long()
    index = starts[:, None] + torch.arange(length)
    return model.output.evaluate(model.hidden(stream[index]), stream[index + 1].reshape(-1))


def continuation(model: LanguageModel, corpus: Corpus, prompt: list[int], size: int) -> str:
    """Return the most likely tokens after a prompt, one after the other."""
    tokens = list(prompt)
    with torch.no_grad():
        for _ in range(size):
            last = model.hidden(torch.tensor([tokens]))[-1:]
            _, classes = model.output.top_k(last, 2)
            best = [c for c in classes[0].tolist() if c != corpus.unknown]
            tokens.append(best[0])
    return " ".join(corpus.vocabulary[token] for token in tokens)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--text", nargs="+", type=Path, help="your own text files instead of the library's source")
    add("--minutes", type=float, default=5.0, help="of training (default 5)")
    add("--steps", type=int, help="of training at most, however long they take")
    add("--dim", type=int, default=128, help="of embeddings and states (default 128)")
    add("--batch", type=int, default=32, help="windows a step (default 32)")
    add("--length", type=int, default=32, help="tokens of a window (default 32)")
    add("--candidates", type=int, default=1024, help="sampled classes a step (default 1024)")
    add("--score-tokens", type=int, default=20_000, help="held-out tokens scored (default 20000)")
    add("--save", type=Path, help="where to write the model's state_dict")
    add("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Train, evaluate, print."""
    args = parse()
    torch.manual_seed(args.seed)
    warnings.filterwarnings("ignore", "Sparse invariant checks")  # PyTorch's optimizer's own
    try:
        documents = read_documents(args.text) if args.text else standard_library_documents()
        corpus = build_corpus(documents, held_out=0.05, seed=args.seed)
    except TextError as error:
        raise SystemExit(str(error)) from None
    num_classes = len(corpus.vocabulary)
    stream, held_out = (
        torch.from_numpy(part.astype(np.int64)) for part in (corpus.train, corpus.held_out)
    )
    if min(len(stream), len(held_out)) <= args.length:
        raise SystemExit(f"the text is too short for windows of {args.length} tokens")
    print(f"{num_classes:,} classes, {len(stream):,} tokens, {len(held_out):,} held out")
    model = LanguageModel(num_classes, args.dim, min(args.candidates, num_classes - 1), args.seed)
    speed = train(model, stream, args)
    found = evaluate(model, held_out, args.length, args.score_tokens)
    p = corpus.counts + 1.0
    unigram = math.exp(-np.mean(np.log(p[corpus.held_out] / p.sum())))
    print(f"trained on {speed:,.0f} tokens a second\n")
    print("| held out, exact | perplexity | top 1 | top 10 |\n| --- | ---: | ---: | ---: |")
    print(f"| unigram | {unigram:.1f} | | |")
    accuracy = found.top_k_accuracy
    print(f"| this model | {found.perplexity:.1f} | {accuracy[1]:.1%} | {accuracy[10]:.1%} |\n")
    print(continuation(model, corpus, held_out[:12].tolist(), 20))
    if args.save:
        torch.save(model.state_dict(), args.save)


if __name__ == "__main__":
    main()
