"""Trainings that the app starts: each a process of its own, `python -m gptcore.train`, in a folder of its own.

All that is known of one lies in its folder, so closing the browser or the app loses nothing: the process is found again
by its id and its time of birth. To pause is to have it save and end, and to go on is the trainer's exact resume: a
paused training holds no memory and outlives the machine's restart. No Streamlit.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from app import runs
from gptcore import load, save

FOLDER = "GPTSCOPE_RUNS"
"""The environment variable that names the folder of runs, in place of the user's cache."""
MOST_AT_ONCE = 2
NOTE, LOG, TEXT = "training.json", "log.txt", "text.txt"
KEPT = "kept"
"""The folder of kept models, among the runs."""
NEEDED = ("tyro", "tqdm", "tokenizers", "pooch")
"""What the extra `train` brings."""
MOST_LOG = 2**14
NICE = 10

State = Literal["starting", "running", "pausing", "stopping", "paused", "stopped", "finished", "failed"]
ALIVE: tuple[State, ...] = ("starting", "running", "pausing", "stopping")
_ASKED: dict[str, tuple[State, State]] = {"pause": ("pausing", "paused"), "stop": ("stopping", "stopped")}
_FIELDS = {"made": (float,), "launched": (float,), "steps": (int,), "began_at": (int,), "arguments": (list,),
           "asked": (str,), "data": (str,)}  # fmt: skip
"""What a note holds."""
_BAR = re.compile(r"\d+%\|")

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
    began_at: int
    """The step from which the present process went on."""
    note: dict[str, Any]

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
        return _last_sentence(self.folder / LOG)


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
    note = runs.read_json(folder / NOTE)
    if not all(type(note.get(field)) in kinds for field, kinds in _FIELDS.items()) or note["steps"] < 1:
        return None
    process = _process(note)  # before the files: what a process wrote before its end is then seen
    try:
        history = runs.read(folder)
        step, finished = history.step, history.finished
    except runs.HistoryError:
        step, finished = 0, False
    asked = note["asked"]
    state: State
    if process is not None:
        working: State = "running" if _since(folder) >= note["launched"] else "starting"
        state = _ASKED[asked][0] if asked in _ASKED else working
    elif finished:
        state = "finished"
    else:
        state = _ASKED[asked][1] if asked in _ASKED else "failed"
    return Job(folder, state, step, note["steps"], note["began_at"], note)


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
    process = _process(job.note)
    _write_note(job.folder, {**job.note, "asked": what})
    if process is not None and job.state not in ("pausing", "stopping"):  # a second signal would end it unsaved
        with suppress(psutil.NoSuchProcess):  # it has just finished
            process.terminate()


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


def keep(job: Job) -> Path:
    """Exports the best weights, with the curve and the snapshots, as a checkpoint folder of ours; returns it.

    Raises:
        ValueError: it has no weights yet, or they cannot be read.
        OSError: there is no room.
    """
    target = runs_folder() / KEPT / job.name
    save(load(present_weights(job.folder)), target)
    snapshots = job.folder / "snapshots"
    if snapshots.is_dir():
        shutil.copytree(snapshots, target / "snapshots", dirs_exist_ok=True)
    (target / runs.TABLE).write_text(_table(runs.read(job.folder)), encoding="utf-8")
    return target


def present_weights(folder: Path) -> Path:
    """The best weights so far of a run, else the last.

    Raises:
        JobError: there are none.
    """
    found = next((path for name in ("best.pt", "last.pt") if (path := folder / name).is_file()), None)
    if found is None:
        raise JobError(f"{folder} holds no weights yet; wait for the first evaluation")
    return found


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


def _launch(folder: Path, note: dict[str, Any], options: Sequence[str], step: int) -> None:
    """A process in a session of its own, so that it outlives the app; polite to all others."""
    with _STARTING:
        running = [job.name for job in jobs() if job.alive]
        if len(running) >= MOST_AT_ONCE:
            raise JobError(f"{' and '.join(running)} are running: at most {MOST_AT_ONCE} at a time; pause or stop one")
        command = [sys.executable, "-m", "gptcore.train", f"--out={folder}", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads()), "TQDM_MININTERVAL": "60"}
        launched = time.time()
        with (folder / LOG).open("ab") as log:
            started = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        threading.Thread(target=started.wait, daemon=True).start()  # or it would stay as a zombie
        process = psutil.Process(started.pid)
        process.nice(NICE if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
        identity = {"pid": process.pid, "born": process.create_time(), "launched": launched}
        _write_note(folder, {**note, **identity, "began_at": step, "asked": ""})


def threads() -> int:
    """How many a training takes: at most half of the cores."""
    return max(1, (os.cpu_count() or 1) // 2)


def _process(note: dict[str, Any]) -> psutil.Process | None:
    """The process of a training, if it lives: one of this id that was born at that time."""
    try:
        process = psutil.Process(note["pid"])
        same = abs(process.create_time() - note["born"]) < 0.1 and "gptcore.train" in process.cmdline()
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return None


def _since(folder: Path) -> float:
    """When the newest process began to train: only then it writes the settings."""
    try:
        return (folder / runs.SETTINGS).stat().st_mtime
    except OSError:
        return 0.0


def _write_note(folder: Path, note: dict[str, Any]) -> None:
    temporary = folder / f"{NOTE}.{threading.get_ident()}.tmp"
    temporary.write_text(json.dumps(note, indent=2), encoding="utf-8")
    os.replace(temporary, folder / NOTE)


def _last_sentence(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_LOG))
            lines = re.split(r"[\r\n]+", file.read(MOST_LOG).decode("utf-8", "replace"))
    except OSError:
        return ""
    said = (line.strip() for line in reversed(lines) if not _BAR.search(line))
    return next((line.removeprefix("error: ") for line in said if line), "")


def _table(history: runs.History) -> str:
    """A history as `loss.csv`."""
    kinds = [kind for kind in runs.KINDS if kind in history.curves]
    found: dict[int, dict[str, float]] = {}
    for kind in kinds:
        for step, value in zip(history.curves[kind].steps, history.curves[kind].values, strict=True):
            found.setdefault(step, {})[kind] = value
    lines = [",".join(str(row.get(kind, "")) for kind in ("step", *kinds)) for row in _rows(found)]
    return "\n".join([",".join(("step", *kinds)), *lines, ""])


def _rows(found: dict[int, dict[str, float]]) -> list[dict[str, float]]:
    return [{"step": step, **found[step]} for step in sorted(found)]
