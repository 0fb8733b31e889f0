"""A training run on disk: what is written, when it is whole, and how it is read back.

Files: settings.json, tokenizer.json, metrics.jsonl (a line a log or evaluation), last.pt (everything to go on from),
best.pt (the weights of the lowest validation loss), run.lock (empty; locked while a training writes here). Both .pt
files are in nanoGPT's format, so `gptcore.load` takes them, and the folder itself. Each file is replaced in one step: a
reader, or a crash, sees the old one or the new one.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch
from filelock import FileLock, Timeout

from gptcore.train.settings import SETTINGS, Settings

LOCK = "run.lock"
TEMPORARY = ".tmp"
PATIENCE = 2.0
"""Seconds to wait for the lock: a system may take a moment to free that of a killed process."""


class RunError(ValueError):
    """A run's folder that cannot be started in or gone on from."""


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last, self.best = path / "last.pt", path / "best.pt"
        self.metrics, self.settings, self.tokenizer = (
            path / name for name in ("metrics.jsonl", SETTINGS, "tokenizer.json")
        )
        self._lock = FileLock(path / LOCK, thread_local=False)

    def lock(self) -> None:
        """Keeps other trainings out of the folder, which is there, until `unlock` or the end of this process.

        The lock is the system's, so that of a killed process is free. Where there can be none (a disk that is
        read-only or full, some network file systems) this says so and goes on without.

        Raises:
            RunError: another training has it.
        """
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise RunError(
                f"another training is writing to {self.path}; wait until it ends, stop it, or choose another --out"
            ) from None
        except (OSError, NotImplementedError) as error:
            print(f"could not lock {self.path} ({error}); let no other training write to it", file=sys.stderr)

    def unlock(self) -> None:
        """Lets other trainings in; nothing, where this one has not locked it."""
        self._lock.release()

    def start(self, settings: Settings, tokenizer: dict[str, Any]) -> None:
        """Makes the folder of a new run, or of one that was killed before its first save, and locks it.

        Raises:
            RunError: another training writes to it; or it holds a run already, and `settings.resume` is off: it is not
                overwritten.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        if not settings.resume and (self.last.exists() or self.metrics.exists()):
            self.unlock()
            raise RunError(f"{self.path} holds a run already; add --resume to go on with it, or choose another --out")
        write_whole(self.tokenizer, lambda file: file.write(json.dumps(tokenizer).encode()))
        self.write_settings(settings)  # last: a folder with settings can be resumed

    def write_settings(self, settings: Settings) -> None:
        """Replaces settings.json."""
        write_whole(self.settings, lambda file: file.write(json.dumps(settings.to_dict(), indent=2).encode()))

    def read_settings(self) -> Settings:
        """The settings that the run was started with."""
        try:
            return Settings.from_dict(json.loads(self.settings.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"cannot resume from {self.path}: its settings.json is not readable ({error})") from None

    def save(self, file: Path, state: dict[str, Any]) -> None:
        """Replaces last.pt or best.pt."""
        write_whole(file, lambda opened: torch.save(state, opened))

    def read_last(self) -> dict[str, Any] | None:
        """The state to go on from, on the CPU; None where nothing was saved yet."""
        try:
            return torch.load(self.last, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise RunError(f"cannot resume from {self.last}: {error}") from None

    def log(self, line: dict[str, Any]) -> None:
        """Adds one line to metrics.jsonl."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Every whole line of metrics.jsonl."""
        return whole_lines(self.metrics)

    def forget_after(self, step: int) -> None:
        """Drops the metrics of steps that a resumed run will do again, and what a killed one left half written."""
        kept = [json.dumps(line) + "\n" for line in self.read_metrics() if line["step"] <= step]
        write_whole(self.metrics, lambda file: file.write("".join(kept).encode()))
        for left in self.path.rglob(f"*{TEMPORARY}"):
            left.unlink(missing_ok=True)


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, without those that a kill or a full disk cut short."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Writes a file beside its place, makes sure that it is on disk, and moves it there in one step."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None  # torch.save tells a full disk so
        raise
