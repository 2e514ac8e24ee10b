"""The demo: its corpus, its baselines, a whole small run, and what it says about unusable text."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import manyclass
from manyclass.demo import cli
from manyclass.demo import model as demo_model
from manyclass.demo.corpus import END, UNKNOWN, Corpus, build_corpus
from manyclass.demo.evaluation import score, spread_positions
from manyclass.demo.ngrams import BigramModel, UnigramModel
from manyclass.demo.samplers import SAMPLERS
from manyclass.demo.text import Document, TextError, standard_library_documents
from manyclass.demo.timing import time_steps

RNG_SEED = 20


def echo_text(sentences: int) -> str:
    """Sentences whose last word repeats the first, which no bigram can know."""
    rng = np.random.default_rng(RNG_SEED)
    words = rng.integers(0, 40, sentences)
    return "".join(f"w{word} says w{word}.\n" for word in words)


def documents(count: int, *, words: int = 100) -> list[Document]:
    rng = np.random.default_rng(RNG_SEED)
    return [
        Document(f"d{k}", f"only{k} " + " ".join(f"w{w}" for w in rng.zipf(1.5, words) % 50))
        for k in range(count)
    ]


def segments(corpus: Corpus, stream: np.ndarray) -> list[list[str]]:
    end = corpus.vocabulary.index(END)
    parts = np.split(stream, np.flatnonzero(stream == end))
    return [[corpus.vocabulary[k] for k in part[1:]] for part in parts if len(part) > 1]


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


def small_corpus() -> Corpus:
    return build_corpus([Document("d", echo_text(2000))], held_out=0.1, seed=0)


def small_model(corpus: Corpus) -> demo_model.Model:
    rng = np.random.default_rng(RNG_SEED)
    model = demo_model.create_model(corpus.counts, dim=8, context=3, rng=rng)
    model.weights[:] = rng.standard_normal(model.weights.shape)
    return model


class TestModel:
    def test_inputs_weigh_each_place_of_the_context(self):
        model = small_model(small_corpus())
        stream = np.array([4, 1, 2, 3], np.int32)
        rows, places = model.embedding, model.position_weights
        wanted = [
            places[0] * rows[4] + places[1] * rows[4] + places[2] * rows[4],
            places[0] * rows[2] + places[1] * rows[1] + places[2] * rows[4],
        ]
        np.testing.assert_allclose(model.inputs(stream, np.array([1, 3])), wanted, rtol=1e-5)

    def test_a_step_of_small_rate_lowers_the_loss_of_its_batch(self):
        corpus = small_corpus()
        model = small_model(corpus)
        sampler = SAMPLERS["log-uniform"](corpus.counts, 0)
        num_sampled = len(corpus.vocabulary) - 1
        trainer = demo_model.Trainer(model, sampler, num_sampled=num_sampled, learning_rate=0.02)
        positions = spread_positions(corpus.train, 64)
        losses = [trainer.step(corpus.train, positions) for _ in range(60)]
        assert losses[-1] < 0.5 * losses[0]

    def test_scores_agree_with_a_dense_softmax(self):
        corpus = small_corpus()
        model = small_model(corpus)
        positions = spread_positions(corpus.held_out, 100)
        scores = score(model, corpus, positions)
        logits = model.inputs(corpus.held_out, positions) @ model.weights.T + model.biases
        labels = corpus.held_out[positions]
        true = logits[np.arange(100), labels]
        losses = np.log(np.exp(logits.astype(np.float64)).sum(axis=1)) - true
        ranks = 1 + (logits > true[:, None]).sum(axis=1)
        assert scores.tokens == 100
        assert scores.perplexity == pytest.approx(math.exp(losses.mean()), rel=1e-5)
        assert scores.top_1 == pytest.approx(np.mean(ranks <= 1))
        assert scores.top_10 == pytest.approx(np.mean(ranks <= 10))

    def test_timing_leaves_the_model_as_it_is(self):
        corpus = small_corpus()
        model = small_model(corpus)
        weights, biases = model.weights.copy(), model.biases.copy()
        positions = spread_positions(corpus.train, 32)
        sampler = SAMPLERS["uniform"](corpus.counts, 0)
        times = time_steps(model, corpus.train, positions, sampler, num_sampled=10)
        assert times.batch == 32
        assert min(times.sampled, times.full) > 0.0
        np.testing.assert_array_equal(model.weights, weights)
        np.testing.assert_array_equal(model.biases, biases)


def arguments(text: Path, output: Path, *more: str) -> list[str]:
    small = ["--dim", "16", "--context", "4", "--candidates", "20", "--batch", "64"]
    return ["--text", str(text), "--output", str(output), *small, "--threads", "1", *more]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "echo.txt"
    path.write_text(echo_text(6000), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    threads = manyclass.get_num_threads()
    yield
    manyclass.set_num_threads(threads)


class TestRun:
    def test_a_small_run_beats_the_bigram_and_writes_its_report(self, text, tmp_path, capsys):
        output = tmp_path / "new" / "folder"
        assert cli.main(arguments(text, output, "--epochs", "3")) == 0
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        scores = report["held_out"]
        assert scores["perplexity"] < 0.8 * scores["bigram_perplexity"]
        assert scores["bigram_perplexity"] < scores["unigram_perplexity"]
        assert 0.0 < scores["top_1"] <= scores["top_10"] <= 1.0
        assert report["training"]["tokens"] == 3 * report["text"]["training_tokens"]
        assert not report["training"]["interrupted"]
        assert report["step"]["ratio"] > 0.0
        assert report["curve"]["training"][-1]["loss"] < report["curve"]["training"][0]["loss"]
        assert (output / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
        table = capsys.readouterr().out
        for shown in ("vocabulary", "tokens/s", "bigram", "top-10", "ratio", "nearest tokens"):
            assert shown in table

    def test_the_weights_and_their_vocabulary_are_written(self, text, tmp_path):
        assert cli.main(arguments(text, tmp_path, "--epochs", "0.1")) == 0
        with np.load(tmp_path / "weights.npz") as saved:
            vocabulary = saved["vocabulary"].tobytes().decode().split("\n")
            assert saved["weights"].shape == saved["embedding"].shape == (len(vocabulary), 16)
            assert saved["biases"].shape == (len(vocabulary),)
            assert saved["position_weights"].shape == (4, 16)
        assert {"says", ".", UNKNOWN, END} <= set(vocabulary)

    @pytest.mark.parametrize("sampler", sorted(SAMPLERS))
    def test_the_same_seed_gives_the_same_run(self, sampler, text, tmp_path):
        losses = []
        for name in ("first", "second"):
            more = ("--epochs", "0.2", "--sampler", sampler, "--seed", "5")
            assert cli.main(arguments(text, tmp_path / name, *more)) == 0
            report = json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))
            losses.append([point["loss"] for point in report["curve"]["training"]])
        assert losses[0] == losses[1]

    def test_minutes_end_the_training(self, text, tmp_path):
        assert cli.main(arguments(text, tmp_path, "--minutes", "0.01")) == 0
        report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        assert 0.6 <= report["training"]["seconds"] < 2.0
        assert report["training"]["tokens"] > 0

    def test_fewer_candidates_are_taken_where_there_are_not_that_many_classes(
        self, text, tmp_path, capsys
    ):
        assert cli.main(arguments(text, tmp_path, "--epochs", "0.1", "--candidates", "500")) == 0
        assert "44 classes only: 22 candidates per step" in capsys.readouterr().out

    def test_ctrl_c_ends_the_training_and_the_report_follows(self, text, tmp_path):
        command = [sys.executable, "-m", "manyclass.demo"]
        run = subprocess.Popen(
            [*command, *arguments(text, tmp_path, "--minutes", "5")],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert run.stderr is not None
        seen = b""
        while b"loss " not in seen:
            block = run.stderr.read1()
            assert block, seen.decode()
            seen += block
        run.send_signal(signal.SIGINT)
        table, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors.decode()
        assert b"interrupted" in table
        assert b"Traceback" not in errors
        report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
        assert report["training"]["interrupted"]
        assert report["training"]["seconds"] < 60.0


class TestBadInput:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (None, "cannot read the text {}: No such file or directory"),
            (b"", "the text {} is empty"),
            (b" \n\t", "the text {} is empty"),
            (b"abc\0def", "the text {} is binary, not UTF-8 text: byte 3 is NUL"),
            (b"caf\xe9 au lait", "the text {} is binary, not UTF-8 text: byte 3 is 0xe9"),
            (
                b"few words",
                "the text is too short: 2 tokens without copies of the same passage, "
                "at least 2,000 are needed",
            ),
            (b"a.b," * 999, "the text has no white space to cut it at, so none can be held out"),
        ],
    )
    def test_an_unusable_text_gets_one_clear_line(self, data, message, tmp_path, capsys):
        path = tmp_path / "text"
        if data is not None:
            path.write_bytes(data)
        assert cli.main(arguments(path, tmp_path / "out")) == 2
        assert capsys.readouterr().err == f"manyclass.demo: {message.format(path)}\n"
        assert not (tmp_path / "out").exists()

    def test_a_folder_is_no_text(self, tmp_path, capsys):
        assert cli.main(arguments(tmp_path, tmp_path / "out")) == 2
        assert capsys.readouterr().err == (
            f"manyclass.demo: cannot read the text {tmp_path}: Is a directory\n"
        )

    def test_the_command_shows_no_traceback(self, tmp_path):
        command = [sys.executable, "-m", "manyclass.demo", "--text", str(tmp_path / "missing")]
        run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert run.returncode == 2
        assert run.stderr.count("\n") == 1

    def test_a_missing_extra_names_what_installs_it(self, monkeypatch, capsys):
        monkeypatch.setattr(cli, "find_spec", lambda name: None if name == "tqdm" else object())
        assert cli.main([]) == 2
        assert capsys.readouterr().err == (
            "manyclass.demo: the demo needs tqdm: python -m pip install 'manyclass[demo]'\n"
        )

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (("--dim", "0"), "argument --dim: 0 is not a positive integer"),
            (("--batch", "x"), "argument --batch: x is not a positive integer"),
            (("--minutes", "nan"), "argument --minutes: nan is not a positive number"),
            (("--threads", "2000"), "argument --threads: 2000 is not an integer from 1 to 1024"),
            (("--seed", "-1"), "argument --seed: -1 is not an integer from 0 on"),
            (("--held-out", "1"), "argument --held-out: 1 is not a number between 0 and 1"),
        ],
    )
    def test_an_option_out_of_range_is_refused(self, option, message, capsys):
        with pytest.raises(SystemExit) as stop:
            cli.main(list(option))
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
