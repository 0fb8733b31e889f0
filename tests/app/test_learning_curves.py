"""Histories as files tell them, whatever is in them; and trainings that the app starts, as real processes."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

pytest.importorskip("plotly", reason="needs the extra `app`")
pytest.importorskip("tyro", reason="needs the extra `train`")

import gptcore
from app.panels import figures
from app.training import jobs, learning_curves, pace, plan, processes
from gptcore.checkpoint.snapshots import snapshots
from tests.browser.driver import ROOT

LINES = [
    {"step": 0, "train_loss": 1.5, "val_loss": 1.25, "val_accuracy": 0.5},
    {"step": 10, "loss": 1.0, "lr": 0.001, "tokens_per_s": 1000, "grad_norm": 0.5},
    {"step": 20, "loss": 0.5, "lr": 0.0005, "tokens_per_s": 1200, "grad_norm": 0.25},
    {"step": 20, "train_loss": 0.75, "val_loss": 0.625, "val_accuracy": 1.0},
]
TINY = ["--n-layer=1", "--n-head=1", "--n-embd=8", "--batch-size=4", "--dropout=0", "--snapshots", "0", "20"]


def written(folder: Path, raw: bytes, name: str = "metrics.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(raw)
    return folder


def as_lines(rows: list[dict[str, float]] = LINES) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


# ---- reading -----------------------------------------------------------------------------------------------------


def test_the_curves_are_the_files_numbers(tmp_path: Path) -> None:
    history = learning_curves.read(written(tmp_path, as_lines()))
    for kind in learning_curves.KINDS:
        expected = [(row["step"], row[kind]) for row in LINES if kind in row]
        found = history.curves.get(kind, learning_curves.Curve())
        assert list(zip(found.steps, found.values, strict=True)) == expected, kind
    assert (history.step, history.best, history.notices) == (20, (20, 0.625), [])


def test_a_table_tells_the_same_as_the_lines_it_was_made_of(tmp_path: Path) -> None:
    whole = learning_curves.read(written(tmp_path / "run", as_lines()))
    table = written(tmp_path / "model", learning_curves.as_table(whole).encode(), "loss.csv")
    assert learning_curves.read(table).curves == whole.curves
    shipped = gptcore.checkpoint.shipped_folder() / "shakespeare-char"
    with (shipped / "loss.csv").open() as file:
        known = [(float(row["val_loss"]), int(row["step"])) for row in csv.DictReader(file) if row["val_loss"]]
    assert learning_curves.read(shipped).best == min(known)[::-1]


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    history = learning_curves.read(written(tmp_path, as_lines() + b'{"step": 30, "loss": 0.2'))
    assert history.step == 20
    assert history.notices == []
    assert history.running  # as the file is fresh, and nothing tells how many steps there will be
    (tmp_path / "settings.json").write_text('{"steps": 20}')
    assert learning_curves.read(tmp_path).finished
    assert not learning_curves.read(tmp_path).running
    (tmp_path / "settings.json").write_text('{"steps": 40}')
    os.utime(tmp_path / "metrics.jsonl", (0, 0))
    assert not learning_curves.read(tmp_path).running  # given up long ago


def test_the_table_of_a_model_is_not_being_written(tmp_path: Path) -> None:
    history = learning_curves.read(written(tmp_path, b"step,loss,val_loss\n0,2.5,2.4\n", "loss.csv"))
    assert history.step == 0 and history.steps is None and not history.running  # however fresh the file is


def test_a_step_that_was_done_again_counts_once_and_in_its_place(tmp_path: Path) -> None:
    rows = [{"step": step, "loss": loss} for step, loss in ((10, 3.0), (20, 9.0), (10, 3.5), (20, 2.0))]
    assert learning_curves.read(written(tmp_path, as_lines(rows))).curves["loss"] == learning_curves.Curve(
        [10, 20], [3.5, 2.0]
    )


@pytest.mark.parametrize(
    ("raw", "damaged"),
    [
        (b"\0\xff\xfe\n" * 3, 3),
        (b"[" * 100_000 + b"\n", 1),
        (b'{"step": "1", "loss": 2}\n{"step": true, "loss": 2}\n{"step": -1, "loss": 2}\n{"step": 1e3}\n', 4),
        (b'"text"\n[1]\nnull\n17\n', 4),
        (b'{"step": 1' + b"0" * 5000 + b', "loss": 2}\n', 1),
    ],
)
def test_hostile_lines_are_left_out_and_told(tmp_path: Path, raw: bytes, damaged: int) -> None:
    with pytest.raises(learning_curves.CurvesError, match="none of its lines could be read"):
        learning_curves.read(written(tmp_path, raw))
    history = learning_curves.read(written(tmp_path, raw + as_lines()))
    assert history.step == 20
    assert history.notices == [f"{damaged:,} lines of metrics.jsonl could not be read and are left out."]


def test_what_is_no_number_is_no_point(tmp_path: Path) -> None:
    huge = b'{"step": 1, "loss": 1' + b"0" * 400 + b"}\n"
    raw = (
        b'{"step": 2, "loss": NaN}\n{"step": 3, "loss": -Infinity}\n{"step": 4, "loss": "x"}\n{"step": 5, "loss": 2}\n'
    )
    assert learning_curves.read(written(tmp_path, huge + raw)).curves == {"loss": learning_curves.Curve([5], [2.0])}


@pytest.mark.parametrize("raw", [b"", b"step,loss\n"])
def test_an_empty_table_has_no_curves(tmp_path: Path, raw: bytes) -> None:
    assert learning_curves.read(written(tmp_path, raw, "loss.csv")).curves == {}


@pytest.mark.parametrize("raw", [b'x\n"\n1\n', b"step,step,loss\n\0,,\n\n", b"a" * 200_000 + b"\n1\n"])
def test_hostile_tables_end_in_a_sentence(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(learning_curves.CurvesError, match="none of its lines could be read"):
        learning_curves.read(written(tmp_path, raw, "loss.csv"))


def test_little_of_a_large_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"step": step, "loss": float(step)} for step in range(5000)]
    monkeypatch.setattr(learning_curves, "MOST", 2000)
    history = learning_curves.read(written(tmp_path, as_lines(rows)))
    assert 10 < len(history.curves["loss"].steps) < 100
    assert history.step == 4999
    assert "Only the last" in history.notices[0]


@pytest.mark.parametrize("place", ["no/such/run", "a\0b", "x" * 5000, "~nobody/run", ""])
def test_no_history_is_a_sentence(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(learning_curves.CurvesError, match="give the folder of a training"):
        learning_curves.read(place)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.jsonl")  # opening it would wait for ever
    with pytest.raises(learning_curves.CurvesError, match="give the folder of a training"):
        learning_curves.read(tmp_path)


# ---- drawing -----------------------------------------------------------------------------------------------------


def test_the_plot_holds_the_files_numbers(tmp_path: Path) -> None:
    history = learning_curves.read(written(tmp_path, as_lines()))
    figure = figures.losses(history, weight=0.5, log=True, dark=False)
    traces = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}
    assert traces["batch"] == ([10, 20], [1.0, 0.5])
    assert traces["batch, smoothed"] == ([10, 20], [1.0, (1.0 * 0.5 + 0.5) / 1.5])
    assert traces["held-out"] == ([0, 20], [1.25, 0.625])
    assert traces["best held-out"] == ([20], [0.625])
    assert figure.layout.yaxis.type == "log"
    side = figures.beside(history, dark=False)
    assert side is not None
    drawn = [list(trace.y) for trace in side.data]
    assert drawn == [[0.5, 1.0], [0.001, 0.0005], [1000, 1200], [0.5, 0.25]]


def test_a_long_curve_is_thinned_to_points_of_its_own() -> None:
    curve = learning_curves.Curve(list(range(10_000)), [float(x * x) for x in range(10_000)])
    thin = curve.thinned(3000)
    assert 2000 < len(thin.steps) <= 3001
    assert (thin.steps[0], thin.steps[-1]) == (0, 9999)
    assert all(value == step * step for step, value in zip(thin.steps, thin.values, strict=True))


# ---- planning ----------------------------------------------------------------------------------------------------


def unread(out: Path) -> NoReturn:
    raise AssertionError("nothing is resumed")


@pytest.mark.parametrize("data", ["sort", "induction", "addition", plan.OWN_TEXT])
def test_what_a_plan_tells_is_what_the_trainer_makes_of_it(data: str, tmp_path: Path) -> None:
    from gptcore.train.settings import parse

    planned = plan.sizes(data)["small"]
    if data == plan.OWN_TEXT:
        (tmp_path / "text.txt").write_text("some text of mine. " * 100)
        planned = plan.Plan(**{**vars(planned), "text": "some text of mine. " * 100})
    source = str(tmp_path / "text.txt") if data == plan.OWN_TEXT else data
    arguments = [f"--out={tmp_path / 'run'}", f"--data={source}", f"--steps={planned.steps}", *planned.arguments]
    settings = parse(arguments, unread)
    made, config = vars(settings), planned.config
    for name in ("n_layer", "n_head", "n_embd", "block_size", "bias", "tie_weights", "dropout"):
        assert made[name] == getattr(config, name), name
    assert settings.snapshots == tuple(planned.snapshots)
    assert (settings.snapshots[0], settings.snapshots[-1]) == (0, planned.steps)
    assert planned.problem == ""


@pytest.mark.parametrize("data", sorted(plan.CONTEXTS))
def test_each_context_that_a_task_is_offered_can_be_trained(data: str) -> None:
    for preset in plan.sizes(data).values():
        assert preset.block_size in plan.CONTEXTS[data]
    for block_size in plan.CONTEXTS[data]:
        config = dataclasses.replace(plan.sizes(data)["small"], block_size=block_size).config
        source = gptcore.data.task_source(data, block_size, config.vocab_size)
        assert source.tokenizer.vocab_size == config.vocab_size
        assert plan.task_of(source.tokenizer, config) == data


def test_memory_and_time_grow_with_the_model() -> None:
    small, medium = plan.sizes("sort").values()
    assert plan.memory(medium) > plan.memory(small) > 16 * 80_000
    speed = plan.probe(small.config, small.batch_size, "sort")
    assert plan.seconds(small) > small.steps * speed.step > 0


def test_what_the_machine_has_no_room_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan.sizes("sort")["small"]
    monkeypatch.setattr(plan, "free_memory", lambda: plan.memory(planned))
    assert plan.too_large(planned) == ""
    monkeypatch.setattr(plan, "free_memory", lambda: plan.memory(planned) - 1)
    assert "shorter context" in plan.too_large(planned)
    monkeypatch.undo()
    assert 0 < plan.free_memory() <= psutil.virtual_memory().total


def test_a_text_that_is_too_short_or_too_long_is_told_before() -> None:
    planned = plan.sizes(plan.OWN_TEXT)["small"]
    assert "There is no text yet: paste at least 650 characters" in planned.problem
    some = plan.Plan(**{**vars(planned), "text": "a" * 9})
    assert "has 9 characters" in some.problem
    longer = plan.Plan(**{**vars(planned), "text": "a" * (plan.MOST_TEXT + 1)})
    assert "at most" in longer.problem


def test_an_example_is_what_training_asks_for() -> None:
    sort = plan.sizes("sort")["small"].config
    source = gptcore.data.task_source("sort")
    ids, targets = plan.example("sort", source.tokenizer, sort, seed=3)
    assert targets[:5] == [None] * 5
    assert targets[5:] == sorted(ids[:6])
    assert plan.first_asked("sort", sort) == 5
    for data in ("induction", "addition"):
        config = plan.sizes(data)["small"].config
        _, targets = plan.example(data, gptcore.data.task_source(data).tokenizer, config)
        first = plan.first_asked(data, config)
        assert [target is None for target in targets] == [position < first for position in range(len(targets))]
    assert plan.task_of(source.tokenizer, sort) == "sort"
    text = gptcore.load("shakespeare-char")
    assert plan.task_of(text.tokenizer, text.config) is None


# ---- the time that is left ---------------------------------------------------------------------------------------

BATCH = {"batch_size": 4, "accumulate": 2, "block_size": 8}


def left(
    folder: Path, paces: list[float], *, steps: int, began_at: int = 0, look: float = 0.0, **settings: Any
) -> float:
    """The estimate after steps that took so long each, with evaluations that took `look`."""
    settings = {"eval_interval": 100, "snapshots": [0, 5], **BATCH, **settings}
    rows = [{"step": began_at + i, "loss": 1.0, "tokens_per_s": 64 / pace} for i, pace in enumerate(paces, 1)]
    (written(folder, as_lines(rows)) / "settings.json").write_text(json.dumps(settings))
    looks = [step for step in {0, 5, *range(0, steps, 100)} if began_at <= step <= began_at + len(paces)]
    looks = [step for step in looks if not began_at or step > began_at]
    elapsed = sum(paces) + look * len(looks)
    found = pace.seconds_left(learning_curves.read(folder), steps, began_at, elapsed)
    assert found is not None
    return found


def test_after_ten_steps_the_rest_is_known_also_where_evaluations_take_long(tmp_path: Path) -> None:
    """Two evaluations of 3 s each are behind; nine at later steps, and the last, are to come."""
    assert left(tmp_path, [0.01] * 10, steps=1000, look=3.0) == pytest.approx(990 * 0.01 + 10 * 3.0)


@pytest.mark.parametrize("seed", range(5))
def test_on_a_busy_machine_it_is_right_within_a_factor_of_two(tmp_path: Path, seed: int) -> None:
    """Steps of very different length: others compute at the same time, now and then for long."""
    chance = random.Random(seed)
    took = [
        0.1 * chance.choice([1, 1, 1, 1.3, 1.6, 2, 2.5]) * (10 if chance.random() < 0.01 else 1) for _ in range(400)
    ]
    for after in (10, 20, 50, 100, 200, 300):
        ratio = left(tmp_path, took[:after], steps=400) / sum(took[after:])
        assert 0.5 < ratio < 2, after


def test_a_busy_phase_is_forgotten_when_it_is_over(tmp_path: Path) -> None:
    calm, busy = [0.1] * 100, [1.0] * 100
    assert left(tmp_path, calm, steps=1000) == pytest.approx(90)
    assert left(tmp_path, calm + busy[:5], steps=1000) == pytest.approx(89.5)  # a moment
    assert left(tmp_path, calm + busy, steps=1000) == pytest.approx(800)  # it may well go on
    assert left(tmp_path, calm + busy + calm[:15], steps=1000) == pytest.approx(78.5)


def test_a_training_that_was_resumed_counts_from_there(tmp_path: Path) -> None:
    assert left(tmp_path, [0.2] * 50, steps=1000, began_at=500) == pytest.approx(450 * 0.2)
    history = learning_curves.read(tmp_path)
    assert pace.seconds_left(history, 1000, 550, 0.0) is None  # no step of this process is measured
    assert left(tmp_path, [0.2] * 50, steps=1000, block_size=16) == pytest.approx(950 * 0.4)
    for broken in ({"block_size": 0}, {"batch_size": "4"}):
        (tmp_path / "settings.json").write_text(json.dumps({**BATCH, **broken}))
        assert pace.seconds_left(learning_curves.read(tmp_path), 1000, 0, 9.0) is None


# ---- trainings of the app ----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(jobs.FOLDER, str(tmp_path / "runs"))
    yield tmp_path / "runs"
    for job in jobs.jobs():  # nothing outlives a test that failed
        if (process := processes.find(job.folder, job.note)) is not None:
            process.kill()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start trainings at the usual priority: at a lower one they take minutes beside other tests."""
    monkeypatch.setattr(processes, "NICE", 0)


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def now(job: jobs.Job) -> jobs.Job:
    found = jobs.find(job.folder)
    assert found is not None
    return found


