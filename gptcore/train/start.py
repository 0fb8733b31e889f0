"""The data, the sizes and the first weights of a training: from its settings, from another checkpoint (`init_from`),
or from the training that is resumed. This file trains nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from gptcore import data
from gptcore.config import GPTConfig
from gptcore.data import Source
from gptcore.model import GPT, INIT_STD
from gptcore.tokenizer import Tokenizer, tokenizer_from_json
from gptcore.train.distributed import Job
from gptcore.train.settings import Settings
from gptcore.train.training_folder import TrainingError, TrainingFolder

WPE = "transformer.wpe.weight"


@dataclasses.dataclass(frozen=True)
class Given:
    """The parts of the model that exist before training."""

    config: GPTConfig
    tokenizer: Tokenizer
    weights: dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Start:
    """Everything that the first step needs."""

    source: Source
    config: GPTConfig
    weights: dict[str, Tensor] | None
    """First weights; None for random ones, by the seed."""
    last: dict[str, Any] | None
    """Content of last.pt if the training is resumed; else None."""


def start(settings: Settings, folder: TrainingFolder, job: Job) -> Start:
    """Read everything. Only rank 0 reads checkpoints, makes the vocabulary, and locks the training's folder.

    Raises:
        TrainingError: the training in `folder` is of another model, or another process is training there.
        gptcore.data.DataError, gptcore.ConfigError, gptcore.CheckpointError: data, sizes or checkpoint are unusable.
    """
    job.shared(lambda: folder.lock() if settings.resume and folder.path.is_dir() else None)  # before last.pt is read
    try:
        return _read_all(settings, folder, job)
    except BaseException:
        folder.unlock()
        raise


def _read_all(settings: Settings, folder: TrainingFolder, job: Job) -> Start:
    last = job.shared(lambda: folder.read_last() if settings.resume else None)
    given = _of_run(last) if last else job.shared(lambda: _of_checkpoint(settings))
    block_size = settings.block_size or (given.config.block_size if given else 0)
    source = _source(settings, block_size, given.tokenizer if given else None, job)
    config = _config(settings, source, given if settings.init_from else None)
    if last and last["model_args"] != config.to_dict():
        raise job.told(
            TrainingError(
                f"{folder.last} holds a model of {last['model_args']}, but these settings make one of "
                f"{config.to_dict()}; keep the data and the model's sizes as they were"
            )
        )
    return Start(source, config, given.weights if given else None, last)


def fresh_model(config: GPTConfig, embedding_std: float) -> GPT:
    """Return a model with random weights as in nanoGPT, from PyTorch's generator, its embeddings rescaled."""
    model = GPT(config)
    with torch.no_grad():
        for embedding in (model.transformer.wte, model.transformer.wpe):
            embedding.weight.mul_(embedding_std / INIT_STD)
    return model


def _of_run(last: dict[str, Any]) -> Given:
    return Given(GPTConfig.from_dict(last["model_args"]), tokenizer_from_json(last["tokenizer"]), last["model"])


def _of_checkpoint(settings: Settings) -> Given | None:
    if settings.init_from is None:
        return None
    from gptcore.checkpoint import load  # imported here: only --init-from needs all formats

    ckpt = load(settings.init_from)
    most, wanted = ckpt.config.block_size, settings.block_size or ckpt.config.block_size
    if wanted > most:
        raise ValueError(
            f"block_size: {settings.init_from} has {most} positions, and {wanted} were asked for; give at most {most}, "
            "or leave it out"
        )
    weights = ckpt.model.state_dict()
    weights[WPE] = weights[WPE][:wanted].clone()  # as nanoGPT's crop_block_size
    config = dataclasses.replace(ckpt.config, block_size=wanted)
    return Given(config, ckpt.tokenizer, weights)


def _source(settings: Settings, block_size: int, tokenizer: Tokenizer | None, job: Job) -> Source:
    """Return the data with the given vocabulary; without one, every rank uses the one that rank 0 makes."""
    mine: list[Source] = []

    def vocabulary() -> dict[str, Any]:
        mine.append(_read(settings, block_size, tokenizer))
        return mine[0].tokenizer.to_json()

    found = job.shared(vocabulary)
    return job.together(lambda: mine[0] if mine else _read(settings, block_size, tokenizer_from_json(found)))


def _read(settings: Settings, block_size: int, tokenizer: Tokenizer | None) -> Source:
    if settings.data not in data.TASKS:
        return data.text_source(settings.data, block_size, settings.tokenizer, settings.vocab_size, tokenizer)
    size = tokenizer.vocab_size if tokenizer else settings.vocab_size
    source = data.task_source(settings.data, block_size, size)
    if tokenizer and tokenizer.to_json() != source.tokenizer.to_json():
        raise ValueError(
            f"data: the task {settings.data} has its own letters, {source.tokenizer.decode(range(size))!r}, but "
            f"{settings.init_from or settings.out} has another vocabulary; start from a model of this task"
        )
    return source


def _config(settings: Settings, source: Source, given: Given | None) -> GPTConfig:
    if given:
        return dataclasses.replace(given.config, dropout=settings.dropout)
    return GPTConfig(
        block_size=settings.block_size,
        vocab_size=source.tokenizer.vocab_size,
        n_layer=settings.n_layer,
        n_head=settings.n_head,
        n_embd=settings.n_embd,
        dropout=settings.dropout,
        bias=settings.bias,
        tie_weights=settings.tie_weights,
        activation=settings.activation,
    )
