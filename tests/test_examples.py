"""The two examples, as commands, on small made data of the real files' formats."""

from __future__ import annotations

import gzip
import os
import random
import re
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"


def run(
    script: str, *arguments: str | Path, first_path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *map(str, arguments)],
        env=os.environ | ({} if first_path is None else {"PYTHONPATH": str(first_path)}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def table(output: str, title: str) -> dict[str, list[float]]:
    """The numbers of a printed table's rows, by name; shares in percent."""
    lines = output.split(f"\n| {title}", 1)[1].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {
        name: [float(re.sub(r"[%,s ]", "", cell)) for cell in cells if cell.strip(" |")]
        for name, *cells in rows
    }


@pytest.fixture
def examples_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)


@pytest.fixture
def without_peers(tmp_path: Path) -> Path:
    """A folder whose modules hide fastText and gensim, installed or not."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    for name in ("fasttext", "gensim"):
        (folder / f"{name}.py").write_text("raise ImportError\n", "utf-8")
    return folder


LICENCE = "  1 This is a line of the licence.  \n"


def write_wordnet(folder: Path, nouns: int = 300) -> None:
    """Nouns `thing0`, …, each a kind of one of five, with own words in gloss and sentence."""
    rng = random.Random(1)
    words = ["".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(600)]
    lines = []
    for k in range(nouns):
        own = rng.sample(words, 3)
        pointer = f"001 @ {k % 5 + 1:08} n 0000" if k >= 5 else "000"
        gloss = f'a {own[0]} {own[1]}; "the {own[2]} {own[0]} of thing{k}"; "{own[1]} it"'
        lines.append(f"{k + 1:08} 03 n 02 thing{k} 0 {own[2]}_x 0 {pointer} | {gloss}  \n")
    folder.mkdir(exist_ok=True)
    (folder / "data.noun").write_text(LICENCE + "".join(lines), "ascii")
    verb = "00001740 29 v 01 go 0 000 02 + 02 00 + 08 00 | move away  \n"
    adjective = "00001740 00 s 01 able(p) 0 001 ! 00001740 a 0101 | having means  \n"
    adverb = "00001740 02 r 01 well 0 000 | in a good way  \n"
    for name, line in (("verb", verb), ("adj", adjective), ("adv", adverb)):
        (folder / f"data.{name}").write_text(LICENCE + line, "ascii")


def number(value: int) -> str:
    digits = DIGITS[value % 64]
    while value := value // 64:
        digits = DIGITS[value % 64] + digits
    return digits


def write_dictionary(path: Path, texts: list[bytes]) -> None:
    """Write files of dictd's format, each entry under two headwords."""
    offset, index = 0, []
    for k, text in enumerate(texts):
        span = f"{number(offset)}\t{number(len(text))}\n"
        index += [f"head{k}\t{span}", f"other{k}\t{span}"]
        offset += len(text)
    index.append(f"00-database-info\t{number(0)}\t{number(1)}\n")
    path.with_name(path.name + ".index").write_text("".join(index), "utf-8")
    path.with_name(path.name + ".dict.dz").write_bytes(gzip.compress(b"".join(texts)))


def rule_text(entries: int = 400) -> list[bytes]:
    """Entries in which a word follows from the one before, nine times of ten."""
    rng = random.Random(2)
    letters = string.ascii_lowercase
    words = [a + b for a in letters[:8] for b in letters[:5]]
    texts = []
    for k in range(entries):
        place = rng.randrange(len(words))
        chosen = []
        for _ in range(20):
            chosen.append(words[place])
            follows = (3 * place + 1) % len(words)
            place = follows if rng.random() < 0.9 else rng.randrange(len(words))
        texts.append(f'Head{k} \\He"ad\\ {" ".join(chosen)}.\n   [1913 Webster]\n'.encode())
    return texts