@pytest.mark.slow
def test_a_training_outlives_the_app_is_paused_and_goes_on(folder: Path) -> None:
    arguments = [*TINY, "--eval-interval=100000", "--log-interval=1"]
    script = f"from app.training import jobs; jobs.start('My sort!', 'sort', 100000, {arguments})"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)  # an app that ends at once
    (job,) = jobs.jobs()
    assert (job.name, job.folder.parent, job.steps, job.data) == ("my-sort-1", folder, 100_000, "sort")
    process = psutil.Process(job.note["pid"])
    assert process.nice() == processes.NICE
    group = Path(f"/proc/{process.pid}/autogroup")
    assert not group.exists() or group.read_text().split()[-1] == str(processes.NICE)
    assert os.getsid(process.pid) == process.pid
    assert process.environ()["OMP_NUM_THREADS"] == str(processes.threads())
    wait_until(lambda: now(job).state == "running" and now(job).step > 5)
    assert now(job).seconds_left is not None
    with pytest.raises(jobs.JobError, match="stop it first"):
        jobs.delete(now(job))
    jobs.ask(now(job), "pause")
    wait_until(lambda: not now(job).alive)
    paused = now(job)
    assert paused.state == "paused"
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert gptcore.load(paused.folder / "last.pt").info["iter_num"] == paused.step
    jobs.resume(paused)
    assert now(job).state == "starting"
    assert now(job).began_at == paused.step
    with pytest.raises(jobs.JobError, match="my-sort-1 is"):
        jobs.resume(paused)  # clicked twice
    wait_until(lambda: now(job).state == "running" and now(job).step > paused.step + 5)
    jobs.ask(now(job), "stop")
    wait_until(lambda: now(job).state == "stopped")
    steps = learning_curves.read(job.folder).curves["loss"].steps
    assert steps == list(range(1, steps[-1] + 1))  # no step is lost or done twice
    kept = jobs.keep(now(job))  # its only evaluation was before the first step
    loaded = gptcore.load(kept.folder)
    assert kept.step == loaded.info["iter_num"] == steps[-1]
    assert same_weights(loaded.model, gptcore.load(job.folder / "last.pt").model)
    assert "best_val_loss" not in loaded.info


