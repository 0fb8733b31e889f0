"""Trainings that the app starts: each a process of its own, `python -m gptcore.train`, in a folder of its own.

All that is known of one lies in its folder, so closing the browser or the app loses nothing: the process is found again
by the note there (`processes.py`). To pause is to have it save and end, and to go on is the trainer's exact resume: a
paused training holds no memory and outlives the machine's restart. No Streamlit.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from app.training import processes, runs
from app.training.processes import NOTE, Note
from gptcore import load, save

FOLDER = "GPTSCOPE_RUNS"
"""The environment variable that names the folder of runs, in place of the user's cache."""
MOST_AT_ONCE = 2
TEXT = "text.txt"
KEPT = "kept"
"""The folder of kept models, among the runs."""
NEEDED = ("tyro", "tqdm", "tokenizers", "pooch")
"""What the extra `train` brings."""

State = Literal["starting", "running", "pausing", "stopping", "paused", "stopped", "finished", "failed"]
ALIVE: tuple[State, ...] = ("starting", "running", "pausing", "stopping")
_ASKED: dict[str, tuple[State, State]] = {"pause": ("pausing", "paused"), "stop": ("stopping", "stopped")}

_STARTING = threading.Lock()


class JobError(ValueError):
    """A sentence: why a training cannot be started, gone on with, kept or deleted."""


@dataclass(frozen=True)
class Job:
    """One training of the app, as its folder and its process tell at this moment."""

    folder: Path
    state: State
    step: int
    steps: int
    best_step: int
    """After how many steps its loss on held-out data was lowest; 0 before any evaluation."""
    began_at: int
    """The step from which the present process went on."""
    note: Note

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def alive(self) -> bool:
        """Whether a process of it runs."""
        return self.state in ALIVE

    @property
    def data(self) -> str:
        """The task, the data set, or the path of the text."""
        return str(self.note["data"])

    @property
    def seconds_left(self) -> float | None:
        """From the speed since the process began to train; None before it can be told."""
        done, trained = self.step - self.began_at, time.time() - _since(self.folder)
        return (self.steps - self.step) * trained / done if done > 0 and self.state == "running" else None

    @property
    def problem(self) -> str:
        """The last sentence of the log of a training that failed."""
        return processes.last_sentence(self.folder)


def runs_folder() -> Path:
    """Where the runs lie: `$GPTSCOPE_RUNS`, else in the user's cache."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen).expanduser()
    if importlib.util.find_spec("pooch"):
        import pooch

        return Path(pooch.os_cache("gptscope")) / "runs"
    return Path.home() / ".cache" / "gptscope" / "runs"


def missing() -> str:
    """A sentence that tells what to install before anything can be trained here; empty where nothing is missing."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"Training needs {', '.join(absent)}, which are not installed here: pip install 'gptscope[train]'"


def jobs() -> list[Job]:
    """All trainings of the app, the newest first."""
    try:
        folders = [path.parent for path in runs_folder().glob(f"*/{NOTE}")]
    except OSError:
        return []
    found = [job for folder in folders if (job := find(folder)) is not None]
    return sorted(found, key=lambda job: job.note["made"], reverse=True)


def find(folder: Path) -> Job | None:
    """The training in a folder; None where the app made none."""
    note = processes.read_note(folder)
    if note is None:
        return None
    process = processes.find(note)  # before the files: what a process wrote before its end is then seen
    try:
        history = runs.read(folder)
        step, finished, best = history.step, history.finished, history.best
    except runs.HistoryError:
        step, finished, best = 0, False, None
    asked = note["asked"]
    state: State
    if process is not None:
        working: State = "running" if _since(folder) >= note["launched"] else "starting"
        state = _ASKED[asked][0] if asked in _ASKED else working
    elif finished:
        state = "finished"
    else:
        state = _ASKED[asked][1] if asked in _ASKED else "failed"
    return Job(folder, state, step, note["steps"], best[0] if best else 0, note["began_at"], note)


def start(title: str, data: str, steps: int, arguments: Sequence[str], text: str | None = None) -> Job:
    """Starts a training of `data`, or of a `text` that is kept beside it, in a new folder.

    Args:
        title: what the folder is called, as far as it can be.
        data: what `--data` takes; of a text, passed over.
        steps: how many.
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
    """Has a running training save and end: to go on later, or for good."""
    processes.write_note(job.folder, {**job.note, "asked": what})
    if job.state not in ("pausing", "stopping"):  # a second signal would end it unsaved
        processes.end(job.note)


def resume(job: Job) -> None:
    """Goes on with a training that was paused, stopped, or ended by something else.

    Raises:
        JobError: it runs, or too many others do.
    """
    job = _found(job.folder)
    if job.alive or job.state == "finished":
        raise JobError(f"{job.name} is {job.state}")
    if (job.folder / "last.pt").is_file():
        _launch(job.folder, job.note, ["--resume"], job.step)
        return
    for name in (runs.METRICS, "best.pt"):  # it ended before its first save: there is nothing to go on from
        (job.folder / name).unlink(missing_ok=True)
    shutil.rmtree(job.folder / "snapshots", ignore_errors=True)
    _launch(job.folder, job.note, job.note["arguments"], 0)


class Kept(NamedTuple):
    """What was exported of a training."""

    folder: Path
    step: int
    """After which its weights were."""


def keep(job: Job) -> Kept:
    """Exports the best weights, with the curve and the snapshots, as a checkpoint folder of ours.

    Of a training whose lowest loss was that before its first step, the last weights: the best have learnt nothing.

    Raises:
        ValueError: it has no weights yet, or they cannot be read.
        OSError: there is no room.
    """
    target = runs_folder() / KEPT / job.name
    checkpoint, last = load(job.folder), job.folder / "last.pt"
    if checkpoint.info.get("iter_num") == 0 and last.is_file():
        checkpoint = load(last)
        checkpoint.info.pop("best_val_loss", None)  # of other weights
    save(checkpoint, target)
    snapshots = job.folder / "snapshots"
    if snapshots.is_dir():
        shutil.copytree(snapshots, target / "snapshots", dirs_exist_ok=True)
    (target / runs.TABLE).write_text(runs.as_table(runs.read(job.folder)), encoding="utf-8")
    return Kept(target, checkpoint.info.get("iter_num", 0))


def delete(job: Job) -> None:
    """Removes the folder of a training that does not run: only one that the app made, among the runs.

    Raises:
        JobError: it runs, or it is none of the app's.
    """
    now = find(job.folder)
    if now is None or job.folder.is_symlink() or job.folder.parent.resolve() != runs_folder().resolve():
        raise JobError(f"{job.folder} is no training that the app has made; it stays")
    if now.alive:
        raise JobError(f"{job.name} is running; stop it first")
    shutil.rmtree(job.folder)


def _found(folder: Path) -> Job:
    job = find(folder)
    if job is None:
        raise JobError(f"{folder} holds no training that the app has made")
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


def _since(folder: Path) -> float:
    """When the newest process began to train: only then it writes the settings."""
    try:
        return (folder / runs.SETTINGS).stat().st_mtime
    except OSError:
        return 0.0
