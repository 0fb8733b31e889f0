"""From a finished training to a checkpoint folder that can be shipped: weights, snapshots, loss curve, model card.

This file trains nothing; the model card's text is made in `card.py`.
"""

from __future__ import annotations

import csv
import io
import shlex
import shutil
from pathlib import Path

import torch

from gptcore import checkpoint
from gptcore.checkpoint.snapshots import FOLDER
from gptcore.checkpoint.training_files import LOSS_TABLE
from gptcore.train.card import card
from gptcore.train.loop import Trainer
from gptcore.train.settings import OF_INIT_FROM, Settings
from gptcore.train.training_folder import TrainingFolder
from gptcore.whole_file import PART, write_whole

COLUMNS = ("step", "loss", "train_loss", "val_loss", "val_accuracy", "lr", "tokens_per_s", "grad_norm")
OF_THIS_MACHINE = ("out", "export", "resume", "init_from")


def export(trainer: Trainer) -> None:
    """Write the best weights, card, curve and snapshots to `settings.export`. The card measures the written weights.

    Raises:
        ValueError: there is something else at this place.
        OSError: the disk is full.
    """
    settings = trainer.settings
    target = settings.export
    assert target is not None
    best = checkpoint.load(trainer.folder.best)
    # the settings of the card's command, without paths of this machine
    best.info["train_config"] = {
        name: value
        for name, value in settings.told().items()
        if name not in OF_THIS_MACHINE and isinstance(value, str | int | float)
    }
    if prompt := settings.prompt or trainer.source.prompt:
        best.info["prompt"] = prompt
    checkpoint.save(best, target, dtype=getattr(torch, settings.export_dtype))
    _copy_snapshots(trainer.folder.path / FOLDER, target / FOLDER)
    written = checkpoint.load(target, device=trainer.device)  # the card measures these weights, rounding included
    text = card(trainer, written.model, best.info["iter_num"], command(settings))
    write_whole(target / "README.md", lambda file: file.write(text.encode()))
    write_whole(target / LOSS_TABLE, lambda file: file.write(curve(trainer.folder).encode()))


def command(settings: Settings) -> str:
    """Return the command line that makes these settings, without options at their defaults.

    >>> command(Settings(out=Path("runs/a"), steps=10, bias=True, snapshots=(1, 5)))
    'python -m gptcore.train --out runs/a --bias --steps 10 --snapshots 1 5'
    """
    plain = vars(Settings(out=Path(), data=settings.data, init_from=settings.init_from))  # decide the usual block_size
    plain |= {"data": Settings.data, "init_from": None}
    words: list[object] = ["python", "-m", "gptcore.train"]
    for name, value in vars(settings).items():
        option = f"--{name.replace('_', '-')}"
        if name == "resume" or value == plain[name] or (settings.init_from and name in OF_INIT_FROM):
            continue
        if isinstance(value, bool):
            words.append(option if value else f"--no-{option[2:]}")
        else:
            words += [option, *value] if isinstance(value, tuple) else [option, value]
    return shlex.join(map(str, words))


def curve(folder: TrainingFolder) -> str:
    """Return metrics.jsonl as a CSV table; cells without a value stay empty."""
    lines = folder.read_metrics()
    known = {name for line in lines for name in line}
    table = io.StringIO()
    columns = [name for name in COLUMNS if name in known]
    writer = csv.DictWriter(table, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return table.getvalue()


def _copy_snapshots(made: Path, target: Path) -> None:
    """Copy the training's snapshots, in place of those of an older export, which belong to other weights."""
    new = target.with_name(f".{target.name}{PART}")
    shutil.rmtree(new, ignore_errors=True)
    if made.is_dir():
        shutil.copytree(made, new, ignore=shutil.ignore_patterns(f"*{PART}"))
    if target.is_dir():
        shutil.rmtree(target)
    if new.is_dir():
        new.rename(target)
