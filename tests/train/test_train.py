"""The trainer: it learns, it resumes exactly, it stops when asked, it reports, and its folder can be read."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import gptcore
from gptcore.analysis.head_scores import KINDS, head_scores
from gptcore.checkpoint.snapshots import load_snapshot, snapshots
from gptcore.train import snapshots as written
from gptcore.train.__main__ import main
from gptcore.train.loop import Trainer
from gptcore.train.training_folder import TrainingFolder
from tests.training import a_text, ended, metrics, options, resumed, same_weights, small, train, until, weights


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return a_text(tmp_path)


def test_it_learns(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=150, learning_rate=1e-2)
    assert Trainer(settings).run()
    evaluations = [line for line in metrics(settings.out) if "val_loss" in line]
    assert evaluations[0]["val_loss"] > 2.5
    assert evaluations[-1]["val_loss"] < 1.5
    checkpoint = gptcore.load(settings.out / "best.pt")
    assert checkpoint.info["best_val_loss"] == min(line["val_loss"] for line in evaluations)
    assert checkpoint.tokenizer.decode(checkpoint.tokenizer.encode("the cat")) == "the cat"


@pytest.mark.parametrize("changes", [{"precision": "float32"}, {"precision": "bfloat16", "snapshots": (0, 7, 20)}])
def test_a_resumed_run_is_the_same_run(tmp_path: Path, text: Path, changes: dict[str, object]) -> None:
    whole = small(tmp_path, text, "whole", **changes)
    Trainer(whole).run()
    parts = small(tmp_path, text, "parts", **changes)
    stops = iter([False] * 12 + [True])
    assert not Trainer(parts).run(lambda: next(stops))  # stopped between two evaluations
    assert metrics(parts.out)[-1]["step"] == 13
    TrainingFolder(parts.out).log({"step": 14, "loss": 99.0})  # a repeated step counts once
    assert Trainer(resumed(parts.out)).run()
    assert metrics(parts.out) == metrics(whole.out)
    assert same_weights(parts.out, whole.out)
    assert [s.step for s in snapshots(parts.out)] == [s.step for s in snapshots(whole.out)]
    assert [s.sha256 for s in snapshots(parts.out)] == [s.sha256 for s in snapshots(whole.out)]


def test_a_worse_evaluation_after_a_resume_is_not_the_best(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=4, eval_interval=2)
    stops = iter([False, False, True])
    Trainer(settings).run(lambda: next(stops))
    state = torch.load(settings.out / "last.pt", weights_only=True)
    torch.save({**state, "best_val_loss": 0.5}, settings.out / "last.pt")
    best = (settings.out / "best.pt").read_bytes()
    assert Trainer(resumed(settings.out)).run()
    assert (settings.out / "best.pt").read_bytes() == best
    assert torch.load(settings.out / "last.pt", weights_only=True)["best_val_loss"] == 0.5


def test_resumed_before_the_first_step_its_evaluation_counts_once(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=3)
    trainer = Trainer(settings)
    trainer._train_step = lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    Trainer(resumed(settings.out)).run()
    assert [line["step"] for line in metrics(settings.out)] == [0, 1, 2, 3, 3]


def test_accumulation_is_one_large_batch(tmp_path: Path, text: Path) -> None:
    """Two halves of a batch, drawn one after the other, have the mean loss and gradient of the whole."""
    halves = Trainer(small(tmp_path, text, "halves", accumulate=2, dropout=0.0, precision="float32"))
    whole = Trainer(small(tmp_path, text, "whole", batch_size=8, dropout=0.0, precision="float32"))
    whole_draw = halves.source.batch

    def both(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        (x1, y1), (x2, y2) = (whole_draw(rows // 2, generator) for _ in range(2))
        return torch.cat([x1, x2]), torch.cat([y1, y2])

    whole.source.batch = both  # type: ignore[method-assign]
    losses = [trainer._backward(torch.Generator().manual_seed(0)).item() for trainer in (halves, whole)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for a, b in zip(halves.model.parameters(), whole.model.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=1e-5)


def test_metrics_tell_the_gradient_before_it_is_clipped(tmp_path: Path, text: Path) -> None:
    free, clipped = (small(tmp_path, text, name, grad_clip=c, steps=1) for name, c in (("a", 0.0), ("b", 1e-3)))
    for settings in (free, clipped):
        Trainer(settings).run()
    (a,), (b,) = ([line["grad_norm"] for line in metrics(s.out) if "grad_norm" in line] for s in (free, clipped))
    assert a == b > 1e-2
    assert not same_weights(free.out, clipped.out)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path, text: Path) -> None:
    out = tmp_path / "run"
    process = train(*options(out, text, steps=1000000, eval_interval=1000000))
    until(lambda: len(TrainingFolder(out).read_metrics()) >= 3)
    process.send_signal(signal.SIGINT)
    status, output, errors = ended(process)
    assert status == 130, errors
    assert f"continue with: python -m gptcore.train --out {out} --resume" in output
    assert "Traceback" not in errors
    saved = torch.load(out / "last.pt", weights_only=True)
    assert saved["iter_num"] >= 2
    assert metrics(out)[-1]["step"] == saved["iter_num"]
    assert gptcore.load(out / "last.pt").info["iter_num"] == saved["iter_num"]


def test_the_folder_of_a_run_is_not_overwritten(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, text)
    Trainer(settings)
    TrainingFolder(settings.out).log({"step": 1})
    assert main(["--out", str(settings.out), "--data", str(text), "--block-size", "16"]) == 1
    assert "holds a training already; add --resume" in capsys.readouterr().err


def test_another_model_is_not_resumed_into(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, text, steps=2)
    Trainer(settings).run()
    assert main(["--out", str(settings.out), "--resume", "--n-embd", "32"]) == 1
    assert "keep the data and the model's sizes as they were" in capsys.readouterr().err


def test_byte_pairs_are_not_learnt_again(tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = small(tmp_path, text, tokenizer="bpe", vocab_size=270, steps=4)
    stops = iter([False, True])
    Trainer(settings).run(lambda: next(stops))
    monkeypatch.setattr("gptcore.data.source.train_bpe", lambda *_: pytest.fail("the run has its vocabulary"))
    assert Trainer(resumed(settings.out)).run()


def test_a_run_folder_opens_while_it_is_written(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=2, learning_rate=1e-2)
    trainer = Trainer(settings)
    with pytest.raises(gptcore.CheckpointError, match="has no weights yet; wait for its first evaluation"):
        gptcore.load(settings.out)
    trainer.run()
    best, last = settings.out / "best.pt", settings.out / "last.pt"
    (settings.out / "last.pt.1.part").write_bytes(b"half")
    assert gptcore.load(settings.out).info["source"] == str(best)
    best.unlink()
    assert gptcore.load(settings.out).info["source"] == str(last)


def test_snapshots_hold_the_weights_of_their_step(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=6, snapshots=(3,), snapshot_every=4, export_dtype="float32")
    Trainer(settings).run()
    found = snapshots(settings.out)
    assert [snapshot.step for snapshot in found] == [0, 3, 4, 6]
    assert len({snapshot.sha256 for snapshot in found}) == 4
    shown = load_snapshot(gptcore.load(settings.out), found[-1])
    last = weights(settings.out)
    assert all(torch.equal(tensor, last[name]) for name, tensor in shown.model.state_dict().items())
    assert found[-1].losses["val_loss"] == metrics(settings.out)[-1]["val_loss"]
    assert len(found[0].heads["induction"][0]) == 2


def test_snapshots_of_steps_that_will_be_done_again_are_dropped(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=6, snapshots=(0, 3, 5))
    Trainer(settings).run()
    state = torch.load(settings.out / "last.pt", weights_only=True)
    torch.save({**state, "iter_num": 4}, settings.out / "last.pt")
    Trainer(resumed(settings.out))
    assert [snapshot.step for snapshot in snapshots(settings.out)] == [0, 3]
    names = ["0000000.safetensors", "0000003.safetensors", "index.jsonl"]
    assert sorted(path.name for path in (settings.out / "snapshots").iterdir()) == names


def test_snapshots_do_not_change_the_training(tmp_path: Path, text: Path) -> None:
    plain, kept = small(tmp_path, text, "a", steps=6), small(tmp_path, text, "b", steps=6, snapshots=(0, 2, 3))
    for settings in (plain, kept):
        Trainer(settings).run()
    assert same_weights(plain.out, kept.out)


def test_a_snapshot_copies_no_weights_and_leaves_no_hooks(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[gptcore.GPT] = []

    def scores(model: gptcore.GPT, **options: Any) -> dict[str, torch.Tensor]:
        measured.append(model)
        assert options == {"kinds": KINDS}
        return head_scores(model, **options)

    monkeypatch.setattr(written, "head_scores", scores)
    trainer = Trainer(small(tmp_path, text, steps=1, dropout=0.1, snapshots=(1,)))
    trainer.run()
    assert not any(module._forward_hooks for module in trainer.model.modules())
    assert trainer.model.training
    for model in measured:
        assert not model.training
        for mine, theirs in zip(model.parameters(), trainer.model.parameters(), strict=True):
            assert mine.data_ptr() == theirs.data_ptr()
    assert len(measured) == 1


def test_tensorboard_is_told_the_same(tmp_path: Path, text: Path) -> None:
    """TensorBoard's own reader shows repeated steps of a resumed training once."""
    settings = small(tmp_path, text, steps=4, eval_interval=2, tensorboard=True)
    stops = iter([False, False, True])
    assert not Trainer(settings).run(lambda: next(stops))
    saved = torch.load(settings.out / "last.pt", weights_only=True)
    torch.save({**saved, "iter_num": 2}, settings.out / "last.pt")  # as if killed after step 3
    assert Trainer(resumed(settings.out)).run()
    events = EventAccumulator(str(settings.out / "tensorboard")).Reload()
    told = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    lines = TrainingFolder(settings.out).read_metrics()
    wanted = {
        name: [(line["step"], pytest.approx(line[name], rel=1e-6)) for line in lines if name in line]
        for name in set().union(*lines) - {"step", "seconds"}  # it notes the time of each by itself
    }
    assert {"loss", "lr", "tokens_per_s", "grad_norm", "train_loss", "val_loss"} == wanted.keys()
    assert [step for step, _ in wanted["loss"]] == [1, 2, 3, 4]
    assert told == wanted


def test_without_tensorboard_nothing_is_missed(tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert Trainer(small(tmp_path, text, steps=1, tensorboard=True)).run()


@pytest.mark.slow
def test_compiled_it_trains_the_same_model(tmp_path: Path, text: Path) -> None:
    """Compiled in a new process, with snapshots, because their capturing leaves hooks."""
    changes = {"steps": 3, "dropout": 0.0, "precision": "float32", "snapshot_every": 2}
    compiled = train(*options(tmp_path / "on", text, compile="on", **changes))
    Trainer(small(tmp_path, text, "off", compile="off", **changes)).run()
    status, _, errors = ended(compiled)
    assert status == 0, errors
    a, b = weights(tmp_path / "on"), weights(tmp_path / "off")
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-4, rtol=0)
