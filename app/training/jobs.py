"""Trainings that the app starts: each is a process, `python -m gptcore.train`, with its own folder.

The folder holds everything about a training, so closing the browser or the app loses nothing: the app finds the process
again by the note in the folder (`processes.py`). To pause, the trainer saves and ends; to continue, it resumes exactly:
a paused training uses no memory and survives a restart of the machine. This file knows no Streamlit.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from app.training import learning_curves, pace, processes
from app.training.processes import NOTE, Note
from gptcore import load, save
from gptcore.checkpoint.snapshots import FOLDER as SNAPSHOTS
from gptcore.checkpoint.training_files import BEST, LAST, LOSS_TABLE, METRICS

FOLDER = "GPTSCOPE_RUNS"
"""Environment variable with the path of the folder of trainings, in place of the user's cache."""
MOST_AT_ONCE = 2
TEXT = "text.txt"
KEPT = "kept"
"""Name of the folder of kept models, in the folder of trainings."""
NEEDED = ("tyro", "tqdm", "tokenizers", "pooch")
"""Packages of the extra `train`."""

State = Literal["starting", "running", "pausing", "stopping", "paused", "stopped", "finished", "failed"]
ALIVE: tuple[State, ...] = ("starting", "running", "pausing", "stopping")
_ASKED: dict[str, tuple[State, State]] = {"pause": ("pausing", "paused"), "stop": ("stopping", "stopped")}

_STARTING = threading.Lock()


class JobError(ValueError):
    """A training cannot be started, resumed, kept or deleted; the sentence says why."""


@dataclass(frozen=True)
class Job:
    """One training of the app, in the present state of its folder and its process."""

    folder: Path
    state: State
    step: int
    steps: int
    best_step: int
    """Step with the lowest loss on held-out data; 0 before any evaluation."""
    began_at: int
    """Step at which the present process started."""
    note: Note
    seconds_left: float | None = None
    """Estimate from the pace of the last steps; None where it does not train, or has measured no step yet."""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def alive(self) -> bool:
        """True if its process is running."""
        return self.state in ALIVE

    @property
    def data(self) -> str:
        """The task, the data set, or the path of the text."""
        return str(self.note["data"])

    @property
    def problem(self) -> str:
        """The last sentence of the log of a training that failed."""
        return processes.last_sentence(self.folder)


def runs_folder() -> Path:
    """Return the folder of trainings: `$GPTSCOPE_RUNS`, else in the user's cache."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen).expanduser()
    if importlib.util.find_spec("pooch"):
        import pooch

        return Path(pooch.os_cache("gptscope")) / "runs"
    return Path.home() / ".cache" / "gptscope" / "runs"


def missing() -> str:
    """Return a sentence about packages to install before training here; "" if none is missing."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"Training needs {', '.join(absent)}, which are not installed here: pip install 'gptscope[train]'"


def jobs() -> list[Job]:
    """Return all trainings of the app, the newest first."""
    try:
        folders = [path.parent for path in runs_folder().glob(f"*/{NOTE}")]
    except OSError:
        return []
    found = [job for folder in folders if (job := find(folder)) is not None]
    return sorted(found, key=lambda job: job.note["made"], reverse=True)


def find(folder: Path) -> Job | None:
    """Return the training in a folder; None if the app made none there."""
    note = processes.read_note(folder)
    if note is None:
        return None
    alive = processes.is_alive(folder, note)  # before the files, so that the last writes of an ended process are read
    history = None
    step, finished, best = 0, False, None
    with suppress(learning_curves.CurvesError):
        history = learning_curves.read(folder)
        step, finished, best = history.step, history.finished, history.best
    asked = note["asked"]
    state: State
    if alive:
        working: State = "running" if processes.has_begun(folder, note) else "starting"
        state = _ASKED[asked][0] if asked in _ASKED else working
    elif finished:
        state = "finished"
    else:
        state = _ASKED[asked][1] if asked in _ASKED else "failed"
    left = None
    if history is not None and state == "running":
        left = pace.seconds_left(history, note["steps"], note["began_at"], history.seconds)
    return Job(folder, state, step, note["steps"], best[0] if best else 0, note["began_at"], note, left)


