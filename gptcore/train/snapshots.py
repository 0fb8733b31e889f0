"""Writer of snapshots in a training's folder: the weights of a step, its losses and the scores of its heads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save

from gptcore.analysis.head_scores import KINDS, head_scores
from gptcore.checkpoint.snapshots import FOLDER, INDEX
from gptcore.model import GPT
from gptcore.skip_init import twin
from gptcore.train.training_folder import whole_lines
from gptcore.whole_file import write_whole


def write(run: Path, model: GPT, step: int, losses: dict[str, float], dtype: torch.dtype) -> None:
    """Add the snapshot of a step atomically: first its file, then its line in the index."""
    state = model.state_dict()
    with torch.no_grad():
        # Another model with these very weights: capturing leaves hooks, which would slow training.
        scores = head_scores(twin(GPT, model.config, state), kinds=KINDS)
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    tied = {"lm_head.weight"} if model.config.tie_weights else set()
    raw = save({k: v.to("cpu", dtype).contiguous() for k, v in state.items() if k not in tied})
    name = f"{step:07d}.safetensors"
    write_whole(folder / name, lambda file: file.write(raw))
    heads = {kind: [[round(x, 4) for x in row] for row in values.tolist()] for kind, values in scores.items()}
    line = {"step": step, "file": name, "sha256": hashlib.sha256(raw).hexdigest(), **losses, "heads": heads}
    with (folder / INDEX).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def forget_after(run: Path, step: int) -> None:
    """Remove the snapshots of steps that a resumed training repeats."""
    index = run / FOLDER / INDEX
    if not index.exists():
        return
    kept = []
    for line in whole_lines(index):
        if line["step"] <= step:
            kept.append(json.dumps(line) + "\n")
        else:
            (run / FOLDER / line["file"]).unlink(missing_ok=True)
    write_whole(index, lambda file: file.write("".join(kept).encode()))
