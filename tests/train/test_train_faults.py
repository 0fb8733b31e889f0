"""Faults during training: kills at any moment, a full disk, NaN, data that cannot be trained on."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import gptcore
from gptcore.checkpoint.snapshots import snapshots
from gptcore.train import finite
from gptcore.train.__main__ import main
from gptcore.train.loop import Trainer
from gptcore.train.training_folder import TrainingFolder
from gptcore.whole_file import write_whole
from tests.conftest import random_model
from tests.training import a_text, ended, forked, metrics, options, resumed, same_weights, small, train, until, weights


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return a_text(tmp_path)


def last_step(out: Path) -> int:
    return max((line["step"] for line in metrics(out)), default=0)


@pytest.mark.parametrize(("times", "steps"), [(2, 120), pytest.param(10, 600, marks=pytest.mark.slow)])
def test_killed_again_and_again_it_ends_as_the_uninterrupted_run(
    times: int, steps: int, tmp_path: Path, text: Path
) -> None:
    """Each kill comes at a random moment after the training has resumed; half-written files are repaired."""
    changes = {"steps": steps, "eval_interval": 7, "snapshots": (0, 3, 50, min(steps, 300)), "precision": "float32"}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    uninterrupted = forked(*options(whole, text, **changes))
    moment = random.Random(0)
    for kills in range(1, times + 1):
        begun = (parts / "settings.json").exists()
        goal = last_step(parts) + moment.randint(1, 25)
        process = forked(*(["--out", str(parts), "--resume"] if begun else options(parts, text, **changes)))
        until(lambda: last_step(parts) >= goal or not process.is_alive())  # noqa: B023 - called at once
        time.sleep(moment.uniform(0, 0.01))
        assert process.is_alive(), "it ended before it was killed: give it more steps"
        process.kill()
        process.join()
        if kills == 4:  # as a kill can leave them, but seldom does in a test
            for file in (parts / "metrics.jsonl", parts / "snapshots" / "index.jsonl"):
                with file.open("a") as opened:
                    opened.write('{"step": 5')
            (parts / "last.pt.77.part").write_bytes(b"half")
            (parts / "snapshots" / "0000300.safetensors.77.part").write_bytes(b"half")
    resumed_once_more = forked("--out", str(parts), "--resume")
    for process in (resumed_once_more, uninterrupted):
        process.join()
        assert process.exitcode == 0
    assert metrics(parts) == metrics(whole)
    assert same_weights(parts, whole)
    assert [(s.step, s.sha256, s.losses, s.heads) for s in snapshots(parts)] == [
        (s.step, s.sha256, s.losses, s.heads) for s in snapshots(whole)
    ]
    assert sorted(path.relative_to(parts) for path in parts.rglob("*")) == sorted(
        path.relative_to(whole) for path in whole.rglob("*")
    )
    assert all(torch.equal(weights(parts, "best.pt")[n], t) for n, t in weights(whole, "best.pt").items())


def test_killed_before_its_first_save_it_begins_again(tmp_path: Path, text: Path) -> None:
    settings = small(tmp_path, text, steps=4)
    Trainer(settings)
    TrainingFolder(settings.out).log({"step": 0, "val_loss": 1.0})
    assert Trainer(resumed(settings.out)).run()
    assert [line["step"] for line in metrics(settings.out)] == [0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("what", ["last.pt", "best.pt", "metrics.jsonl", "snapshots"])
def test_a_full_disk_keeps_the_last_save(
    what: str, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk is full from step 20 on, for one of the files."""
    out = tmp_path / "run"
    full = OSError(errno.ENOSPC, "No space left on device", what)
    write, log = write_whole, TrainingFolder.log

    def written(path: Path, content: object) -> None:
        if what in str(path) and (out / "last.pt").exists() and len(metrics(out)) > 15:
            raise full
        write(path, content)  # type: ignore[arg-type]

    def logged(self: TrainingFolder, line: dict[str, object]) -> None:
        if what == "metrics.jsonl" and line["step"] == 20:
            with self.metrics.open("a") as file:
                file.write('{"step": 20, "lo')
            raise full
        log(self, line)

    with monkeypatch.context() as patch:
        for module in ("training_folder", "snapshots"):
            patch.setattr(f"gptcore.train.{module}.write_whole", written)
        patch.setattr(TrainingFolder, "log", logged)
        assert main(options(out, text, snapshots=(20,))) == 1
    errors = capsys.readouterr().err
    assert "error: the disk is full ([Errno 28] No space left on device" in errors
    assert "Make room, then continue with: python -m gptcore.train" in errors
    assert torch.load(out / "last.pt", weights_only=True)["iter_num"] == 0
    assert not list(out.rglob("*.part"))
    assert main(["--out", str(out), "--resume"]) == 0
    whole = small(tmp_path, text, "whole", snapshots=(20,))
    Trainer(whole).run()
    assert metrics(out) == metrics(whole.out)
    assert same_weights(out, whole.out)


