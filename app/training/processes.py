"""The process of one training: started at low priority, found again by the note in its folder, asked to save and end.

The note also holds the options that it was started with. Of the training's files, this file reads only the log. It
knows no Streamlit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from app.training import lock
from app.training.learning_curves import read_json
from gptcore.checkpoint.training_files import SETTINGS
from gptcore.whole_file import write_whole

NOTE, LOG = "training.json", "log.txt"
MOST_LOG = 2**14
NICE = 10

Note = dict[str, Any]
_FIELDS = {"made": (float,), "steps": (int,), "began_at": (int,), "arguments": (list,), "asked": (str,),
           "data": (str,)}  # fmt: skip
"""Fields of a note and their types; besides them `pid`, the id of the process, and `before`, the stamp that the
settings had before it began. None is a time that is counted with: the clock may be set meanwhile."""
_BAR = re.compile(r"\d+%\|")


def launch(folder: Path, note: Note, options: Sequence[str], step: int) -> None:
    """Start a process that trains from `step` on, and write its note.

    It runs in its own session, so that it outlives the app, and at low priority.
    """
    command = [sys.executable, "-m", "gptcore.train", f"--out={folder}", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads()), "TQDM_MININTERVAL": "60"}
    before = stamp(folder / SETTINGS)
    with (folder / LOG).open("ab") as log:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    threading.Thread(target=started.wait, daemon=True).start()  # without a wait it would stay as a zombie
    process = psutil.Process(started.pid)
    _lower_priority(process)
    write_note(folder, {**note, "pid": process.pid, "before": before, "began_at": step, "asked": ""})


def stamp(path: Path) -> list[int] | None:
    """Return what changes when a file is written anew; None without it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_ino, found.st_mtime_ns, found.st_size]


def has_begun(folder: Path, note: Note) -> bool:
    """Tell if the newest process has begun to train: it has written its settings then."""
    return stamp(folder / SETTINGS) not in (None, note.get("before"))


def _lower_priority(process: psutil.Process) -> None:
    """Lower its priority, so that the app and the browser go first."""
    process.nice(NICE if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    # Linux divides the time among sessions first (sched(7), autogroup), and this process has its own session.
    with suppress(OSError), open(f"/proc/{process.pid}/autogroup", "w") as group:
        group.write(str(NICE))


def threads() -> int:
    """Return the number of threads of a training: at most half of the cores."""
    return max(1, (os.cpu_count() or 1) // 2)


def read_note(folder: Path) -> Note | None:
    """Return the note in a folder; None if there is none, or it is damaged."""
    note = read_json(folder / NOTE)
    whole = all(type(note.get(field)) in kinds for field, kinds in _FIELDS.items()) and note["steps"] >= 1
    return note if whole else None


def write_note(folder: Path, note: Note) -> None:
    """Replace the note in a folder atomically: a reader finds the old one or the new one."""
    write_whole(folder / NOTE, lambda file: file.write(json.dumps(note, indent=2).encode()))


def find(folder: Path, note: Note) -> psutil.Process | None:
    """Return the process if it is running: one with the note's id that trains into this folder. Else None.

    An id is given away again; the folder is in the process's own command. Its start time would tell it as well, but
    that is another one as soon as the clock is set.
    """
    try:
        process = psutil.Process(note["pid"])
        command = process.cmdline()
        same = "gptcore.train" in command and any(_is_out(argument, folder) for argument in command)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, OSError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _is_out(argument: str, folder: Path) -> bool:
    name, _, value = argument.partition("=")
    return name == "--out" and (value == str(folder) or Path(value).resolve() == folder.resolve())


def is_alive(folder: Path, note: Note) -> bool:
    """Tell if a training is running: its process is there, or somebody holds the lock of its folder."""
    return find(folder, note) is not None or lock.held(folder) is True


def end(folder: Path, note: Note) -> None:
    """Ask the process to save and end, if it is running."""
    process = find(folder, note)
    if process is not None:
        with suppress(psutil.NoSuchProcess):  # it has just finished
            process.terminate()


def last_sentence(folder: Path) -> str:
    """Return the last line of the log that is not a progress bar."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_LOG))
            lines = re.split(r"[\r\n]+", file.read(MOST_LOG).decode("utf-8", "replace"))
    except OSError:
        return ""
    said = (line.strip() for line in reversed(lines) if not _BAR.search(line))
    return next((line.removeprefix("error: ") for line in said if line), "")
