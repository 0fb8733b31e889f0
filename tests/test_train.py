"""The trainer: it learns, it resumes exactly, it stops when asked, and what it writes can be loaded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import gptcore
from gptcore.train import evaluate
from gptcore.train.__main__ import main
from gptcore.train.export import command
from gptcore.train.loop import Trainer
from gptcore.train.run_folder import RunFolder, write_whole
from gptcore.train.settings import Settings, parse

SMALL = {"block_size": 16, "n_layer": 1, "n_head": 2, "n_embd": 16, "batch_size": 4, "eval_windows": 4}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat and the dog lay on the log; " * 40)
    return path


def small(tmp_path: Path, text: Path, name: str = "run", **changes: object) -> Settings:
    fields = {**SMALL, "out": tmp_path / name, "data": str(text), "steps": 40, "eval_interval": 20, "log_interval": 1}
    return Settings(**{**fields, "dropout": 0.2, "warmup_steps": 5, **changes})  # type: ignore[arg-type]


def losses(settings: Settings) -> list[tuple[int, float]]:
    return [(line["step"], line["loss"]) for line in RunFolder(settings.out).read_metrics() if "loss" in line]


def test_it_learns(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=150, learning_rate=1e-2)
    assert Trainer(settings).run()
    evaluations = [line for line in RunFolder(settings.out).read_metrics() if "val_loss" in line]
    assert evaluations[0]["val_loss"] > 2.5
    assert evaluations[-1]["val_loss"] < 1.5
    checkpoint = gptcore.load(settings.out / "best.pt")
    assert checkpoint.info["best_val_loss"] == min(line["val_loss"] for line in evaluations)
    assert checkpoint.tokenizer.decode(checkpoint.tokenizer.encode("the cat")) == "the cat"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run_is_the_same_run(tmp_path: Path, text: Path, precision: str) -> None:
    whole = small(tmp_path, text, "whole", precision=precision)
    Trainer(whole).run()
    parts = small(tmp_path, text, "parts", precision=precision)
    stops = iter([False] * 12 + [True])
    assert not Trainer(parts).run(lambda: next(stops))  # stopped between two evaluations
    assert losses(parts)[-1][0] == 13
    RunFolder(parts.out).log({"step": 14, "loss": 99.0})  # a step that is done again counts once
    assert Trainer(parse(["--out", str(parts.out), "--resume"], lambda out: RunFolder(out).read_settings())).run()
    assert losses(parts) == losses(whole)
    a, b = (gptcore.load(settings.out / "last.pt").model.state_dict() for settings in (whole, parts))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_accumulation_is_one_large_batch(tmp_path: Path, text: Path) -> None:
    """The gradient of two halves is that of the whole, so the first step is the same up to rounding."""
    trainer = Trainer(small(tmp_path, text, accumulate=2, dropout=0.0, precision="float32"))
    loss = trainer._train_step()
    assert abs(loss.item() - 3.0) < 1.0
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, text: Path) -> None:
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    arguments += [f"--out={tmp_path / 'run'}", f"--data={text}", "--steps=1000000", "--eval-interval=1000000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gptcore.train", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while (not metrics.exists() or metrics.read_text().count("\n") < 3) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "go on with: python -m gptcore.train" in output
    assert "Traceback" not in errors
    saved = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert saved["iter_num"] >= 20
    assert gptcore.load(tmp_path / "run" / "last.pt").info["iter_num"] == saved["iter_num"]


def test_the_folder_of_a_run_is_not_overwritten(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, text)
    Trainer(settings)
    RunFolder(settings.out).log({"step": 1})
    assert main(["--out", str(settings.out), "--data", str(text), "--block-size", "16"]) == 1
    assert "holds a run already; add --resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "{tmp}/none", "--resume"], "cannot resume from"),
        (["--out", "{tmp}/a", "--data", "{tmp}/none.txt"], "no file"),
        (
            ["--out", "{tmp}/a", "--data", "{text}", "--block-size", "16", "--n-embd", "383"],
            "does not divide into n_head",
        ),
        (["--out", "{tmp}/a", "--data", "{text}", "--block-size", "4000"], "needs at least 4001"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(tmp=tmp_path, text=text) for argument in arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert sentence in errors
    assert "Traceback" not in errors


def test_a_wrong_option_is_told_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--out", str(tmp_path / "a"), "--steps", "0"])
    assert "steps: must be at least 1, got 0" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_another_model_is_not_resumed_into(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, text, steps=2)
    Trainer(settings).run()
    assert main(["--out", str(settings.out), "--resume", "--n-embd", "32"]) == 1
    assert "leave the data and the model's sizes as they were" in capsys.readouterr().err


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "last.pt"
    write_whole(target, lambda file: file.write(b"old"))

    def fail(file: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fail)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_export_measures_what_it_wrote(tmp_path: Path, text: Path) -> None:
    pytest.importorskip("tyro")
    from gptcore.train.export import export

    settings = small(tmp_path, text, export=tmp_path / "model", name="cats")
    trainer = Trainer(settings)
    trainer.run()
    export(trainer)
    exported = gptcore.load(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"{evaluate.whole_split(exported.model, trainer.splits.val):.4f} nats" in card
    assert command(settings) in card
    assert (tmp_path / "model" / "loss.csv").read_text().count("\n") == 1 + len(trainer.folder.read_metrics())
    assert json.loads((tmp_path / "model" / "config.json").read_text())["format"] == "gptscope"


def test_the_card_of_the_shipped_model_is_true(outside_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the held-out text; the training text is nine times longer and measured when the card is written."""
    from gptcore import data

    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    checkpoint = gptcore.load("shakespeare-char")
    text = data.read_text("tinyshakespeare")
    parts = data.split(checkpoint.tokenizer.encode(text), checkpoint.config.block_size)
    val = evaluate.whole_split(checkpoint.model, parts.val)
    assert val <= 1.58
    card = (Path(checkpoint.info["source"]) / "README.md").read_text()
    assert f"validation {val:.3f}" in card