LIMITED = """
import resource, sys
from gptcore.train.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


def test_a_file_that_cannot_grow_is_one_sentence(tmp_path: Path, text: Path) -> None:
    """A real limit: the operating system refuses the bytes while PyTorch writes last.pt."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY, "this test needs to set a limit"
    command = [sys.executable, "-c", LIMITED, "8000", *options(tmp_path / "run", text, steps=2)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "error: the disk is full ([Errno 27] File too large" in run.stderr
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left == {"metrics.jsonl", "run.lock", "settings.json", "tokenizer.json"}


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="mounts a small disk")
def test_a_real_disk_that_fills_up(tmp_path: Path, text: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        process = train(*options(disk / "run", text, steps=200, snapshot_every=5, eval_interval=1))
        status, _, errors = ended(process)
        assert status == 1
        assert "error: the disk is full ([Errno 28] No space left on device" in errors
        assert "Traceback" not in errors
        saved = gptcore.load(disk / "run" / "last.pt")
        assert all(parameter.isfinite().all() for parameter in saved.model.parameters())
        (disk / "run" / "best.pt").unlink()  # makes room
        assert resumed(disk / "run").steps == 200
        assert Trainer(resumed(disk / "run", "--steps", str(saved.info["iter_num"]))).step == saved.info["iter_num"]
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("interval", [5, 1])
def test_nan_stops_and_keeps_what_was_good(
    interval: int, tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A far too large learning rate: the second step sees weights of 1e30."""
    out = tmp_path / "run"
    reason = {"learning_rate": 1e30, "min_learning_rate": 1e30, "eval_interval": interval, "precision": "float32"}
    assert main(options(out, text, warmup_steps=0, snapshots=(1 if interval == 1 else 2,), **reason)) == 1
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    assert "continue from the last save with a smaller learning rate" in errors.lower()
    if interval == 5:
        assert "not finite at step 2 " in errors
        assert "the largest gradient is that of transformer." in errors
        assert "with norm nan" in errors or "with norm inf" in errors
    else:
        assert "val_loss is" in errors or "train_loss is" in errors
        assert "after step 1" in errors
    for file in ("last.pt", "best.pt"):
        assert torch.load(out / file, weights_only=True)["iter_num"] == 0
        assert all(tensor.isfinite().all() for tensor in weights(out, file).values())
    assert snapshots(out) == ()
    assert main(["--out", str(out), "--resume", "--learning-rate", "1e-3", "--min-learning-rate", "1e-4"]) == 0


def test_the_first_bad_step_and_the_largest_gradient_are_named() -> None:
    """On a GPU, norms are checked only every few steps."""
    model = random_model()
    gradients = dict(model.named_parameters())
    for parameter in gradients.values():
        parameter.grad = torch.zeros_like(parameter)
    gradients["transformer.h.0.ln_1.weight"].grad[0] = 2.0  # type: ignore[index]
    gradients["transformer.h.1.mlp.c_fc.weight"].grad[0, :2] = torch.tensor([3.0, 4.0])  # type: ignore[index]
    norms = finite.Norms()
    for norm in (1.0, float("inf"), 1.0, float("nan")):
        norms.add(torch.tensor(norm))
    told = r"at step 5 \(loss 2\); the largest gradient is that of transformer.h.1.mlp.c_fc.weight, with norm 5$"
    with pytest.raises(finite.NotFiniteError, match=told):
        norms.look(7, torch.tensor(2.0), model)
    norms.add(torch.tensor(6.0))
    assert norms.look(8, torch.tensor(2.0), model) == (2.0, 6.0)  # each norm is checked once
    norms.add(torch.tensor(6.0))
    gradients["transformer.wpe.weight"].grad[1] = float("nan")  # type: ignore[index]
    with pytest.raises(
        finite.NotFiniteError, match=r"at step 9 \(loss inf\); .* that of transformer.wpe.weight, with norm nan"
    ):
        norms.look(9, torch.tensor(float("inf")), model)


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, text: Path) -> None:
    """Stopped between two evaluations: no check has seen the weights after the last update."""
    trainer = Trainer(small(tmp_path, text))

    def stop() -> bool:
        if trainer.step == 3:
            with torch.no_grad():
                trainer.model.transformer.ln_f.weight[0] = float("nan")
        return trainer.step == 3

    with pytest.raises(ValueError, match=r"ln_f.weight has weights that are not finite after step 3"):
        trainer.run(stop)
    assert torch.load(trainer.folder.last, weights_only=True)["iter_num"] == 0


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, text: Path) -> None:
    out = tmp_path / "run"
    process = train(*options(out, text, accumulate=100_000))  # the first step takes minutes
    until((out / "last.pt").exists)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("stopping after this step" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    status, output, errors = ended(process)
    assert status == 130
    assert "saved" not in output
    assert "Traceback" not in errors


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
        (["--out", "{tmp}/a", "--data", "{one}", "--block-size", "16"], "give more text or a smaller block_size"),
        (["--out", "{tmp}/a", "--data", "{empty}"], "is empty"),
        (
            ["--out", "{tmp}/a", "--data", "{text}", "--tokenizer", "bpe", "--vocab-size", "5000"],
            "ask for fewer, or give more text",
        ),
        (["--out", "{tmp}/a", "--data", "{text}", "--init-from", "no-such-model"], "there is no file or folder"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text("a line\n")
    (tmp_path / "empty.txt").write_text("")
    files = {"one": tmp_path / "one.txt", "empty": tmp_path / "empty.txt", "tmp": tmp_path, "text": text}
    assert main([argument.format(**files) for argument in arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert sentence in errors


def test_a_damaged_save_is_one_sentence(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, text, steps=1)
    Trainer(settings).run()
    (settings.out / "last.pt").write_bytes((settings.out / "last.pt").read_bytes()[:3000])
    assert main(["--out", str(settings.out), "--resume"]) == 1
    assert "error: cannot resume from" in capsys.readouterr().err


def test_a_wrong_option_is_told_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--steps", "--snapshot-every"):
        try:
            status: object = main(["--out", str(tmp_path / "a"), option, "-1" if option == "--snapshot-every" else "0"])
        except SystemExit as stop:
            status = stop.code
        assert status in (1, 2)  # tyro 1.0 leaves the sentence to us, later releases write it themselves
        assert "must be" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
