"""Snapshots of a model's training: their curves and their weights, shared by all sessions. No Streamlit here.

Each snapshot is loaded when a session first asks for it, and stays cached while the budget allows.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from app.training.learning_curves import being_written
from gptcore import GPT, Checkpoint, CheckpointError, GPTConfig, shipped_models
from gptcore.analysis.head_scores import KINDS
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.snapshots import FOLDER, INDEX, Snapshot, load_snapshot, snapshots
from gptcore.checkpoint.training_files import METRICS

BUDGET = 512_000_000
"""Bytes of cached weights, even if no session shows them: every snapshot of a small model, a few of a large one."""
PATIENCE = 1.0
"""Seconds after reading an index in which it is not checked again."""
STILL = 300.0
"""Seconds without a new line of a training, after which no more snapshots are expected where no lock tells more."""
MOST = 64
"""Number of cached histories."""
HALF = 0.5
"""Score from which a head counts as one of its kind: it pays most of its attention in that way."""
LOSSES = ("train_loss", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class History:
    """The snapshots of a model, with their losses and scores; empty if there are no snapshots."""

    source: str = ""
    """Path of the folder."""
    snapshots: tuple[Snapshot, ...] = ()
    shape: tuple[int, int] = (0, 0)
    """(L, H)."""
    growing: bool = False
    """True if more snapshots are expected."""
    trouble: str = ""
    """Sentence about an index that could not be read; the snapshots are then the ones known before. Else ""."""

    @cached_property
    def key(self) -> str:
        """Hash of the snapshots: equal for equal snapshots."""
        told = [self.source, *(f"{each.step} {each.sha256}" for each in self.snapshots)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def at(self, step: int | None) -> Snapshot | None:
        """Return the snapshot of a step; None if there is none."""
        return next((each for each in self.snapshots if each.step == step), None)

    @cached_property
    def losses(self) -> dict[str, list[float | None]]:
        """Curves with at least one value, a value for each snapshot; None for a missing one."""
        curves = {name: [_finite(each.losses.get(name)) for each in self.snapshots] for name in LOSSES}
        return {name: curve for name, curve in curves.items() if any(value is not None for value in curve)}

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Scores that the snapshots hold for this model's heads."""
        return tuple(kind for kind in KINDS if any(self._scores(each, kind) is not None for each in self.snapshots))

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """Scores (kinds, snapshots, L * H), NaN where a snapshot has none."""
        n_layer, n_head = self.shape
        made = np.full((len(self.kinds), len(self.snapshots), n_layer * n_head), np.nan, np.float32)
        for k, kind in enumerate(self.kinds):
            for i, each in enumerate(self.snapshots):
                if (found := self._scores(each, kind)) is not None:
                    made[k, i] = found.ravel()
        return made

    @cached_property
    def telling(self) -> str:
        """Score with the largest change of any head; "" without scores."""
        if not self.kinds:
            return ""
        known = np.isfinite(self.scores)
        high = np.where(known, self.scores, -np.inf).max(axis=1)  # (kinds, L * H)
        low = np.where(known, self.scores, np.inf).min(axis=1)
        return self.kinds[int((high - low).max(axis=1).argmax())]

    def score(self, step: int | None, kind: str, layer: int, head: int) -> float | None:
        """Return the score of one head at one step; None if it was not measured."""
        here = self.at(step)
        found = None if here is None else self._scores(here, kind)
        return None if found is None else _finite(found[layer, head].item())

    def strongest(self, step: int | None, kind: str) -> tuple[int, int] | None:
        """Return the (layer, head) with the largest score at a step; None if none was measured there."""
        here = self.at(step)
        found = None if here is None else self._scores(here, kind)
        if found is None or not np.isfinite(found).any():
            return None
        layer, head = np.unravel_index(np.where(np.isfinite(found), found, -np.inf).argmax(), found.shape)
        return int(layer), int(head)

    def passing(self, kind: str) -> tuple[int, int, int] | None:
        """Return the (layer, head, step) at which a score of this kind first passes one half; None if none does.

        It passes between two neighbouring snapshots: below one half in the first of them, not in the second. Of several
        heads that do at the same step, the one with the largest score there counts.
        """
        if kind not in self.kinds or len(self.snapshots) < 2:
            return None
        scores = self.scores[self.kinds.index(kind)]  # (snapshots, L * H)
        passed = (scores[:-1] < HALF) & (scores[1:] >= HALF)  # False where one of them is NaN
        if not passed.any():
            return None
        first = int(passed.any(axis=1).argmax())
        head = int(np.where(passed[first], scores[first + 1], -np.inf).argmax())
        return *divmod(head, self.shape[1]), self.snapshots[first + 1].step

    def _scores(self, snapshot: Snapshot, kind: str) -> NDArray[np.float64] | None:
        """Return the scores (L, H); None if the snapshot lacks those of some head."""
        rows = snapshot.heads.get(kind, [])
        n_layer, n_head = self.shape
        return np.array(rows) if len(rows) == n_layer and all(len(row) == n_head for row in rows) else None


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


