"""A small model in which no two numbers agree by chance, so that a wrong head, end, axis or weight shows.

T, C, H, D, L and V all differ; attention is far from uniform; some tokens are not ASCII; the prompt is longer than the
context.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch

from gptcore import GPT, Checkpoint, Trace, capture, save
from gptcore.tokenizer import CharTokenizer
from gptcore.train import snapshots as writing
from tests.conftest import random_model

LETTERS: Final = "\n abcdefghijklmnoéßж→木λ"
SIZES: Final[dict[str, Any]] = {"block_size": 13, "vocab_size": len(LETTERS), "n_layer": 3, "n_head": 4, "n_embd": 20}
FITS: Final = "ba木é\nж"
"""A prompt within the context."""
LONG: Final = "cab é→木deßjafλ hijж"
"""A prompt of which the model does not see the first tokens; no two of its ends are alike."""
STEPS: Final = (0, 40, 300)
"""Snapshots of the training."""


def lopsided(seed: int = 5, **sizes: Any) -> GPT:
    """The model; another seed gives other weights of the same sizes."""
    model = random_model(seed, **{**SIZES, **sizes})
    with torch.no_grad():
        for block in model.transformer.h:
            block.attn.c_attn.weight.mul_(4)  # so that a head looks at some tokens far more than at others
        model.lm_head.weight.mul_(3)  # (tied to the embedding)
    return model


def checkpoint_of(model: GPT, info: dict[str, object] | None = None) -> Checkpoint:
    """The model with its letters."""
    return Checkpoint(model, CharTokenizer(LETTERS), model.config, dict(info or {}))


def encode(text: str) -> list[int]:
    """Token ids, without any tokenizer."""
    return [LETTERS.index(letter) for letter in text]


def seen(text: str, model: GPT) -> str:
    """The end of the prompt, which is what the model sees."""
    return text[-model.config.block_size :]


def run_of(model: GPT, text: str) -> Trace:
    """A run of its own, by gptcore alone."""
    return capture(model, encode(seen(text, model)))


def model_at(step: int) -> GPT:
    """The weights of the training at a step."""
    return lopsided(seed=1000 + step)


def write_folder(folder: Path, model: GPT, *, prompt: str = FITS, snapshots: bool = False) -> Path:
    """A checkpoint folder of the model, on request with snapshots at `STEPS`."""
    info: dict[str, object] = {"prompt": prompt, "iter_num": 450, "train_config": {"steps": 450}}
    save(checkpoint_of(model, info), folder)
    if snapshots:
        for step in STEPS:
            losses = {"train_loss": 3.0 - step / 150, "val_loss": 3.2 - step / 160, "val_accuracy": step / 400}
            writing.write(folder, model_at(step), step, losses, torch.float32)
    return folder