def same_weights(one: gptcore.GPT, other: gptcore.GPT) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(a.equal(b) for a, b in pairs)


def test_a_finished_training_is_kept_and_deleted(folder: Path, hurried: None) -> None:
    job = jobs.start("sort", "sort", 40, [*TINY, "--eval-interval=20", "--log-interval=10"])
    wait_until(lambda: not now(job).alive)
    finished = now(job)
    assert (finished.state, finished.step) == ("finished", 40), finished.problem
    kept, step = jobs.keep(finished)
    jobs.keep(finished)  # twice is as once
    assert jobs.jobs() == [finished]  # what is kept is no training
    jobs.delete(finished)
    assert not finished.folder.exists()
    loaded = gptcore.load(kept)
    assert loaded.tokenizer.vocab_size == 3
    assert [snapshot.step for snapshot in snapshots(kept)] == [0, 20, 40]
    history = learning_curves.read(kept)
    assert history.best is not None
    assert history.best == (step, loaded.info["best_val_loss"])
    assert step == loaded.info["iter_num"] == finished.best_step > 0
    assert history.curves["loss"].steps == [10, 20, 30, 40]


def test_a_training_that_fails_tells_why(folder: Path, hurried: None) -> None:
    job = jobs.start("text", "", 10, [*TINY, "--block-size=64"], text="far too short")
    wait_until(lambda: not now(job).alive)
    assert now(job).state == "failed"
    assert "a context of 64 needs at least 65" in now(job).problem
    assert "Traceback" not in now(job).problem


