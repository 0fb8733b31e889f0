"""Weights of a model at several steps of its training: `snapshots/index.jsonl` and one safetensors file a step.

They lie in the folder of a training, or in a gptscope checkpoint folder, whose config and vocabulary they share.
This file reads them; `gptcore.train` writes them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.build import build
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.checkpoint.shipped import shipped_folder, shipped_models

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


def _parsed(folder: Path, line: bytes) -> Snapshot:
    try:
        content = json.loads(line)
        name = content["file"]
        if not re.fullmatch(r"\d+\.safetensors", name) or type(content["step"]) is not int:
            raise ValueError(f"a snapshot of step {content['step']!r} in {name!r}")
        losses = {key: float(content[key]) for key in ("train_loss", "val_loss", "val_accuracy") if key in content}
        heads = {kind: [[float(x) for x in row] for row in rows] for kind, rows in content.get("heads", {}).items()}
        return Snapshot(content["step"], folder / name, str(content["sha256"]), losses, heads)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{folder / INDEX} is damaged ({error}); copy or download the folder again") from None