def start(title: str, data: str, steps: int, arguments: Sequence[str], text: str | None = None) -> Job:
    """Start a training on `data`, or on a `text` that is saved in its folder, in a new folder.

    Args:
        title: name of the folder, without characters that a folder cannot have.
        data: the value of `--data`; ignored with a text.
        steps: number of steps.
        arguments: further options of the trainer.

    Raises:
        JobError: too many are running, something is missing, or the folder cannot be written.
    """
    if sentence := missing():
        raise JobError(sentence)
    folder = _new_folder(title)
    if text is not None:
        (folder / TEXT).write_text(text, encoding="utf-8")
        data = str(folder / TEXT)
    note = {"made": time.time(), "steps": steps, "data": data}
    options = [f"--data={data}", f"--steps={steps}", *arguments]
    try:
        _launch(folder, {**note, "arguments": options}, options, 0)
    except JobError:
        shutil.rmtree(folder)
        raise
    return _found(folder)


def ask(job: Job, what: Literal["pause", "stop"]) -> None:
    """Ask a running training to save and end: pause it, or stop it for good."""
    processes.write_note(job.folder, {**job.note, "asked": what})
    if job.state not in ("pausing", "stopping"):  # a second signal would end it unsaved
        processes.end(job.folder, job.note)


def resume(job: Job) -> None:
    """Resume a training that was paused, stopped, or ended otherwise.

    Raises:
        JobError: it is running or finished, or too many others are running.
    """
    job = _found(job.folder)
    if job.alive or job.state == "finished":
        raise JobError(f"{job.name} is {job.state}, so it cannot be resumed")
    if (job.folder / LAST).is_file():
        _launch(job.folder, job.note, ["--resume"], job.step)
        return
    for name in (METRICS, BEST):  # it ended before its first save, so it starts again
        (job.folder / name).unlink(missing_ok=True)
    shutil.rmtree(job.folder / SNAPSHOTS, ignore_errors=True)
    _launch(job.folder, job.note, job.note["arguments"], 0)


class Kept(NamedTuple):
    """An export of a training."""

    folder: Path
    step: int
    """Step of its weights."""


def keep(job: Job) -> Kept:
    """Export the best weights, with the curve and the snapshots, as a gptscope checkpoint folder.

    If the lowest loss is the one before the first step, export the last weights: the best ones have learnt nothing.

    Raises:
        ValueError: it has no weights yet, or they cannot be read.
        OSError: the disk is full.
    """
    target = runs_folder() / KEPT / job.name
    checkpoint, last = load(job.folder), job.folder / LAST
    if checkpoint.info.get("iter_num") == 0 and last.is_file():
        checkpoint = load(last)
        checkpoint.info.pop("best_val_loss", None)  # it belongs to other weights
    save(checkpoint, target)
    snapshots = job.folder / SNAPSHOTS
    if snapshots.is_dir():
        shutil.copytree(snapshots, target / SNAPSHOTS, dirs_exist_ok=True)
    (target / LOSS_TABLE).write_text(learning_curves.as_table(learning_curves.read(job.folder)), encoding="utf-8")
    return Kept(target, checkpoint.info.get("iter_num", 0))


def delete(job: Job) -> None:
    """Delete the folder of a training that is not running: only one that the app made in its folder of trainings.

    Raises:
        JobError: it is running, or the app did not make it.
    """
    now = find(job.folder)
    if now is None or job.folder.is_symlink() or job.folder.parent.resolve() != runs_folder().resolve():
        raise JobError(f"the app did not make the training {job.folder}, so it is not deleted")
    if now.alive:
        raise JobError(f"{job.name} is running; stop it first")
    shutil.rmtree(job.folder)


def _found(folder: Path) -> Job:
    job = find(folder)
    if job is None:
        raise JobError(f"{folder} holds no training of the app; choose another one")
    return job


def _new_folder(title: str) -> Path:
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "training"
    for number in range(1, 10_000):
        folder = runs_folder() / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise JobError(f"{folder} cannot be made: {error.strerror or error}; set {FOLDER} to a folder") from None
    raise JobError(f"{runs_folder()} is full of trainings called {name}; delete some")


def _launch(folder: Path, note: Note, options: Sequence[str], step: int) -> None:
    with _STARTING:
        running = [job.name for job in jobs() if job.alive]
        if len(running) >= MOST_AT_ONCE:
            raise JobError(f"{' and '.join(running)} are running: at most {MOST_AT_ONCE} at a time; pause or stop one")
        processes.launch(folder, note, options, step)
