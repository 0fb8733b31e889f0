"""The history of a training as curves, from its folder or a model's `loss.csv`, also while it is being written.

An untrusted file is read up to a limit; a sentence reports the part that cannot be read. This file knows no Streamlit
and no model.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.training import lock
from gptcore.checkpoint.training_files import LOSS_TABLE, METRICS, SETTINGS

MOST = 2**24
"""Largest number of bytes read, from the end of a history: some 150,000 lines."""
MOST_COUNT = 2**40
"""Largest number of steps or tokens that is believed."""
QUIET = 120.0
"""Seconds without a new line after which a training no longer counts as running."""
KINDS = ("loss", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr", "tokens_per_s", "grad_norm")


class CurvesError(ValueError):
    """There is no history at a place; the sentence says why."""


@dataclass
class Curve:
    """Numbers by step, exactly as in the file; steps only rise."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def thinned(self, most: int) -> Curve:
        """Return about `most` of the points at even distances, always with the last: a screen shows no more."""
        every = -(-len(self.steps) // most)
        if every <= 1:
            return self
        chosen = sorted({*range(0, len(self.steps), every), len(self.steps) - 1})
        return Curve([self.steps[i] for i in chosen], [self.values[i] for i in chosen])


@dataclass
class LearningCurves:
    """The curves and settings of a training so far."""

    file: Path
    curves: dict[str, Curve]
    """Curves by their names in the file, those of `KINDS` that it holds."""
    settings: dict[str, Any]
    """Settings of the training; {} if its folder has none."""
    notices: list[str]
    seconds: float = 0.0
    """Seconds that the process of the last line had trained for by then; 0 where the file does not tell it."""

    @property
    def step(self) -> int:
        """Last known step."""
        return max((curve.steps[-1] for curve in self.curves.values()), default=0)

    @property
    def steps(self) -> int | None:
        """Planned number of steps; None if the settings do not tell it."""
        return self.size("steps")

    def size(self, name: str) -> int | None:
        """Return a setting that is a number of things; None if it is none that can be counted with."""
        found = self.settings.get(name)
        return found if type(found) is int and 0 < found < MOST_COUNT else None

    @property
    def finished(self) -> bool:
        """True if the evaluation after the last step is there."""
        evaluated = self.curves.get("val_loss")
        return evaluated is not None and evaluated.steps[-1:] == [self.steps]

    @property
    def running(self) -> bool:
        """True if it is being written: not finished, and a process writes it. A model's table is complete."""
        return self.file.name == METRICS and not self.finished and being_written(self.file, QUIET)

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and value of the lowest validation loss; None without one."""
        curve = self.curves.get("val_loss")
        return min(zip(curve.steps, curve.values, strict=True), key=lambda point: point[1]) if curve else None


def being_written(file: Path, quiet: float) -> bool:
    """Tell if a training writes into a file: it holds its folder's lock.

    Where nothing tells of a lock, it counts as being written until it has been `quiet` for so many seconds.
    """
    told = lock.held(file.parent)
    if told is not None:
        return told
    try:
        return abs(time.time() - file.stat().st_mtime) < quiet  # of a clock that was set back, it lies ahead
    except (OSError, ValueError):
        return False


def find(place: str | Path) -> Path | None:
    """Return the file of a history: of a training's folder, a checkpoint folder, or a file in one; None without one."""
    try:
        path = Path(place).expanduser()
        if path.name in (METRICS, LOSS_TABLE) and path.is_file():
            return path
        folder = path if path.is_dir() else path.parent if path.is_file() else None
        found = [] if folder is None else [folder / name for name in (METRICS, LOSS_TABLE)]
        return next((file for file in found if file.is_file()), None)
    except (OSError, ValueError, RuntimeError):  # a null byte, a name that is too long, `~` of an unknown user
        return None


def read(place: str | Path) -> LearningCurves:
    """Read the history at a place; see `find`.

    Raises:
        CurvesError: there is none, or it cannot be read.
    """
    file = find(place)
    if file is None:
        raise CurvesError(f"there is no {METRICS} and no {LOSS_TABLE} at {place}; give the folder of a training")
    try:
        with file.open("rb") as opened:
            head, size = opened.read(4096).partition(b"\n")[0], file.stat().st_size
            opened.seek(max(0, size - MOST))
            raw = opened.read(MOST)
    except OSError as error:
        raise CurvesError(f"{file} cannot be read: {error.strerror or error}") from None
    notices = []
    if size > MOST:
        raw = raw.partition(b"\n")[2]
        notices.append(f"Only the last {MOST >> 20} MB of {file.name} are shown: it has {size >> 20} MB.")
    whole = raw.rpartition(b"\n")[0]  # the last line may be half-written
    rows = _table(head, whole) if file.name == LOSS_TABLE else _lines(whole)
    curves, damaged, seconds = _curves(rows)
    if damaged:
        notices.append(f"{damaged:,} lines of {file.name} could not be read and are left out.")
    if not curves and damaged:
        raise CurvesError(f"{file} holds no losses: none of its lines could be read")
    return LearningCurves(file, curves, read_json(file.with_name(SETTINGS)), notices, seconds)


def as_table(history: LearningCurves) -> str:
    """Return a history as the text of a `loss.csv`, which `read` can read."""
    kinds = [kind for kind in KINDS if kind in history.curves]
    found: dict[int, dict[str, float]] = {}
    for kind in kinds:
        for step, value in zip(history.curves[kind].steps, history.curves[kind].values, strict=True):
            found.setdefault(step, {})[kind] = value
    rows = [[str(step), *(str(found[step].get(kind, "")) for kind in kinds)] for step in sorted(found)]
    return "".join(",".join(row) + "\n" for row in [["step", *kinds], *rows])


def read_json(path: Path, most: int = 2**20) -> dict[str, Any]:
    """Read a small JSON object from a file; {} if there is none or it cannot be read."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            found = json.loads(file.read(most))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def smoothed(values: list[float], weight: float) -> list[float]:
    """Return a moving mean in which each value counts `weight` times as much as the next, as in TensorBoard.

    >>> smoothed([4.0, 2.0, 2.0], 0.5)
    [4.0, 2.6666666666666665, 2.2857142857142856]
    """
    found, total, count = [], 0.0, 0.0
    for value in values:
        total, count = total * weight + value, count * weight + 1
        found.append(total / count)
    return found


def _lines(raw: bytes) -> Iterable[Mapping[str, Any] | None]:
    for line in raw.splitlines():
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if line.strip():
            yield found if isinstance(found, dict) else None


def _table(head: bytes, raw: bytes) -> Iterable[Mapping[str, Any] | None]:
    names = next(csv.reader([head.decode("utf-8", "replace")]), [])
    rows = csv.reader(io.StringIO(raw.decode("utf-8", "replace").replace("\0", "")))
    try:
        for row in rows:
            if row and row != names:
                yield {name: _number(cell) for name, cell in zip(names, row, strict=False) if cell}
    except csv.Error:
        yield None


def _number(cell: str) -> float | int | None:
    try:
        return int(cell) if cell.isdecimal() and len(cell) < 20 else float(cell)
    except ValueError:
        return None


def _curves(rows: Iterable[Mapping[str, Any] | None]) -> tuple[dict[str, Curve], int, float]:
    """Return the curves, the number of damaged lines, and the seconds of the last line.

    If a step was repeated, its last value counts.
    """
    found: dict[str, dict[int, float]] = {}
    damaged, seconds = 0, 0.0
    for row in rows:
        step = None if row is None else row.get("step")
        if row is None or type(step) is not int or not 0 <= step < 2**53:
            damaged += 1
            continue
        seconds = _finite(row.get("seconds")) or seconds
        for kind in KINDS:
            if (value := _finite(row.get(kind))) is not None:
                found.setdefault(kind, {})[step] = value
    curves = {kind: Curve(sorted(points), [points[step] for step in sorted(points)]) for kind, points in found.items()}
    return curves, damaged, seconds


def _finite(value: object) -> float | None:
    try:
        number = float(value) if type(value) in (int, float) else math.nan  # type: ignore[arg-type]
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None
