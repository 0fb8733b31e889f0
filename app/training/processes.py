"""The process of one training: started politely, found again by the note in its folder, asked to save and end.

The note also tells what it was started with. Of what the training writes, only the log is read here. No Streamlit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from app.training.runs import read_json

NOTE, LOG = "training.json", "log.txt"
MOST_LOG = 2**14
NICE = 10

Note = dict[str, Any]
_FIELDS = {"made": (float,), "launched": (float,), "steps": (int,), "began_at": (int,), "arguments": (list,),
           "asked": (str,), "data": (str,)}  # fmt: skip
"""What a note holds; beside them `pid` and `born`, the time of birth, of the process."""
_BAR = re.compile(r"\d+%\|")


def launch(folder: Path, note: Note, options: Sequence[str], step: int) -> None:
    """Starts a process that goes on from `step`, and writes the note of it.

    It has a session of its own, so that it outlives the app, and is polite to all others.
    """
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
    _be_polite(process)
    identity = {"pid": process.pid, "born": process.create_time(), "launched": launched}
    write_note(folder, {**note, **identity, "began_at": step, "asked": ""})


def _be_polite(process: psutil.Process) -> None:
    """Has it give way to the app and the browser."""
    process.nice(NICE if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    # Linux shares the time among sessions first (sched(7), autogroup), and this one has a session of its own.
    with suppress(OSError), open(f"/proc/{process.pid}/autogroup", "w") as group:
        group.write(str(NICE))


def threads() -> int:
    """How many a training takes: at most half of the cores."""
    return max(1, (os.cpu_count() or 1) // 2)


def read_note(folder: Path) -> Note | None:
    """The note in a folder; None where there is none, or it is damaged."""
    note = read_json(folder / NOTE)
    whole = all(type(note.get(field)) in kinds for field, kinds in _FIELDS.items()) and note["steps"] >= 1
    return note if whole else None


def write_note(folder: Path, note: Note) -> None:
    """Replaces the note in a folder as a whole: whoever reads it finds the old one or the new one."""
    temporary = folder / f"{NOTE}.{threading.get_ident()}.tmp"
    temporary.write_text(json.dumps(note, indent=2), encoding="utf-8")
    os.replace(temporary, folder / NOTE)


def find(note: Note) -> psutil.Process | None:
    """The process, if it lives: one of this id that was born at that time."""
    try:
        process = psutil.Process(note["pid"])
        same = abs(process.create_time() - note["born"]) < 0.1 and "gptcore.train" in process.cmdline()
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return None


def end(note: Note) -> None:
    """Has the process save and end, if it lives."""
    process = find(note)
    if process is not None:
        with suppress(psutil.NoSuchProcess):  # it has just finished
            process.terminate()


def last_sentence(folder: Path) -> str:
    """The last that the process said."""
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST_LOG))
            lines = re.split(r"[\r\n]+", file.read(MOST_LOG).decode("utf-8", "replace"))
    except OSError:
        return ""
    said = (line.strip() for line in reversed(lines) if not _BAR.search(line))
    return next((line.removeprefix("error: ") for line in said if line), "")
