"""From entries to class ids: the split into training, validation and test, and the vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

UNKNOWN = "<unk>"
_HELD_OUT = 0.01  # the share of the entries in each of validation and test
_FEWEST_ENTRIES = 50


@dataclass(frozen=True)
class Stream:
    """Entries as class ids, in a row, with padding around each.

    Attributes
    ----------
    ids : int64[tokens]
        The classes; ``num_classes`` is the padding.
    positions : int64[words]
        Where the words are.
    """

    ids: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """A text whose words are classes, numbered by falling frequency in the training part.

    Attributes
    ----------
    vocabulary : list of str
        The word of each class: those that the training part has twice or more, and `UNKNOWN`,
        which stands for all others.
    counts : int64[classes]
        How often each occurs in the training part; 1 for `UNKNOWN` if it does not.
    training, validation, test : Stream
        Whole entries.
    """

    vocabulary: list[str]
    counts: npt.NDArray[np.int64]
    training: Stream
    validation: Stream
    test: Stream


def build_corpus(entries: Sequence[Sequence[str]], *, padding: int, seed: int) -> Corpus:
    """Hold entries out and number the words.

    Parameters
    ----------
    entries : sequence of sequence of str
        Their words. Of entries with the same words the first is used, so that none is on both
        sides of the split.
    padding : int
        How much of it there is between entries: as far as a model looks.
    seed : int
        Of the split.

    Raises
    ------
    ValueError
        If there are fewer than 50 different entries.
    """
    different = list(dict.fromkeys(map(tuple, entries)))
    if len(different) < _FEWEST_ENTRIES:
        raise ValueError(
            f"{len(different)} different entries; at least {_FEWEST_ENTRIES} are needed"
        )
    held_out = max(1, round(_HELD_OUT * len(different)))
    order = np.random.default_rng(seed).permutation(len(different))
    parts = np.split(order, [held_out, 2 * held_out])
    validation, test, training = ([different[k] for k in np.sort(part)] for part in parts)
    counts = Counter(word for entry in training for word in entry)
    # Words that are equally frequent keep the order of their first appearance.
    frequent = Counter({word: count for word, count in counts.items() if count > 1})
    frequent[UNKNOWN] = max(1, len(counts) - len(frequent))  # for those of the other parts, too
    vocabulary = [word for word, _ in frequent.most_common()]
    numbers = {word: k for k, word in enumerate(vocabulary)}

    def stream(chosen: list[tuple[str, ...]]) -> Stream:
        around = [len(vocabulary)] * padding
        ids = list(around)
        for entry in chosen:
            ids += [numbers.get(word, numbers[UNKNOWN]) for word in entry]
            ids += around
        array = np.array(ids, np.int64)
        return Stream(array, np.flatnonzero(array < len(vocabulary)))

    return Corpus(
        vocabulary,
        np.array([frequent[word] for word in vocabulary], np.int64),
        stream(training),
        stream(validation),
        stream(test),
    )
