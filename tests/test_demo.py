"""The demo: a whole small run, and what it says about unusable text."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import manyclass
from demo_text import echo_text
from manyclass.demo import cli
from manyclass.demo.corpus import END, UNKNOWN
from manyclass.demo.samplers import SAMPLERS


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
            # Ignored in what runs in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
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
