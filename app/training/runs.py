"""The history of a training as curves, from a run's folder or a model's `loss.csv`, also while it is being written.

Whatever the file holds, little of it is read, and what cannot be is said in a sentence. No Streamlit, no model.
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

MOST = 2**24
"""Bytes that are read of a history, the last ones: some 150,000 lines."""
QUIET = 120.0
"""Seconds without a new line after which a run is no longer taken for running."""
KINDS = ("loss", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr", "tokens_per_s", "grad_norm")
METRICS, TABLE, SETTINGS = "metrics.jsonl", "loss.csv", "settings.json"


class HistoryError(ValueError):
    """A sentence: why there is no history at this place."""


@dataclass
class Curve:
    """Numbers by step, as the file holds them; steps only rise."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def thinned(self, most: int) -> Curve:
        """At most about so many of the points, evenly chosen, the last one always: a screen has no room for more."""
        every = -(-len(self.steps) // most)
        if every <= 1:
            return self
        chosen = sorted({*range(0, len(self.steps), every), len(self.steps) - 1})
        return Curve([self.steps[i] for i in chosen], [self.values[i] for i in chosen])


@dataclass
class History:
    """What a training has told of itself so far."""

    file: Path
    curves: dict[str, Curve]
    """By their names in the file, those of `KINDS` that it holds."""
    settings: dict[str, Any]
    """Of the run, where its folder tells them."""
    notices: list[str]

    @property
    def step(self) -> int:
        """The last step that is known."""
        return max((curve.steps[-1] for curve in self.curves.values()), default=0)

    @property
    def steps(self) -> int | None:
        """How many there will be, where the settings tell."""
        found = self.settings.get("steps")
        return found if type(found) is int and found > 0 else None

    @property
    def finished(self) -> bool:
        """Whether the evaluation after the last step is there."""
        evaluated = self.curves.get("val_loss")
        return evaluated is not None and evaluated.steps[-1:] == [self.steps]

    @property
    def running(self) -> bool:
        """Whether it is being written: not finished, and the last line is fresh. A model's table is whole."""
        try:
            return self.file.name == METRICS and not self.finished and time.time() - self.file.stat().st_mtime < QUIET
        except OSError:
            return False

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and value of the lowest validation loss."""
        curve = self.curves.get("val_loss")
        return min(zip(curve.steps, curve.values, strict=True), key=lambda point: point[1]) if curve else None


def find(place: str | Path) -> Path | None:
    """The file of a history: of a run's folder, a checkpoint folder, or a file in one; None where there is none."""
    try:
        path = Path(place).expanduser()
        if path.name in (METRICS, TABLE) and path.is_file():
            return path
        folder = path if path.is_dir() else path.parent if path.is_file() else None
        found = [] if folder is None else [folder / name for name in (METRICS, TABLE)]
        return next((file for file in found if file.is_file()), None)
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, nobody's home
        return None


def read(place: str | Path) -> History:
    """The history at a place, see `find`.

    Raises:
        HistoryError: there is none, or it cannot be read.
    """
    file = find(place)
    if file is None:
        raise HistoryError(f"there is no {METRICS} and no {TABLE} at {place}; give the folder of a run")
    try:
        with file.open("rb") as opened:
            head, size = opened.read(4096).partition(b"\n")[0], file.stat().st_size
            opened.seek(max(0, size - MOST))
            raw = opened.read(MOST)
    except OSError as error:
        raise HistoryError(f"{file} cannot be read: {error.strerror or error}") from None
    notices = []
    if size > MOST:
        raw = raw.partition(b"\n")[2]
        notices.append(f"Only the last {MOST >> 20} MB of {file.name} are shown: it has {size >> 20} MB.")
    whole = raw.rpartition(b"\n")[0]  # the last line may be half-written
    rows = _table(head, whole) if file.name == TABLE else _lines(whole)
    curves, damaged = _curves(rows)
    if damaged:
        notices.append(f"{damaged:,} lines of {file.name} could not be read and are left out.")
    if not curves and damaged:
        raise HistoryError(f"{file} holds no losses: none of its lines could be read")
    return History(file, curves, read_json(file.with_name(SETTINGS)), notices)


def as_table(history: History) -> str:
    """A history as `loss.csv`, which `read` takes again."""
    kinds = [kind for kind in KINDS if kind in history.curves]
    found: dict[int, dict[str, float]] = {}
    for kind in kinds:
        for step, value in zip(history.curves[kind].steps, history.curves[kind].values, strict=True):
            found.setdefault(step, {})[kind] = value
    rows = [[str(step), *(str(found[step].get(kind, "")) for kind in kinds)] for step in sorted(found)]
    return "".join(",".join(row) + "\n" for row in [["step", *kinds], *rows])


def read_json(path: Path, most: int = 2**20) -> dict[str, Any]:
    """A small JSON object in a file; empty where there is none that can be read."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            found = json.loads(file.read(most))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def smoothed(values: list[float], weight: float) -> list[float]:
    """A moving mean in which each value counts `weight` times as much as the next, as TensorBoard smooths.

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


def _curves(rows: Iterable[Mapping[str, Any] | None]) -> tuple[dict[str, Curve], int]:
    """The curves, and how many lines were damaged. Of a step that was done again the last word counts."""
    found: dict[str, dict[int, float]] = {}
    damaged = 0
    for row in rows:
        step = None if row is None else row.get("step")
        if row is None or type(step) is not int or not 0 <= step < 2**53:
            damaged += 1
            continue
        for kind in KINDS:
            if (value := _finite(row.get(kind))) is not None:
                found.setdefault(kind, {})[step] = value
    curves = {kind: Curve(sorted(points), [points[step] for step in sorted(points)]) for kind, points in found.items()}
    return curves, damaged


def _finite(value: object) -> float | None:
    try:
        number = float(value) if type(value) in (int, float) else math.nan  # type: ignore[arg-type]
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return number if math.isfinite(number) else None
