"""The demo's corpus and its baselines."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from demo_text import RNG_SEED, documents, echo_text, segments
from manyclass.demo.corpus import UNKNOWN, build_corpus
from manyclass.demo.ngrams import BigramModel, UnigramModel
from manyclass.demo.text import Document, TextError, standard_library_documents


class TestCorpus:
    def test_classes_are_numbered_by_falling_frequency_of_the_training_part(self):
        corpus = build_corpus(documents(60), held_out=0.1, seed=3)
        counts = np.bincount(corpus.train[1:], minlength=len(corpus.vocabulary))
        np.testing.assert_array_equal(corpus.counts, counts)
        assert np.all(np.diff(counts) <= 0)

    def test_tokens_seen_once_are_unknown(self):
        corpus = build_corpus(documents(60), held_out=0.1, seed=3)
        assert corpus.vocabulary[corpus.unknown] == UNKNOWN
        assert not any(token.startswith("only") for token in corpus.vocabulary)
        trained = segments(corpus, corpus.train)
        assert all(part[0] == UNKNOWN for part in trained)
        for token, count in Counter(token for part in trained for token in part).items():
            assert count >= 2, token

    def test_whole_documents_are_held_out(self):
        originals = [document.text.split()[1:] for document in documents(60)]
        corpus = build_corpus(documents(60), held_out=0.1, seed=3)
        held_out, train = segments(corpus, corpus.held_out), segments(corpus, corpus.train)
        assert len(held_out) + len(train) == corpus.documents == 60
        assert 3 <= len(held_out) <= 6
        for part in held_out:
            fits = [
                all(a in (b, UNKNOWN) for a, b in zip(part[1:], words, strict=True))
                for words in originals
            ]
            assert sum(fits) == 1

    def test_the_split_depends_on_seed_and_content_alone(self):
        first = build_corpus(documents(60), held_out=0.1, seed=3)
        turned = build_corpus(documents(60)[::-1], held_out=0.1, seed=3)
        other = build_corpus(documents(60), held_out=0.1, seed=4)
        names = segments(first, first.held_out)
        assert len(first.held_out) == len(turned.held_out)
        assert names == segments(turned, turned.held_out)
        assert names != segments(other, other.held_out)

    def test_copies_are_dropped(self):
        # A copy that differs in white space alone has the same tokens.
        copies = [Document(f"c{d.name}", d.text.replace(" ", "\n")) for d in documents(60)]
        once = build_corpus(documents(60), held_out=0.3, seed=3)
        twice = build_corpus(documents(60) + copies, held_out=0.3, seed=3)
        np.testing.assert_array_equal(once.train, twice.train)
        np.testing.assert_array_equal(once.held_out, twice.held_out)

    def test_one_long_file_is_split_into_pieces(self):
        corpus = build_corpus([Document("d", echo_text(3000))], held_out=0.1, seed=0)
        tokens = 4 * 3000
        assert (
            0.05 * tokens < np.count_nonzero(corpus.held_out != corpus.held_out[0]) <= 0.1 * tokens
        )
        assert all(part[-1] == "." for part in segments(corpus, corpus.held_out))

    def test_a_text_of_one_line_is_cut_at_white_space(self):
        text = echo_text(3000).replace("\n", " ")
        corpus = build_corpus([Document("d", text)], held_out=0.1, seed=0)
        parts = segments(corpus, corpus.held_out) + segments(corpus, corpus.train)
        assert sum(map(len, parts)) == 4 * 3000
        assert len(parts) > 50

    def test_a_repeated_passage_counts_once(self):
        with pytest.raises(TextError, match="too short"):
            build_corpus([Document("d", "la " * 10_000)], held_out=0.1, seed=0)

    def test_too_short_a_text_is_refused(self):
        with pytest.raises(
            TextError, match=r"too short: 808 tokens without .* at least 2,000 are needed"
        ):
            build_corpus(documents(8), held_out=0.1, seed=0)

    def test_the_standard_library_is_read_in_the_same_order_each_time(self):
        names = [document.name for document in standard_library_documents()]
        assert names == [document.name for document in standard_library_documents()]
        assert {"os.py", "json/decoder.py"} <= set(names)
        assert len(names) == len(set(names))
        assert not any("site-packages" in name for name in names)


def kneser_ney(pairs: list[tuple[int, int]], num_classes: int) -> np.ndarray:
    """Compute P[previous, following] from the definition, one probability at a time."""
    counts = Counter(pairs)
    before: dict[int, set[int]] = defaultdict(set)
    for previous, following in counts:
        before[following].add(previous)
    discount = discounts(counts.values())
    lower_discount = discounts([len(before[k]) for k in range(num_classes)])
    kinds = len(counts)
    spare = sum(lower_discount(len(before[k])) for k in range(num_classes)) / kinds
    lower = [
        (len(before[k]) - lower_discount(len(before[k]))) / kinds + spare / num_classes
        for k in range(num_classes)
    ]
    result = np.empty((num_classes, num_classes))
    for previous in range(num_classes):
        seen = {w: c for (p, w), c in counts.items() if p == previous}
        total = sum(seen.values())
        saved = sum(discount(c) for c in seen.values())
        for word in range(num_classes):
            if total == 0:
                result[previous, word] = lower[word]
                continue
            kept = seen[word] - discount(seen[word]) if word in seen else 0.0
            result[previous, word] = (kept + saved * lower[word]) / total
    return result


def discounts(counts):
    n = Counter(counts)
    y = n[1] / (n[1] + 2 * n[2])
    raw = [1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
    clipped = [min(max(d, 0.1), k - 0.1) for k, d in enumerate(raw, start=1)]
    return lambda count: clipped[min(count, 3) - 1] if count else 0.0


class TestBaselines:
    @pytest.fixture
    def stream(self):
        rng = np.random.default_rng(RNG_SEED)
        # Class 199 is never followed by anything.
        return np.append(rng.zipf(1.3, 3000) % 199, 199).astype(np.int32)

    def test_the_bigram_is_interpolated_kneser_ney(self, stream):
        classes = np.arange(200)
        model = BigramModel(stream, 200)
        wanted = kneser_ney([(int(a), int(b)) for a, b in pairwise(stream)], 200)
        got = np.exp(-np.stack([model.loss(np.full(200, k), classes) for k in range(200)]))
        np.testing.assert_allclose(got, wanted, rtol=1e-9)

    def test_the_bigram_is_a_distribution_after_each_class(self, stream):
        model = BigramModel(stream, 200)
        for previous in range(200):
            total = np.exp(-model.loss(np.full(200, previous), np.arange(200))).sum()
            assert total == pytest.approx(1.0, rel=1e-12)

    @pytest.mark.parametrize("text", [[0, 1], [0, 0, 0, 0], [0, 1, 2, 0, 1, 2, 3, 4]])
    def test_the_bigram_of_a_tiny_text_is_a_distribution(self, text):
        model = BigramModel(np.array(text, np.int32), 6)
        for previous in range(6):
            total = np.exp(-model.loss(np.full(6, previous), np.arange(6))).sum()
            assert total == pytest.approx(1.0, rel=1e-12)

    def test_the_unigram_follows_the_counts(self):
        loss = UnigramModel(np.array([6, 1, 0])).loss(np.array([0, 1, 2]))
        np.testing.assert_allclose(np.exp(-loss), [0.7, 0.2, 0.1])
