"""Only one training writes to a folder at a time: a second one is refused, and a killed one blocks nobody."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from gptcore.train import training_folder
from gptcore.train.__main__ import main
from gptcore.train.loop import Trainer
from gptcore.train.training_folder import TrainingError, TrainingFolder
from tests.training import a_text, metrics, options, resumed, small, train, until


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(training_folder, "PATIENCE", 0.1)
    return a_text(tmp_path)


def test_a_second_training_is_turned_away_and_a_killed_one_is_not_in_its_way(
    tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    process = train(*options(out, text, steps=1000000, eval_interval=5))
    until(lambda: (out / "last.pt").exists() and len(metrics(out)) > 8)
    for command in (["--out", str(out), "--resume", "--steps", "7"], options(out, text)):
        before = len(metrics(out))
        assert main(command) == 1
        assert capsys.readouterr().err == (
            f"error: another training is writing to {out}; wait until it ends, stop it, or choose another --out\n"
        )
        assert len(metrics(out)) >= before
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    last = max(line["step"] for line in metrics(out))
    assert main(["--out", str(out), "--resume", "--steps", str(last + 1)]) == 0
    assert metrics(out)[-1]["step"] == last + 1


def test_another_may_go_on_when_one_has_ended_or_could_not_begin(tmp_path: Path, text: Path) -> None:
    """In one process, with everything left of the first training, the frames of an error included."""
    ended = Trainer(small(tmp_path, text, steps=2))
    ended.run()
    with pytest.raises(TrainingError, match="holds a training already") as again:
        Trainer(small(tmp_path, text))
    with pytest.raises(TrainingError, match="keep the data and the model's sizes") as other:
        Trainer(resumed(ended.folder.path, "--n-embd", "32"))
    with pytest.raises(ValueError, match="no file") as nothing:
        Trainer(resumed(ended.folder.path, "--data", str(tmp_path / "none.txt")))
    going_on = Trainer(resumed(ended.folder.path, "--steps", "3"))
    with pytest.raises(TrainingError, match="another training is writing to"):
        Trainer(resumed(ended.folder.path))
    assert going_on.run()
    assert again.tb and other.tb and nothing.tb


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")])
def test_where_nothing_can_be_locked_it_says_so_and_trains(
    error: Exception, tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some network file systems raise this."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert main(options(tmp_path / "run", text, steps=2)) == 0
    told = f"could not lock {tmp_path / 'run'} ({error}); do not start another training in it"
    assert capsys.readouterr().err.count(told) == 1


@pytest.mark.skipif(os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="mounts a disk")
def test_a_disk_that_is_read_only_is_an_error_without_a_traceback(
    tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Trainer(small(tmp_path, text, steps=2)).run()
    before = TrainingFolder(tmp_path / "run").read_metrics()
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "--bind", tmp_path / "run", disk], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", disk], check=True)
        assert main(["--out", str(disk), "--resume", "--steps", "4"]) == 1
        errors = capsys.readouterr().err
        assert "Read-only file system" in errors.splitlines()[-1]
        assert errors.splitlines()[-1].startswith("error: ")
        assert "Traceback" not in errors
        assert TrainingFolder(disk).read_metrics() == before
    finally:
        subprocess.run(["umount", disk], check=True)