@pytest.mark.parametrize("script", ["wordnet_glosses.py", "dictionary_words.py"])
def test_help_names_the_options(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    for option in ("--epochs", "--limit", "--compare", "--png"):
        assert option in done.stdout


class TestWordNet:
    def test_a_small_run_beats_chance(self, tmp_path: Path, without_peers: Path) -> None:
        write_wordnet(tmp_path / "wordnet")
        png = tmp_path / "curve.png"
        small = ["--dim", "32", "--candidates", "64", "--batch", "32", "--epochs", "10"]
        folder = tmp_path / "wordnet"
        files = ["--folder", folder, "--png", png]
        done = run("wordnet_glosses.py", *files, *small, "--compare", first_path=without_peers)
        assert done.returncode == 0, done.stderr
        sentences = table(done.stdout, "the synset of a sentence")
        assert sentences["manyclass"][0] > 50.0
        assert sentences["chance"][0] < 1.0
        for title in ("what a new synset is akin to", "297 synsets"):
            assert table(done.stdout, title)["manyclass"][2] > 0.0
        assert "SGDClassifier" in table(done.stdout, "297 synsets")
        assert "fastText is not installed: python -m pip install '.[compare]'" in done.stdout
        assert png.read_bytes().startswith(b"\x89PNG")

    @pytest.mark.usefixtures("examples_path")
    def test_a_line_is_read_as_documented(self, tmp_path: Path) -> None:
        from wordnet import read_synsets

        write_wordnet(tmp_path, nouns=7)
        *nouns, verb, adjective, adverb = read_synsets(tmp_path)
        last = nouns[-1]
        assert last.name == "n00000007"
        assert last.words[0] == "thing6"
        assert last.words[1].endswith(" x")
        assert last.hypernyms == ("n00000002",)
        assert len(last.sentences) == 2
        assert last.sentences[0].endswith("of thing6")
        assert '"' not in last.definition
        assert last.definition.startswith("a ")
        assert (verb.words, verb.definition, verb.sentences) == (("go",), "move away", ())
        assert (adjective.name, adjective.words) == ("a00001740", ("able",))
        assert adverb.name == "r00001740"

    @pytest.mark.usefixtures("examples_path")
    def test_nothing_that_is_asked_is_trained_on(self, tmp_path: Path) -> None:
        from wordnet import read_synsets
        from wordnet_split import relatives, split_synsets

        write_wordnet(tmp_path)
        synsets = read_synsets(tmp_path)
        split = split_synsets(synsets, seed=3)
        trained = set(split.training.labels.tolist())
        assert trained == set(split.glosses.labels.tolist())
        assert trained.isdisjoint(split.new.labels.tolist())
        assert trained | set(split.new.labels.tolist()) == set(range(len(synsets)))
        asked = set(split.validation.texts) | set(split.test.texts)
        assert asked.isdisjoint(split.training.texts)
        assert set(split.validation.labels.tolist()).isdisjoint(split.test.labels.tolist())
        assert trained.issuperset(split.test.labels.tolist())
        for place, near in zip(split.new.labels.tolist(), relatives(synsets, split), strict=True):
            assert near <= trained
            if 5 <= place < 300:  # a kind of noun place % 5, as are all others with that remainder
                expected = {place % 5, *range(5 + place % 5, 300, 5)} - {place}
                assert near == expected & trained

    @pytest.mark.usefixtures("examples_path")
    def test_scores_count_the_first_few(self) -> None:
        from wordnet_scores import chance, score

        top = np.array([[4, *range(10, 19)], [*range(10, 13), 5, *range(20, 26)], [*range(30, 40)]])
        right = [{4}, {5, 99}, {1}]
        np.testing.assert_allclose(score(top, right), [1 / 3, 2 / 3, 2 / 3])
        np.testing.assert_allclose(
            chance([{1}, {1, 2}], 10), [0.15, *(1 - (0.9**k + 0.8**k) / 2 for k in (5, 10))]
        )

    def test_missing_files_are_named_with_what_to_install(self, tmp_path: Path) -> None:
        done = run("wordnet_glosses.py", "--folder", tmp_path / "none")
        assert done.returncode == 2
        assert done.stdout == ""
        assert "data.noun cannot be read" in done.stderr
        assert "apt-get install wordnet-base" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_line_of_another_format_is_named(self, tmp_path: Path) -> None:
        write_wordnet(tmp_path)
        with (tmp_path / "data.verb").open("a", encoding="ascii") as file:
            file.write("00001741 29 v zz\n")
        done = run("wordnet_glosses.py", "--folder", tmp_path)
        assert done.returncode == 2
        assert "data.verb, line 3 is not as wndb(5WN) says" in done.stderr


class TestDictionary:
    def test_a_small_run_learns_the_rule(self, tmp_path: Path, without_peers: Path) -> None:
        dictionary, png = tmp_path / "made", tmp_path / "curve.png"
        write_dictionary(dictionary, rule_text())
        small = ["--dim", "16", "--window", "2", "--candidates", "20", "--batch", "64"]
        files = ["--dictionary", dictionary, "--png", png]
        done = run("dictionary_words.py", *files, *small, "--compare", first_path=without_peers)
        assert done.returncode == 0, done.stderr
        rows = table(done.stdout, "|")
        frequencies, ours = rows["frequencies of the words"], rows["manyclass"]
        assert ours[0] < 0.7 * frequencies[0]
        assert ours[1] == pytest.approx(np.exp(ours[0]), rel=0.05)  # as printed, in tenths
        assert frequencies[2] < 20.0 < ours[2] <= ours[4] <= 100.0
        assert "gensim is not installed: python -m pip install '.[compare]'" in done.stdout
        assert png.read_bytes().startswith(b"\x89PNG")

    @pytest.mark.usefixtures("examples_path")
    def test_entries_are_read_once_without_marks(self, tmp_path: Path) -> None:
        from gcide import read_entries

        texts = [
            b'Ab"so*lute \\Ab"so*lute\\, a. Free [L. absolutus.] [1913 Webster]\n',
            b"Caf['e] [ae]on \xff end\n   [WordNet 1.5]\n",
        ]
        write_dictionary(tmp_path / "made", texts)
        assert read_entries(tmp_path / "made") == [
            ["ab", "so", "lute", "a", "free", "l", "absolutus"],
            ["cafe", "aeon", "end"],
        ]

    @pytest.mark.usefixtures("examples_path")
    def test_entries_are_held_out_whole_and_rare_words_are_unknown(self) -> None:
        from dictionary_corpus import UNKNOWN, build_corpus

        entries = [[f"a{k % 7}", f"b{k}", f"a{k % 5}"] for k in range(100)]
        corpus = build_corpus([*entries, entries[0]], padding=2, seed=4)
        assert set(corpus.vocabulary) == {UNKNOWN, *(f"a{k}" for k in range(7))}
        assert (np.diff(corpus.counts) <= 0).all()
        sizes = [len(part.positions) for part in (corpus.training, corpus.validation, corpus.test)]
        assert sizes == [3 * 98, 3, 3]
        assert corpus.counts.sum() == sizes[0]
        for part in (corpus.training, corpus.validation, corpus.test):
            words = part.ids[part.positions].reshape(-1, 3)
            assert (words[:, 1] == corpus.vocabulary.index(UNKNOWN)).all()
            padding = np.delete(part.ids, part.positions)
            assert (padding == len(corpus.vocabulary)).all()
            assert len(padding) == 2 * (len(words) + 1)

    def test_missing_files_are_named_with_what_to_install(self, tmp_path: Path) -> None:
        done = run("dictionary_words.py", "--dictionary", tmp_path / "none")
        assert done.returncode == 2
        assert done.stdout == ""
        assert "apt-get install dict-gcide" in done.stderr
        assert "Traceback" not in done.stderr

    def test_another_format_is_refused(self, tmp_path: Path) -> None:
        write_dictionary(tmp_path / "made", rule_text(3))
        done = run("dictionary_words.py", "--dictionary", tmp_path / "made")
        assert done.returncode == 2
        assert "at least 50 are needed" in done.stderr
        (tmp_path / "made.index").write_text("head\tA\n", "utf-8")
        done = run("dictionary_words.py", "--dictionary", tmp_path / "made")
        assert done.returncode == 2
        assert "line 1 is not of dictd's format" in done.stderr