@dataclass
class _Place:
    """The cache's entry for a snapshot. While it is empty, the thread that holds the lock is loading the weights."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    model: GPT | None = None


@dataclass
class _Index:
    """The state of an index file at the last check."""

    looked: float
    signature: tuple[int, int] | None
    history: History


class Snapshots:
    """The histories and the snapshots of a server."""

    def __init__(self, budget: int = BUDGET, patience: float = PATIENCE) -> None:
        self._budget, self._patience = budget, patience
        self._lock = threading.Lock()
        self._indices: OrderedDict[tuple[str, int, int], _Index] = OrderedDict()
        self._places: OrderedDict[tuple[str, GPTConfig], _Place] = OrderedDict()
        self._alive: WeakValueDictionary[tuple[str, GPTConfig], GPT] = WeakValueDictionary()

    def history(self, source: str, config: GPTConfig) -> History:
        """Return the history of a model, by the source that it was loaded from: the same object until it changes.

        Each call checks the index file again, but not within `patience` seconds.
        """
        key = (source, config.n_layer, config.n_head)
        now = time.monotonic()
        with self._lock:
            known = self._indices.get(key)
            if known is not None and now - known.looked < self._patience:
                return known.history
            before = known.history if known else History()
            folder = _folder(source)
            signature, growing = _signature(folder), _growing(folder)
            if known is None or known.signature != signature or known.history.growing != growing:
                history = _read(folder, (config.n_layer, config.n_head), growing, before)
            else:
                history = before
            self._indices[key] = _Index(now, signature, history)
            self._indices.move_to_end(key)
            while len(self._indices) > MOST:
                self._indices.popitem(last=False)
        return history

    def checkpoint(self, final: Checkpoint, snapshot: Snapshot) -> Checkpoint:
        """Return the model of `final` at the snapshot's step; load it unless it is cached.

        Raises:
            CheckpointError: its file is missing, was changed, or holds the weights of another model.
        """
        key = (snapshot.sha256, final.config)
        with self._lock:
            place = self._places.setdefault(key, _Place(model=self._alive.get(key)))
            self._places.move_to_end(key)
        with place.lock:  # a session waits for others that load the same snapshot, not for other snapshots
            if place.model is None:
                try:
                    place.model = load_snapshot(final, snapshot).model
                finally:
                    if place.model is None:
                        with self._lock:
                            self._places.pop(key, None)
            model = place.model
        with self._lock:
            self._alive[key] = model
            while len(self._places) > 1 and self.held() > self._budget:
                self._places.popitem(last=False)
        return Checkpoint(model, final.tokenizer, final.config, {**final.info, "iter_num": snapshot.step})

    def held(self) -> int:
        """Return the bytes of the cached weights."""
        models = [place.model for place in list(self._places.values()) if place.model is not None]
        return sum(parameter.nbytes for model in models for parameter in model.parameters())


def _folder(source: str) -> Path:
    """Return the folder whose snapshots belong to a source: those of a training lie beside its best.pt."""
    if source in shipped_models():
        return shipped_folder() / source
    try:
        path = Path(source).expanduser()
        return path.parent if path.is_file() else path
    except (OSError, ValueError, RuntimeError):  # not a possible path, as in models.one_spelling
        return Path(source)


def _signature(folder: Path) -> tuple[int, int] | None:
    """Return modification time and size of the index, which change when the file is written; None without one."""
    try:
        found = (folder / FOLDER / INDEX).stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


def _growing(folder: Path) -> bool:
    """Return True if a training writes into this folder."""
    return being_written(folder / METRICS, STILL)


def _read(folder: Path, shape: tuple[int, int], growing: bool, before: History) -> History:
    """Read the index. If it can no longer be read, return the snapshots known before, with the trouble."""
    try:
        found, trouble = snapshots(folder), ""
    except (CheckpointError, OSError, ValueError) as error:
        found, trouble = before.snapshots, str(error)
    if before.snapshots and not found:
        found, trouble = before.snapshots, f"{folder / FOLDER / INDEX} is gone; the snapshots may be gone, too"
    return History(str(folder), found, shape, growing, trouble)
