"""Weights of a model at several steps of its training: `snapshots/index.jsonl` and one safetensors file a step.

They lie in the folder of a training, or in a gptscope checkpoint folder, whose config and vocabulary they share.
This file reads them; `gptcore.train` writes them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.build import build
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.checkpoint.shipped import shipped_folder, shipped_models
from gptcore.tokenizer.bounded import shown

FOLDER, INDEX = "snapshots", "index.jsonl"
MOST_INDEX = 2**24
"""Largest index in bytes; a thousand snapshots of a large model's heads take a tenth of it."""


@dataclass(frozen=True)
class Snapshot:
    """The state of a training after `step` steps."""

    step: int
    path: Path
    sha256: str
    losses: dict[str, float] = field(default_factory=dict)
    """Values of train_loss, val_loss, and for a task val_accuracy."""
    heads: dict[str, list[list[float]]] = field(default_factory=dict)
    """Scores of each kind for each head, [layer][head]; see `gptcore.analysis.head_scores`."""


def snapshots(path_or_name: str | os.PathLike[str]) -> tuple[Snapshot, ...]:
    """Return the snapshots of a shipped model, a checkpoint folder or a training's folder, by step; () without any.

    Raises:
        CheckpointError: the index is damaged.

    >>> snapshots("shakespeare-char")[:0]
    ()
    """
    text = os.fspath(path_or_name)
    folder = (shipped_folder() / text if text in shipped_models() else Path(text).expanduser()) / FOLDER
    index = folder / INDEX
    if not index.is_file():
        return ()
    with index.open("rb") as file:
        raw = file.read(MOST_INDEX)
    found: dict[int, Snapshot] = {}
    for line in raw.split(b"\n")[:-1]:  # the last line may still be being written
        snapshot = _parsed(folder, line)
        found[snapshot.step] = snapshot
    return tuple(found[step] for step in sorted(found))


def load_snapshot(ckpt: Checkpoint, snapshot: Snapshot) -> Checkpoint:
    """Return the model of `ckpt` at the snapshot's step: same config and vocabulary, other weights.

    Raises:
        CheckpointError: the file is missing, was changed, or holds the weights of another model.
    """
    try:
        digest = hashlib.sha256(snapshot.path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"{snapshot.path} cannot be read: {error.strerror or error}; check the file") from error
    if digest != snapshot.sha256:
        raise CheckpointError(
            f"{snapshot.path} was changed since it was written: its SHA-256 differs; copy or download it again"
        )
    with SafetensorsFile(snapshot.path) as file:
        state = {name: file.read(name) for name in file.entries}
    notices: list[str] = []
    model = build(ckpt.config, state, notices).to(ckpt.model.lm_head.weight.device)
    losses = {"iter_num": snapshot.step, "val_loss": snapshot.losses.get("val_loss")}
    info: dict[str, Any] = {**ckpt.info, **losses, "notices": notices, "snapshot": snapshot.step}
    return Checkpoint(model, ckpt.tokenizer, ckpt.config, info)


class _Line(BaseModel):
    """A line of the index, whoever wrote it."""

    model_config = ConfigDict(strict=True)

    step: Annotated[int, Field(ge=0, lt=2**53)]
    file: Annotated[str, Field(pattern=r"^\d{1,20}\.safetensors$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    train_loss: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None
    heads: dict[str, list[list[float]]] = {}

    @property
    def losses(self) -> dict[str, float]:
        """Losses that were measured."""
        found = {"train_loss": self.train_loss, "val_loss": self.val_loss, "val_accuracy": self.val_accuracy}
        return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def _parsed(folder: Path, line: bytes) -> Snapshot:
    try:
        found = _Line.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "a line"
        why = f"{place}: {first['msg']}, got {shown(first['input'])}"
    except (ValueError, RecursionError) as error:
        why = str(error)
    else:
        return Snapshot(found.step, folder / found.file, found.sha256, found.losses, found.heads)
    raise CheckpointError(f"{folder / INDEX} is damaged ({why}); copy or download the folder again")
