"""Text of the model card: description, origin, and measurements of the exported weights. This file writes nothing."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import torch

from gptcore import data
from gptcore.analysis.head_scores import KINDS, head_scores
from gptcore.data import Induction, Sort, Source, TaskSource, TextSource
from gptcore.data.source import Split
from gptcore.data.tokens import tokenized
from gptcore.data.two_names import TwoNames
from gptcore.model import GPT
from gptcore.tokenizer import BPETokenizer, CharTokenizer, IdTokenizer
from gptcore.train import evaluate, names_card, samples
from gptcore.train.loop import Trainer
from gptcore.train.settings import Settings

SEED = 3
"""Seed of fresh sequences that neither training nor evaluations have used."""
Rows = dict[str, str]


def card(trainer: Trainer, model: GPT, best_step: int, command: str) -> str:
    """Return the card, in Markdown. Its first line of text describes the model; `model` has the exported weights."""
    source, settings = trainer.source, trainer.settings
    measured = _of_text(model, source) if isinstance(source, TextSource) else _of_task(model, source)
    rows = _data(settings, source) | measured | _made(trainer, best_step)
    if isinstance(source, TextSource):
        rows["licence"] = _text_licence(settings)
    else:
        rows["licence"] = "MIT, as the project; the examples are generated and belong to nobody"
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    parts = [
        f"# {settings.name}",
        f"{_opening(source, measured)}. {_sizes(model)}.",
        f"| | |\n|---|---|\n{table}",
        f"The command that made it:\n\n```\n{command}\n```",
        "`loss.csv` holds the loss curve: the loss of single batches (`loss`) with the norm of their gradient, and the "
        "evaluations (`train_loss`, `val_loss`).",
    ]
    if isinstance(source, TextSource):
        parts.insert(-1, _samples(model, source))
    return "\n\n".join(parts) + "\n"


def _opening(source: Source, measured: Rows) -> str:
    """Return the description of the model, a sentence without its full stop."""
    if isinstance(source, TextSource):
        names = sorted({span.path.stem for span in source.spans.train})
        like = names[0] if len(names) == 1 else f"{len(names)} texts"
        unit = {"character": "one character at a time", "byte pair": "in byte pairs"}
        how = unit.get(_unit(source), f"one {_unit(source)} at a time")
        return f"Continues any text, {how}, as it has learnt from {like}"
    assert isinstance(source, TaskSource)
    match source.task:
        case Sort() as sort:
            return f"Sorts {sort.length} letters: {measured['sorted']}"
        case Induction() as induction:
            return f"Copies by induction: up to {induction.halves[-1]} letters in random order, and then the same again"
        case TwoNames():
            return "Knows who gets it: `When Anna and Tom went to the store, Tom gave a ring to` is followed by ` Anna`"
        case task:
            return f"Continues {task.sentence}"


def _sizes(model: GPT) -> str:
    config = model.config
    layers, heads = _count(config.n_layer, "layer"), _count(config.n_head, "head")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"A GPT of {layers}, {heads} and {config.n_embd} dimensions over a context of {config.block_size} tokens "
        f"({parameters:,} parameters)"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _data(settings: Settings, source: Source) -> Rows:
    if isinstance(source, TaskSource):
        return {"data": f"the built-in task `{settings.data}`: {source.task.sentence}"}
    assert isinstance(source, TextSource)
    files = sorted({span.path for part in (source.spans.train, source.spans.val) for span in part})
    known = _known(settings)
    what = f"{settings.data} ({known.licence})" if known else ", ".join(path.name for path in files[:3])
    hashed = f"SHA-256 `{data.sha256(files[0])}`" if len(files) == 1 else f"{len(files)} files"
    if known and known.held_out:
        split = f"the published splits: the last {known.held_out[0]} + {known.held_out[1]} documents are held out for "
        split += "validation and test"
    elif {span.path for span in source.spans.train}.isdisjoint(span.path for span in source.spans.val):
        split = f"{source.spans.train[0].path.name} for training, {source.spans.val[0].path.name} held out"
    else:
        split = "the first 90 % for training, the last 10 % held out"
    rows = {"data": f"{what}; {hashed}; {split}"}
    tokenizer = source.tokenizer
    if not isinstance(tokenizer, BPETokenizer):
        return rows | {"tokens": f"{tokenizer.vocab_size:,} {_unit(source)}s"}
    if settings.init_from:
        origin = "those of the model it was trained from"
    else:
        origin = "GPT-2's" if settings.tokenizer == "gpt2" else "learnt from the training split"
    return rows | {"tokens": f"{tokenizer.vocab_size:,} byte pairs, {origin}"}


def _unit(source: TextSource) -> str:
    """Return what one token of a text is called."""
    kinds = {CharTokenizer: "character", BPETokenizer: "byte pair", IdTokenizer: "id"}
    return next((name for kind, name in kinds.items() if isinstance(source.tokenizer, kind)), "token")


def _of_text(model: GPT, source: TextSource) -> Rows:
    splits: list[Split] = ["train", "val"]
    if source.spans.test:
        source.splits["test"] = tokenized(source.spans.test, source.tokenizer)
        splits.append("test")
    found = {split: evaluate.whole_split(model, source, split) for split in splits}
    names = {"train": "training", "val": "validation", "test": "test"}
    unit = {"byte pair": "token"}.get(_unit(source), _unit(source))
    losses = ", ".join(f"{names[split]} {found[split]['loss']:.4f}" for split in splits)
    rows = {"loss of these weights, every token of the split": f"{losses} nats per {unit}"}
    if any("bits_per_byte" not in found[split] for split in splits):
        return rows
    bits = ", ".join(f"{names[split]} {found[split]['bits_per_byte']:.4f}" for split in splits)
    return rows | {"the same in bits per byte of text": bits}


def _of_task(model: GPT, source: Source) -> Rows:
    assert isinstance(source, TaskSource)
    task, found = source.task, evaluate.whole_split(model, source, "val")
    rows = {
        "held-out examples": f"{100 * found['accuracy']:.2f} % of the targets that the rule decides are predicted, "
        f"loss {found['loss']:.4f} nats per target"
    }
    if isinstance(task, Sort):
        right = samples.sorted_inputs(model, task)
        which = f"all {right:,}" if right == len(task.inputs) else f"{right:,} of {len(task.inputs):,}"
        rows["sorted"] = f"{which} inputs come out sorted"
    if isinstance(task, Induction):
        rows |= _induction(model, task)
    if isinstance(task, TwoNames):
        rows |= names_card.rows(model, task)
    return rows


def _induction(model: GPT, task: Induction) -> Rows:
    x, y = task.examples(256, task.halves[-1], torch.Generator().manual_seed(SEED))
    with torch.no_grad():
        logits, _ = model(x.to(model.lm_head.weight.device), y.to(model.lm_head.weight.device))
        scores = head_scores(model, rows=64, seed=SEED, kinds=KINDS)
    answers = task.answers(y)
    right = (logits.argmax(-1).cpu() == y)[answers].float().mean().item()
    best = {}
    for kind in ("induction", "previous"):
        layer, head = divmod(int(scores[kind].argmax()), model.config.n_head)
        best[kind] = f"{scores[kind].max():.3f} (head {layer}.{head})"
    return {
        f"repeated tokens, halves of {task.halves[-1]}": f"{100 * right:.2f} % predicted, in 256 fresh sequences",
        "best induction score": f"{best['induction']}, of 1, in 64 fresh sequences",
        "best previous-token score": f"{best['previous']}, of 1",
    }


def _made(trainer: Trainer, best_step: int) -> Rows:
    settings, config = trainer.settings, trainer.config
    batch = settings.batch_size * settings.accumulate * config.block_size
    made_on = torch.cuda.get_device_name() if trainer.device.type == "cuda" else f"{platform.machine()} CPU"
    processes = f", {trainer.job.size} processes" if trainer.job.size > 1 else ""
    rows = {
        "best evaluation while training": f"{trainer.best_val_loss:.4f} nats, at step {best_step:,}",
        "steps": f"{trainer.step:,} of {batch:,} tokens, {trainer.step * batch:,} in all",
        "seed": f"{settings.seed}",
        "precision": f"trained in {str(trainer.precision).removeprefix('torch.')}, stored in {settings.export_dtype}",
        "made with": f"PyTorch {torch.__version__}, {made_on}{processes}",
    }
    return ({"trained from": settings.init_from} if settings.init_from else {}) | rows


def _text_licence(settings: Settings) -> str:
    known = _known(settings)
    return f"MIT, as the project; the text: {known.licence}" if known else "its author's choice, if the text allows it"


def _known(settings: Settings) -> data.DataSet | None:
    """Return the public data set of the settings; None if `data` is a path or a task."""
    return None if Path(settings.data).expanduser().exists() else data.DATASETS.get(settings.data)


def _samples(model: GPT, source: TextSource) -> str:
    made = samples.text_samples(model, source)
    shown = "\n\n".join(f"{prompt} ⟶{text}" for prompt, text in made)
    fence = "`" * (1 + max(map(len, re.findall("`{2,}", shown)), default=2))
    return (
        "Its continuations of the first words of three held-out passages (before the arrow), drawn at temperature "
        f"{samples.TEMPERATURE} from all tokens, seed {samples.SEED}, not selected:\n\n{fence}\n{shown}\n{fence}"
    )


def _cell(text: str) -> str:
    """Return the text as a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
