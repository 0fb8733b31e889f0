"""The export of a training: the best weights, its snapshots, its curve, and a card with the measurements."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gptcore
from gptcore.analysis.head_scores import head_scores
from gptcore.checkpoint.formats import native
from gptcore.checkpoint.snapshots import load_snapshot, snapshots
from gptcore.data import Induction, TextSource, text_source
from gptcore.tokenizer import CharTokenizer
from gptcore.train import evaluate, samples
from gptcore.train.__main__ import main
from gptcore.train.export import command, export
from gptcore.train.loop import Trainer
from gptcore.train.settings import Settings, parse
from tests.conftest import random_model
from tests.training import a_text, options, resumed, same_weights, small, weights

FAIRYTALES = 40 * "Once upon a time a fox met a hen.\nThe hen said no|thing, and the fox went home to `sleep`.\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return a_text(tmp_path)


def exported(settings: Settings) -> tuple[Trainer, gptcore.Checkpoint, str]:
    trainer = Trainer(settings)
    trainer.run()
    export(trainer)
    assert settings.export is not None
    return trainer, gptcore.load(settings.export), (settings.export / "README.md").read_text()


def test_the_card_measures_what_it_ships(tmp_path: Path, text: Path) -> None:
    settings = small(
        tmp_path, text, export=tmp_path / "model", name="cats", export_dtype="bfloat16", learning_rate=0.01
    )
    trainer, ckpt, card = exported(settings)
    val, train = (evaluate.whole_split(ckpt.model, trainer.source, split) for split in ("val", "train"))
    exact = evaluate.whole_split(gptcore.load(trainer.folder.best).model, trainer.source, "val")
    assert f"{val['loss']:.4f}" != f"{exact['loss']:.4f}", "the precision must show for this test"
    assert f"training {train['loss']:.4f}, validation {val['loss']:.4f} nats per character" in card
    assert f"training {train['bits_per_byte']:.4f}, validation {val['bits_per_byte']:.4f} |" in card
    first = "Continues any text, one character at a time, as it has learnt from text. A GPT of 1 layer, 2 heads and 16"
    assert card.startswith(f"# cats\n\n{first}")
    assert "the first 90 % for training, the last 10 % held out" in card
    assert "```\n" + command(settings) + "\n```" in card
    assert "its author's choice" in card
    assert json.loads((tmp_path / "model" / "config.json").read_text())["format"] == "gptscope"


def test_the_curve_is_a_table_of_the_metrics(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, export=tmp_path / "model", steps=3)
    trainer, _, _ = exported(settings)
    with (tmp_path / "model" / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "loss", "train_loss", "val_loss", "lr", "tokens_per_s", "grad_norm"]
    lines = trainer.folder.read_metrics()
    told = [{name: str(value) for name, value in line.items() if name != "seconds"} for line in lines]
    assert [{name: value for name, value in row.items() if value} for row in rows] == told


def test_bits_per_byte_count_bytes_not_tokens(tmp_path: Path) -> None:
    """Computed by hand, for byte pairs: the loss of each target in bits, over the bytes of all targets."""
    path = tmp_path / "t.txt"
    path.write_text(FAIRYTALES + "\n<|endoftext|>\n" + FAIRYTALES)
    source = text_source(str(path), 8, "bpe", 270)
    assert isinstance(source, TextSource)
    model = random_model(vocab_size=source.tokenizer.vocab_size, block_size=8)
    tokens = np.asarray(source.splits["train"]).astype(int)
    end = source.tokenizer.special["<|endoftext|>"]  # type: ignore[attr-defined]
    assert end in tokens
    bits, size = 0.0, 0
    for x, y in source.whole("train", batch_size=1):
        logits, _ = model(x, y)
        bits -= logits.double().log_softmax(-1).gather(-1, y[..., None]).sum().item() / np.log(2)
        size += sum(0 if i == end else len(source.tokenizer.token_bytes(i)) for i in y.flatten().tolist())
    assert evaluate.whole_split(model, source, "train")["bits_per_byte"] == pytest.approx(bits / size, rel=1e-5)


def test_the_card_of_byte_pairs_with_published_splits(
    tmp_path: Path, outside_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    settings = small(tmp_path, "fairytales", tokenizer="bpe", vocab_size=300, steps=1, block_size=256, n_embd=4)
    trainer, ckpt, card = exported(Settings(**{**vars(settings), "export": tmp_path / "model"}))
    for split in ("val", "test"):
        found = evaluate.whole_split(ckpt.model, trainer.source, split)  # type: ignore[arg-type]
        assert f"{found['loss']:.4f}" in card
        assert f"{found['bits_per_byte']:.4f}" in card
    assert "90 %" not in card
    assert "the last 23 + 23 documents are held out" in card
    assert "300 byte pairs, learnt from the training split" in card
    assert "nats per token" in card
    assert "Apache-2.0" in card
    opening = "Continues any text, in byte pairs, as it has learnt from fairytales. A GPT of"
    assert card.splitlines()[2].startswith(opening)


def test_samples_are_plain_and_repeatable(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text(FAIRYTALES)
    trainer = Trainer(small(tmp_path, path, steps=1))
    made = samples.text_samples(trainer.model.eval(), trainer.source)  # type: ignore[arg-type]
    torch.manual_seed(99)  # the state of the global generator does not matter
    assert samples.text_samples(trainer.model, trainer.source) == made  # type: ignore[arg-type]
    assert len(made) == 3
    for prompt, text in made:
        assert prompt in path.read_text().replace("\n", " ")
        assert len(text) >= 150


def test_sampling_follows_the_temperature() -> None:
    model = random_model(block_size=4, vocab_size=5)
    ids = torch.tensor([[1, 2]]).expand(20000, 2)
    drawn = samples.continued(model, ids, 1, torch.Generator().manual_seed(0))[:, 2]
    wanted = (model(ids[:1])[0][0, -1] / 0.8).softmax(-1)
    torch.testing.assert_close(drawn.bincount(minlength=5) / 20000, wanted.detach(), atol=0.015, rtol=0)
    assert samples.continued(model, ids[:1], 1)[0, 2] == wanted.argmax()
    assert samples.continued(model, ids[:1], 9).shape == (1, 11)  # beyond the context, its last tokens count


def test_a_sample_cannot_end_its_own_block(tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "text_samples", lambda *_: [("a", "````\n# no title"), ("b", "``")])
    _, _, card = exported(small(tmp_path, text, export=tmp_path / "model", steps=1))
    block = card.split("not selected:\n\n")[1].split("\n\n`loss.csv`")[0]
    assert block.startswith("`````\n") and block.endswith("\n`````")


SORT: dict[str, Any] = {"block_size": 5, "n_layer": 2, "n_embd": 32, "batch_size": 32, "learning_rate": 1e-2}


def test_the_card_of_the_sorting_task(tmp_path: Path) -> None:
    settings = small(tmp_path, "sort", export=tmp_path / "model", dropout=0.0, steps=120, **SORT)
    trainer, ckpt, card = exported(settings)
    right = 0
    for inputs in trainer.source.task.inputs.tolist():  # type: ignore[attr-defined]
        ids = list(inputs)
        while len(ids) < 6:
            ids.append(int(ckpt.model(torch.tensor([ids]))[0][0, -1].argmax()))
        right += ids[3:] == sorted(inputs)
    assert right == 27, "this training is too short"
    assert card.splitlines()[2].startswith("Sorts 3 letters: all 27 inputs come out sorted. A GPT of 2 layers")
    found = evaluate.whole_split(ckpt.model, trainer.source, "val")
    assert (
        f"{100 * found['accuracy']:.2f} % of the targets that the rule decides are predicted, loss {found['loss']:.4f}"
        in card
    )
    assert "the examples are generated" in card
    assert "90 %" not in card
    assert "Its continuations of" not in card
    assert (tmp_path / "model" / "loss.csv").read_text().startswith("step,loss,train_loss,val_loss,val_accuracy,lr")
    untrained = random_model(vocab_size=3, block_size=5)
    assert samples.sorted_inputs(untrained, trainer.source.task) < 27  # type: ignore[attr-defined]


def test_the_card_of_the_induction_task(tmp_path: Path) -> None:
    settings = small(tmp_path, "induction", export=tmp_path / "model", steps=2, n_layer=2, vocab_size=20)
    trainer, ckpt, card = exported(settings)
    task = trainer.source.task  # type: ignore[attr-defined]
    assert isinstance(task, Induction)
    scores = head_scores(ckpt.model, rows=64, seed=3)
    for kind in ("induction", "previous"):
        layer, head = (scores[kind] == scores[kind].max()).nonzero()[0].tolist()
        assert f"{scores[kind].max():.3f} (head {layer}.{head})" in card
    x, y = task.examples(256, 8, torch.Generator().manual_seed(3))
    right = (ckpt.model(x, y)[0].argmax(-1) == y)[:, 8:].double().mean().item()
    assert f"| repeated tokens, halves of 8 | {100 * right:.2f} % predicted, in 256 fresh sequences |" in card


def test_snapshots_are_shipped_and_older_ones_are_not(tmp_path: Path, text: Path) -> None:
    target = tmp_path / "model"
    exported(small(tmp_path, text, "first", export=target, steps=4, snapshots=(1, 2)))
    (target / "notes.txt").write_text("mine")
    _, ckpt, _ = exported(small(tmp_path, text, "second", export=target, steps=4, snapshots=(3,), n_embd=32))
    found = snapshots(target)
    assert [snapshot.step for snapshot in found] == [3, 4]
    assert sorted(path.name for path in (target / "snapshots").iterdir()) == [
        "0000003.safetensors",
        "0000004.safetensors",
        "index.jsonl",
    ]
    assert load_snapshot(ckpt, found[0]).config.n_embd == 32
    assert (target / "notes.txt").read_text() == "mine"  # `save` leaves other files alone
    exported(small(tmp_path, text, "third", export=target, steps=2))
    assert snapshots(target) == ()
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".") or path.suffix == ".part"]
    assert native.is_ours(target)


def test_another_folder_is_not_touched(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model" / "snapshots").mkdir(parents=True)
    (tmp_path / "model" / "snapshots" / "photo.jpg").write_text("mine")
    assert main([*options(tmp_path / "run", text, steps=1), "--export", str(tmp_path / "model")]) == 1
    assert "is not replaced" in capsys.readouterr().err
    assert (tmp_path / "model" / "snapshots" / "photo.jpg").read_text() == "mine"


def test_a_finished_run_is_exported_without_training(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(small(tmp_path, text, steps=3)).run()
    before = (tmp_path / "run" / "last.pt").read_bytes()
    monkeypatch.setattr(Trainer, "_train_step", lambda *_: pytest.fail("there is nothing to train"))
    assert main(["--resume", "--out", str(tmp_path / "run"), "--export", str(tmp_path / "model")]) == 0
    assert (tmp_path / "run" / "last.pt").read_bytes() == before
    card = (tmp_path / "model" / "README.md").read_text()
    (made,) = [line for line in card.splitlines() if line.startswith("python -m gptcore.train")]
    assert "--resume" not in made
    settings = parse(made.split()[3:], lambda out: pytest.fail("it is no resume"))
    assert settings == resumed(tmp_path / "run").__class__(
        **{**vars(resumed(tmp_path / "run")), "export": tmp_path / "model", "resume": False}
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data": "sort", "bias": True, "tie_weights": False, "snapshots": (0, 5)},
        {"data": "my text.txt", "tokenizer": "bpe", "snapshot_every": 9, "dropout": 0.0},
        {"init_from": "shakespeare-char", "block_size": 64},
    ],
)
def test_the_command_makes_the_same_settings(changes: dict[str, Any]) -> None:
    import shlex

    settings = Settings(out=Path("runs/a"), **changes)
    made = shlex.split(command(settings))
    assert made[:3] == ["python", "-m", "gptcore.train"]
    assert parse(made[3:], lambda out: pytest.fail("it is no resume")) == settings


def test_training_goes_on_from_another_checkpoint(tmp_path: Path, text: Path) -> None:
    """Sizes, vocabulary and weights come from the checkpoint, with a shorter context; a resume does not need it."""
    original = random_model(block_size=32, vocab_size=29, n_layer=2, n_embd=16, bias=False, activation="gelu_tanh")
    tokenizer = CharTokenizer("".join(sorted(set("abcdefghijklmnopqrstuvwxyz; "))))
    gptcore.save(gptcore.Checkpoint(original, tokenizer, original.config), tmp_path / "old")
    settings = small(
        tmp_path, text, init_from=str(tmp_path / "old"), steps=4, n_layer=7, export=tmp_path / "model", dropout=0.1
    )
    trainer = Trainer(settings)
    assert (trainer.config.n_layer, trainer.config.activation, trainer.config.vocab_size) == (2, "gelu_tanh", 29)
    assert (trainer.config.block_size, trainer.config.dropout) == (16, 0.1)
    start = trainer.model.state_dict()
    assert torch.equal(start["transformer.wpe.weight"], original.state_dict()["transformer.wpe.weight"][:16])
    assert torch.equal(start["transformer.h.1.mlp.c_fc.weight"], original.transformer.h[1].mlp.c_fc.weight)
    stops = iter([False, True])
    assert not trainer.run(lambda: next(stops))
    (tmp_path / "old").rename(tmp_path / "gone")
    again = Trainer(resumed(settings.out))
    again.run()
    export(again)
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"| trained from | {tmp_path / 'old'} |" in card
    assert f"--init-from {tmp_path / 'old'}" in card
    assert "A GPT of 2 layers" in card
    for made in (settings.out, tmp_path / "model"):  # the card does not list options that had no effect
        told = gptcore.load(made).info["train_config"]
        assert told["dropout"] == 0.1
        assert not {"n_layer", "tokenizer", "activation"} & set(told)
    (tmp_path / "gone").rename(tmp_path / "old")
    whole = small(tmp_path, text, "whole", init_from=str(tmp_path / "old"), steps=4, n_layer=7, dropout=0.1)
    Trainer(whole).run()
    assert same_weights(settings.out, whole.out)
    assert not torch.equal(weights(whole.out)["transformer.wpe.weight"], start["transformer.wpe.weight"][:0])


def test_what_cannot_be_trained_on_is_said(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original = random_model(block_size=8, vocab_size=3, n_embd=16)
    gptcore.save(gptcore.Checkpoint(original, CharTokenizer("abc"), original.config), tmp_path / "old")
    begin = ["--out", str(tmp_path / "run"), "--init-from", str(tmp_path / "old")]
    assert main([*begin, "--data", str(text)]) == 1
    assert "which this vocabulary of 3 characters does not have" in capsys.readouterr().err
    assert main([*begin, "--data", str(text), "--block-size", "16"]) == 1
    assert "has 8 positions, and 16 were asked for; give at most 8" in capsys.readouterr().err
    assert main([*begin, "--data", "sort", "--block-size", "5"]) == 1
    assert "the task sort has its own letters, 'ABC'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_shipped_model_is_trained_on_with_its_own_context(tmp_path: Path, shakespeare: gptcore.Checkpoint) -> None:
    path = tmp_path / "t.txt"
    path.write_text("To be, or not to be, that is the question. " * 100)
    settings = small(tmp_path, path, init_from="shakespeare-char", block_size=0, steps=1, batch_size=1, eval_windows=1)
    assert Trainer(settings).run()
    assert gptcore.load(settings.out).config.block_size == shakespeare.config.block_size == 256
