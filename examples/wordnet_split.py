"""What is trained on and what is asked: WordNet's synsets as a classification problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wordnet import Synset

_HELD_OUT_SYNSETS = 0.02

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Texts, and the synset of each, by its place in the list of synsets."""

    texts: list[str]
    labels: Labels

    def take(self, rows: Labels) -> Examples:
        """Return some of them."""
        return Examples([self.texts[k] for k in rows], self.labels[rows])

    def some(self, most: int) -> Examples:
        """Return at most so many of them, evenly spread."""
        count = min(most, len(self.texts))
        return self.take(np.arange(count) * len(self.texts) // count)


@dataclass(frozen=True)
class Split:
    """A synset is a class; its name is its place in the list.

    Attributes
    ----------
    glosses : Examples
        One text for each synset that is not held out: its words and its definition.
    training : Examples
        The same, and besides each word as a text of its own: what is trained on.
    validation, test : Examples
        The quoted sentences of synsets that are trained on. None of them is trained on; a synset's
        are all in one of the two.
    new : Examples
        The definitions of the synsets held out, of which nothing is trained on.
    """

    glosses: Examples
    training: Examples
    validation: Examples
    test: Examples
    new: Examples


def split_synsets(synsets: Sequence[Synset], *, limit: int | None = None, seed: int) -> Split:
    """Split at random: 2 % of the synsets held out, sentences half for validation, half for test.

    With ``limit`` so many synsets are used, drawn at random.

    Raises
    ------
    ValueError
        If there are too few synsets for each part to have an example.
    """
    order = np.random.default_rng(seed).permutation(len(synsets))[:limit]
    new, rest = np.split(order, [round(_HELD_OUT_SYNSETS * len(order))])
    split = Split(
        _examples(synsets, np.sort(rest), lambda synset: (_gloss(synset),)),
        _examples(synsets, np.sort(rest), lambda synset: (*synset.words, _gloss(synset))),
        _examples(synsets, np.sort(rest[::2]), lambda synset: synset.sentences),
        _examples(synsets, np.sort(rest[1::2]), lambda synset: synset.sentences),
        _examples(synsets, np.sort(new), lambda synset: (synset.definition,)),
    )
    for name, examples in vars(split).items():
        if not examples.texts:
            raise ValueError(f"none of {len(order)} synsets has a text for the part {name!r}")
    return split


def relatives(synsets: Sequence[Synset], split: Split) -> list[set[int]]:
    """Give, for each new synset, those trained on that are near it.

    They are its hypernyms, their other hyponyms, and its own hyponyms.
    """
    trained = set(split.glosses.labels.tolist())
    places = {synset.name: k for k, synset in enumerate(synsets)}
    above = [{places[name] for name in synset.hypernyms} for synset in synsets]
    below: list[set[int]] = [set() for _ in synsets]
    for place, hypernyms in enumerate(above):
        for hypernym in hypernyms:
            below[hypernym].add(place)
    return [
        trained & (above[k] | below[k]).union(*(below[hypernym] for hypernym in above[k]))
        for k in split.new.labels.tolist()
    ]


def _gloss(synset: Synset) -> str:
    return f"{', '.join(synset.words)}: {synset.definition}"


def _examples(
    synsets: Sequence[Synset], chosen: Labels, texts_of: Callable[[Synset], Sequence[str]]
) -> Examples:
    pairs = [(text, place) for place in chosen for text in texts_of(synsets[place])]
    return Examples([text for text, _ in pairs], np.array([k for _, k in pairs], np.int64))