def test_at_most_two_at_a_time(folder: Path) -> None:
    with ExitStack() as stack:
        for name in range(jobs.MOST_AT_ONCE):
            process = stack.enter_context(like_a_training(folder / f"other-{name}"))
            running(folder / f"other-{name}", process.pid)
        with pytest.raises(jobs.JobError, match="at most 2 at a time"):
            jobs.start("sort", "sort", 10, TINY)
        assert len(jobs.jobs()) == 2  # nothing of the third is left
    assert [job.alive for job in jobs.jobs()] == [False, False]


def running(folder: Path, pid: int) -> None:
    """The note of a training whose process has this id, if it trains into the folder."""
    folder.mkdir(parents=True)
    note = {"made": time.time(), "steps": 10, "began_at": 0, "arguments": [], "asked": "", "data": "x", "pid": pid}
    (folder / processes.NOTE).write_text(json.dumps(note))


@contextmanager
def like_a_training(folder: Path, script: str = "import time; time.sleep(600)") -> Iterator[subprocess.Popen[bytes]]:
    """A process that is called like one that trains into the folder."""
    command = [sys.executable, "-c", script, "gptcore.train", f"--out={folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            wait_until(lambda: psutil.Process(process.pid).cmdline()[-1:] == command[-1:])  # not yet at its very start
            yield process
        finally:
            process.kill()


def test_another_process_of_the_same_id_is_left_alone(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "gptcore.train"]) as stranger:
        running(folder / "old", stranger.pid)  # the id was given away again since
        (job,) = jobs.jobs()
        assert job.state == "failed"
        jobs.ask(job, "stop")
        assert stranger.poll() is None
        stranger.kill()


