"""Several real processes, started by torchrun on the CPU: the same losses as one, one writer, faults, restarts."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import gptcore
from gptcore.train.__main__ import main
from gptcore.train.distributed import Job
from gptcore.train.loop import Trainer
from gptcore.train.training_folder import TrainingError, TrainingFolder
from tests.training import a_text, ended, metrics, options, resumed, same_weights, small, train, until

EXACT: dict[str, Any] = {"dropout": 0.0, "precision": "float32"}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return a_text(tmp_path)


def workers(parent: int) -> list[int]:
    """Return the processes that a torchrun started, by rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"\nPPid:\t{parent}\n" in (folder / "status").read_text():
                entries = (folder / "environ").read_bytes().split(b"\0")
                found.update({int(entry[5:]): int(folder.name) for entry in entries if entry.startswith(b"RANK=")})
        except OSError:  # it has just ended
            continue
    return [found[rank] for rank in sorted(found)]


def same_within(a: list[dict[str, Any]], b: list[dict[str, Any]], most: float) -> bool:
    return [line.keys() for line in a] == [line.keys() for line in b] and all(
        abs(x[name] - y[name]) <= most for x, y in zip(a, b, strict=True) for name in x
    )


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        ("text", {"accumulate": 2}),  # a batch for each process
        # half the rows for each process, some targets ignored
        pytest.param("sort", {"block_size": 11}, marks=pytest.mark.slow),
    ],
)
def test_two_processes_have_the_losses_of_one_and_either_goes_on(
    data: str, changes: dict[str, Any], tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes begin and one continues; the other way round for the sorting task. The one is this process."""

    def run(processes: int, arguments: list[str]) -> str:
        if processes == 1:
            assert main(arguments) == 0
            return capsys.readouterr().out
        status, output, errors = ended(train(*arguments, processes=processes))
        assert status == 0, errors
        return output

    source = str(text) if data == "text" else data
    changes = {**EXACT, **changes, "snapshots": (10,)}
    whole = small(tmp_path, source, "whole", **changes)
    Trainer(whole).run()
    out = tmp_path / "several"
    first, then = (2, 1) if data == "text" else (1, 2)
    assert run(first, options(out, source, **{**changes, "steps": 20})).count("parameters on cpu") == 1
    assert "from step 20 on" in run(then, ["--out", str(out), "--resume", "--steps", "40"])
    # the learning rate depends on the number of steps: before step 20 it decayed to another end
    again = small(tmp_path, source, "again", **{**changes, "steps": 20})
    Trainer(again).run()
    Trainer(resumed(again.out, "--steps", "40")).run()
    assert same_within(metrics(out), metrics(again.out), 1e-5)
    assert len(metrics(out)) == len(metrics(whole.out))
    assert gptcore.load(out).info["iter_num"] == 40
    assert [line["step"] for line in metrics(out) if "val_loss" in line] == [0, 20, 40]


def test_rows_with_different_numbers_of_targets_weigh_as_in_one_process(tmp_path: Path, text: Path) -> None:
    """Three ranks share six rows; the last two rows have no targets. The test adds the gradients itself."""
    trainer = Trainer(small(tmp_path, text, batch_size=6, **EXACT))
    x, y = trainer.source.batch(6, torch.Generator().manual_seed(0))
    y = y.clone()
    y[0, 3:], y[4:] = -1, -1
    trainer.source.batch = lambda *_: (x, y)  # type: ignore[method-assign]
    found = []
    for ranks in ([Job()], [Job(rank, 3) for rank in range(3)]):
        losses = []
        for job in ranks:
            trainer.job = job
            losses.append(trainer._backward(torch.Generator()).item() / len(ranks))
        gradients = [p.grad / len(ranks) for p in trainer.model.parameters() if p.grad is not None]
        trainer.optimizer.zero_grad(set_to_none=True)
        found.append((sum(losses), gradients))
    (one, a), (three, b) = found
    assert one == pytest.approx(three, abs=1e-6)
    for mine, theirs in zip(a, b, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_a_step_that_cannot_be_shared_is_refused() -> None:
    Job(1, 3).check(accumulate=3, batch_size=4)
    Job(1, 4).check(accumulate=3, batch_size=4)
    with pytest.raises(ValueError, match="make one of the two a multiple of 3"):
        Job(1, 3).check(accumulate=2, batch_size=4)


def test_ranks_drop_different_activations(tmp_path: Path, text: Path) -> None:
    draws = []
    for rank in range(2):
        trainer = Trainer(small(tmp_path, text, f"run {rank}"))
        trainer.job = Job(rank, 2)
        generator = trainer._seed(5)
        draws.append((torch.rand(3).tolist(), torch.rand(3, generator=generator).tolist()))
    assert draws[0][0] != draws[1][0]
    assert draws[0][1] == draws[1][1]


@pytest.mark.slow
def test_a_signal_to_any_rank_stops_all_at_one_step(tmp_path: Path, text: Path) -> None:
    out = tmp_path / "run"
    process = train(*options(out, text, steps=1000000, eval_interval=1000000), processes=2)
    until(lambda: len(TrainingFolder(out).read_metrics()) >= 3)
    with pytest.raises(
        TrainingError, match="another training is writing to"
    ):  # rank 0 has locked it once, for all ranks
        TrainingFolder(out).lock()
    os.kill(workers(process.pid)[1], signal.SIGTERM)
    status, output, errors = ended(process)
    assert status == 0, errors
    assert "Traceback" not in errors
    step = torch.load(out / "last.pt", weights_only=True)["iter_num"]
    assert f"saved at step {step}; continue with: python -m gptcore.train --out {out} --resume" in output
    assert metrics(out)[-1]["step"] == step > 0


@pytest.mark.slow
def test_an_error_is_told_once(tmp_path: Path, text: Path) -> None:
    """The error is found on every rank, or only on rank 0; torchrun adds its own report."""
    status, _, errors = ended(train(*options(tmp_path / "a", text, batch_size=3), processes=2))
    assert status != 0
    assert errors.count("error: batch_size: a step of 1 x 3 sequences") == 1
    assert "rank 1" not in errors.split("torch/distributed")[0]
    assert errors.index("error: batch_size") < errors.index("Traceback")  # torchrun's own, at the end


@pytest.mark.parametrize("victim", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_killed_worker_ends_the_job_with_a_save_to_go_on_from(victim: int, tmp_path: Path, text: Path) -> None:
    out = tmp_path / "run"
    process = train(*options(out, text, steps=1000000, eval_interval=5), processes=2)
    until(lambda: len([line for line in metrics(out) if "val_loss" in line]) >= 2)
    os.kill(workers(process.pid)[victim], signal.SIGKILL)
    status, _, errors = ended(process)
    assert status != 0
    assert f"continue with: python -m gptcore.train --out {out} --resume" in errors
    assert "Traceback" not in errors.split("torch/distributed")[0]
    saved = torch.load(out / "last.pt", weights_only=True)["iter_num"]
    assert saved % 5 == 0
    assert Trainer(resumed(out)).step == saved


@pytest.mark.slow
def test_torchrun_starts_again_and_the_job_goes_on(tmp_path: Path, text: Path) -> None:
    """The restart repeats the first command, without --resume; the end equals that of an undisturbed training."""
    changes = {**EXACT, "accumulate": 2, "steps": 150, "eval_interval": 5}
    out = tmp_path / "run"
    process = train(*options(out, text, **changes), processes=2, restarts=1)
    until(lambda: len([line for line in metrics(out) if "val_loss" in line]) >= 3)
    before = workers(process.pid)
    os.kill(before[0], signal.SIGKILL)
    status, output, errors = ended(process)
    assert status == 0, errors
    assert "from the beginning" in output
    assert output.count("from step ") == 1
    whole = tmp_path / "whole"
    assert ended(train(*options(whole, text, **changes), processes=2))[0] == 0
    assert metrics(out) == metrics(whole)
    assert same_weights(out, whole)


@pytest.mark.slow
def test_a_restart_does_not_go_on_with_another_run(tmp_path: Path, text: Path) -> None:
    """torchrun restarts after a user's error, too: the restart must not resume the older training in the folder."""
    settings = small(tmp_path, text, steps=2)
    Trainer(settings).run()
    status, _, errors = ended(train(*options(settings.out, text, n_embd=32), processes=2, restarts=1))
    assert status != 0
    assert errors.count("holds a training already; add --resume") == 2
    assert metrics(settings.out)[-1]["step"] == 2
