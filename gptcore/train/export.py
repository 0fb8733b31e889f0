"""From a finished run to a checkpoint folder that can be shipped: weights, loss curve, a card of what was measured."""

from __future__ import annotations

import csv
import io
import platform
import shlex
from pathlib import Path

import torch

from gptcore import checkpoint, data
from gptcore.train import evaluate
from gptcore.train.loop import Trainer
from gptcore.train.run_folder import write_whole
from gptcore.train.settings import Settings

CARD = """\
# {name}

A GPT of {layers} layers, {heads} heads and {width} dimensions over a context of {context} tokens \
({parameters:,} parameters), trained on characters.

| | |
|---|---|
| data | {data} ({licence}); SHA-256 `{sha256}`; first 90 % to train, last 10 % held out |
| loss of these weights, every token of the split | training {train:.4f}, validation {val:.4f} nats per character |
| best evaluation while training | {best:.4f} nats, at step {step:,} |
| steps | {steps:,} of {batch:,} tokens, {seen:,} in all |
| seed | {seed} |
| precision | trained in {trained}, stored in {stored} |
| made with | PyTorch {torch}, {device} |
| licence | MIT, as the project; the text is not restricted |

The command that made it:

```
{command}
```

`loss.csv` holds the loss curve: the loss of single batches (`loss`), and the evaluations (`train_loss`, `val_loss`).
"""


def export(trainer: Trainer) -> None:
    """Writes the best weights, card and curve to `settings.export`, measuring the losses of what was written."""
    settings = trainer.settings
    target = settings.export
    assert target is not None
    best = checkpoint.load(trainer.folder.best)
    checkpoint.save(best, target, dtype=getattr(torch, settings.export_dtype))
    written = checkpoint.load(target, device=trainer.device.type)  # the card tells of these weights, rounding included
    text = data.find_text(settings.data)
    known = data.DATASETS.get(settings.data)
    card = CARD.format(
        name=settings.name,
        layers=settings.n_layer,
        heads=settings.n_head,
        width=settings.n_embd,
        context=settings.block_size,
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        data=settings.data,
        licence=known.licence if known else "a file of the user's",
        sha256=data.sha256(text),
        train=evaluate.whole_split(written.model, trainer.splits.train),
        val=evaluate.whole_split(written.model, trainer.splits.val),
        best=trainer.best_val_loss,
        step=best.info["iter_num"],
        steps=settings.steps,
        batch=settings.batch_size * settings.accumulate * settings.block_size,
        seen=settings.steps * settings.batch_size * settings.accumulate * settings.block_size,
        seed=settings.seed,
        trained=str(trainer.precision).removeprefix("torch."),
        stored=settings.export_dtype,
        torch=torch.__version__,
        device=torch.cuda.get_device_name() if trainer.device.type == "cuda" else f"{platform.machine()} CPU",
        command=command(settings),
    )
    write_whole(target / "README.md", lambda file: file.write(card.encode()))
    write_whole(target / "loss.csv", lambda file: file.write(_curve(trainer).encode()))


def command(settings: Settings) -> str:
    """The command line that makes these settings, options at their defaults left out.

    >>> command(Settings(out=Path("runs/a"), steps=10, bias=True))
    'python -m gptcore.train --out runs/a --bias --steps 10'
    """
    plain = Settings(out=Path())
    words = []
    for name, value in vars(settings).items():
        if value == getattr(plain, name) or name == "resume":
            continue
        option = name.replace("_", "-")
        words += [f"--{option}" if value else f"--no-{option}"] if isinstance(value, bool) else [f"--{option}", value]
    return shlex.join(["python", "-m", "gptcore.train", *map(str, words)])


def _curve(trainer: Trainer) -> str:
    """metrics.jsonl as a table; what a step does not know stays empty."""
    table = io.StringIO()
    columns = ["step", "loss", "train_loss", "val_loss", "lr"]
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(trainer.folder.read_metrics())
    return table.getvalue()