def test_a_clock_that_is_set_ends_no_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counted as failed then, so that "Delete it" took the folder from a process that was writing there."""
    here = folder / "sort-1"
    with like_a_training(here) as process:
        running(here, process.pid)
        written(here, as_lines())
        (here / "settings.json").write_text(json.dumps({"steps": 1000}))
        real = psutil.Process.create_time
        for seconds in (-86_400, 0, 86_400):
            monkeypatch.setattr(psutil.Process, "create_time", lambda self, by=seconds: real(self) + by)
            for name in ("settings.json", "metrics.jsonl", processes.NOTE):
                os.utime(here / name, (time.time() - seconds,) * 2)
            (job,) = jobs.jobs()
            assert job.state == "running", seconds
            with pytest.raises(jobs.JobError, match="stop it first"):
                jobs.delete(job)
    (job,) = jobs.jobs()
    assert job.state == "failed"
    jobs.delete(job)
    assert not here.exists()


HOLDS = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[-1].partition("=")[2] + "/run.lock")
lock.acquire()
print(flush=True)
time.sleep(600)
"""


def test_what_holds_the_lock_of_a_folder_is_running_wherever_its_process_is(folder: Path) -> None:
    """It may be in another container, where this one sees no process of it."""
    here = folder / "sort-1"
    running(here, os.getpid())
    written(here, as_lines(LINES[:1]))
    (job,) = jobs.jobs()
    assert job.state == "failed"
    with like_a_training(here, HOLDS) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.utime(here / "metrics.jsonl", (0, 0))
        with pytest.raises(jobs.JobError, match="stop it first"):
            jobs.delete(job)  # the page had it as failed
        with pytest.raises(jobs.JobError, match="so it cannot be resumed"):
            jobs.resume(job)
        assert learning_curves.read(here).running
    os.utime(here / "metrics.jsonl")
    assert not learning_curves.read(here).running  # however new it is
    jobs.delete(job)


