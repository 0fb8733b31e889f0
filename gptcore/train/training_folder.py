"""The folder of a training: the only file that knows its layout, writes it and reads it back.

Files: settings.json, tokenizer.json, metrics.jsonl (a line for each log or evaluation), last.pt (everything needed to
resume), best.pt (the weights of the lowest validation loss), run.lock (empty; locked while a training writes here).
Both .pt files are in nanoGPT's format, so `gptcore.load` reads them, and the folder itself. Each file is replaced
atomically: a reader, or a crash, finds the old one or the new one.
"""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from gptcore.checkpoint.training_files import BEST, LAST, METRICS, SETTINGS
from gptcore.train.settings import Settings
from gptcore.whole_file import PART, write_whole

LOCK = "run.lock"
PATIENCE = 2.0
"""Seconds to wait for the lock: the system may need a moment to free the lock of a killed process."""


class TrainingError(ValueError):
    """A folder in which a training cannot start or resume."""


class TrainingFolder:
    """The files of one training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last, self.best = path / LAST, path / BEST
        self.metrics, self.settings = path / METRICS, path / SETTINGS
        self.tokenizer = path / "tokenizer.json"
        self._lock = FileLock(path / LOCK, thread_local=False)

    def lock(self) -> None:
        """Lock the existing folder against other trainings, until `unlock` or the end of this process.

        The operating system frees the lock of a killed process. If locking is impossible (a disk that is read-only or
        full, some network file systems), print a warning and continue without a lock.

        Raises:
            TrainingError: another training has the lock.
        """
        if self._lock.is_locked:
            return
        try:
            self._lock.acquire(timeout=PATIENCE)
        except Timeout:
            raise TrainingError(
                f"another training is writing to {self.path}; wait until it ends, stop it, or choose another --out"
            ) from None
        except (OSError, NotImplementedError) as error:
            print(f"could not lock {self.path} ({error}); do not start another training in it", file=sys.stderr)

    def unlock(self) -> None:
        """Release the lock, if this training has it."""
        self._lock.release()

    def start(self, settings: Settings, tokenizer: dict[str, Any]) -> None:
        """Make and lock the folder of a new training, or of one that was killed before its first save.

        Raises:
            TrainingError: another training writes to it; or it already holds a training and `settings.resume` is off: a
                training is never overwritten.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock()
        if not settings.resume and (self.last.exists() or self.metrics.exists()):
            self.unlock()
            raise TrainingError(
                f"{self.path} holds a training already; add --resume to continue it, or use another --out"
            )
        write_whole(self.tokenizer, lambda file: file.write(json.dumps(tokenizer).encode()))
        self.write_settings(settings)  # last: a folder with settings can be resumed

    def write_settings(self, settings: Settings) -> None:
        """Replace settings.json."""
        write_whole(self.settings, lambda file: file.write(json.dumps(settings.to_dict(), indent=2).encode()))

    def read_settings(self) -> Settings:
        """Read the settings with which the training was started."""
        try:
            return Settings.from_dict(json.loads(self.settings.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise TrainingError(f"cannot resume from {self.path}: its settings.json cannot be read ({error})") from None

    def save(self, file: Path, state: dict[str, Any]) -> None:
        """Replace last.pt or best.pt."""
        write_whole(file, lambda opened: torch.save(state, opened))

    def read_last(self) -> dict[str, Any] | None:
        """Read the state to resume from, on the CPU; None if nothing was saved yet."""
        try:
            return torch.load(self.last, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"cannot resume from {self.last}: {error}") from None

    def log(self, line: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        with self.metrics.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Read every complete line of metrics.jsonl."""
        return whole_lines(self.metrics)

    def forget_after(self, step: int) -> None:
        """Remove the metrics of steps that a resumed training repeats, and unfinished files of a killed one."""
        kept = [json.dumps(line) + "\n" for line in self.read_metrics() if line["step"] <= step]
        write_whole(self.metrics, lambda file: file.write("".join(kept).encode()))
        for left in self.path.rglob(f"*{PART}"):
            left.unlink(missing_ok=True)


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a file of JSON lines, without lines that a kill or a full disk cut short."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