def test_a_training_has_begun_when_its_settings_are_written_whatever_their_time(folder: Path) -> None:
    here = folder / "sort-1"
    here.mkdir(parents=True)
    (here / "settings.json").write_text("{}")
    os.utime(here / "settings.json", (2e9, 2e9))
    note: processes.Note = {"before": processes.stamp(here / "settings.json")}
    assert not processes.has_begun(here, note)
    (here / "new").write_text("{}")
    os.utime(here / "new", (1e9, 1e9))
    (here / "new").replace(here / "settings.json")
    assert processes.has_begun(here, note)
    assert not processes.has_begun(folder, {"before": None})


@pytest.mark.parametrize(
    "note", ["", "[]", "{}", '{"steps": 0}', "[" * 9999, '{"steps": 5, "arguments": [], "pid": "x"}']
)
def test_a_damaged_note_is_no_training(folder: Path, note: str) -> None:
    (folder / "run").mkdir(parents=True)
    (folder / "run" / processes.NOTE).write_text(note)
    assert jobs.jobs() == []


def test_only_what_the_app_made_is_deleted(folder: Path, tmp_path: Path) -> None:
    running(tmp_path / "elsewhere", os.getpid())
    (folder).mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    for place in (tmp_path / "elsewhere", folder / "link"):
        job = jobs.find(place)
        assert job is not None
        with pytest.raises(jobs.JobError, match="so it is not deleted"):
            jobs.delete(job)
    assert (tmp_path / "elsewhere" / processes.NOTE).exists()
