"""A small training as it is planned: its choices, their bounds, and what it will cost on this machine. No Streamlit."""

from __future__ import annotations

import dataclasses
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import psutil
import torch

from app.training import processes
from gptcore import GPT, GPTConfig, architecture
from gptcore.data import DATA_FOLDER, DATASETS, DEFAULTS, TASKS, task_source
from gptcore.data.tasks import NOT_ASKED
from gptcore.tokenizer import Tokenizer

OWN_TEXT = "a text of your own"
CONTEXTS = {
    "sort": (5, 7, 9, 11, 13, 15),
    "induction": (16, 32, 48, 64, 96),
    "addition": (5, 8, 11, 14),
}
"""Contexts that a task can have; of a text any of `TEXT_CONTEXTS`."""
TEXT_CONTEXTS = (16, 32, 64, 128, 256)
HEAD_DIMS = (8, 16, 24, 32, 48, 64)
MOST_TEXT = 2_000_000
"""Characters of a text that is pasted."""
MOST_READ = 2**25
"""Characters of a file that are looked at."""
LEARNT_IDS = 512
"""How many ids byte pairs are learnt for: a small model has no room for more."""
SNAPSHOTS, EVALUATIONS, LINES, EVAL_WINDOWS = 20, 20, 500, 32
PROBE_SECONDS, PROBE_FLOPS = 0.3, 4e9
"""Of a probe: how long at least, and how much a step of it may cost; a larger batch is measured by some of its rows."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that decides a training. `data` is a task, a data set's name, or `OWN_TEXT`, which is in `text`."""

    data: str
    n_layer: int
    n_head: int
    head_dim: int
    block_size: int
    steps: int
    batch_size: int
    learning_rate: float
    pairs: bool = False
    """Of a text: byte pairs instead of characters."""
    text: str = ""

    @property
    def is_task(self) -> bool:
        return self.data in TASKS

    @property
    def config(self) -> GPTConfig:
        """The model that it makes."""
        return GPTConfig(
            block_size=self.block_size,
            vocab_size=self.vocab_size,
            n_layer=self.n_layer,
            n_head=self.n_head,
            n_embd=self.n_head * self.head_dim,
            tie_weights=not self.is_task,
            bias=self.is_task,
        )

    @property
    def vocab_size(self) -> int:
        """V: the task's own letters, the different characters of the text, or as many as byte pairs are learnt for."""
        if self.data == "induction":  # half a context of different letters
            return max(DEFAULTS[self.data][1], (self.block_size + 1) // 2)
        if self.is_task:
            return DEFAULTS[self.data][1]
        if self.pairs:
            return LEARNT_IDS
        text = self.text if self.data == OWN_TEXT else _content(known_texts()[self.data])
        return max(1, len(set(text)))

    @property
    def problem(self) -> str:
        """A sentence: why it cannot be started; empty where it can."""
        if self.data != OWN_TEXT:
            return ""
        least = 10 * (self.block_size + 1) * (3 if self.pairs else 1)
        if len(self.text) > MOST_TEXT:
            return f"This text has {len(self.text):,} characters; at most {MOST_TEXT:,} are taken here."
        if not self.text:
            return f"There is no text yet: paste at least {least:,} characters, so that a tenth fills a context."
        if len(self.text) < least:
            return (
                f"This text has {len(self.text):,} characters. A tenth is held out and must fill a context, so "
                f"{least:,} are needed; paste more, or take a shorter context."
            )
        return ""

    @property
    def snapshots(self) -> list[int]:
        """Steps of which the weights are kept: dense at the beginning, where most happens."""
        return sorted({round(self.steps * (i / (SNAPSHOTS - 1)) ** 2) for i in range(SNAPSHOTS)})

    @property
    def arguments(self) -> list[str]:
        """The trainer's options, but for its data and its steps."""
        rate, config = self.learning_rate, self.config
        pairs = {
            "tokenizer": "bpe" if self.pairs else "char",
            "vocab-size": config.vocab_size if self.is_task or self.pairs else 0,
            "block-size": config.block_size,
            "n-layer": config.n_layer,
            "n-head": config.n_head,
            "n-embd": config.n_embd,
            "dropout": 0.0,
            "batch-size": self.batch_size,
            "learning-rate": rate,
            "min-learning-rate": rate / 10,
            "warmup-steps": min(100, self.steps // 10),
            "eval-interval": max(1, self.steps // EVALUATIONS),
            "eval-windows": EVAL_WINDOWS,
            "log-interval": max(1, self.steps // LINES),
        }
        flags = [
            "--bias" if config.bias else "--no-bias",
            "--tie-weights" if config.tie_weights else "--no-tie-weights",
        ]
        return [*(f"--{k}={v}" for k, v in pairs.items()), *flags, "--snapshots", *map(str, self.snapshots)]


SIZES: dict[str, dict[str, Plan]] = {
    "sort": {
        "small": Plan("sort", 3, 3, 16, 11, 1000, 64, 1e-3),
        "medium": Plan("sort", 4, 4, 24, 13, 2000, 64, 1e-3),
    },
    "induction": {
        "small": Plan("induction", 2, 4, 16, 32, 2000, 32, 1e-3),
        "medium": Plan("induction", 2, 4, 32, 64, 4000, 64, 1e-3),
    },
    "addition": {
        "small": Plan("addition", 2, 4, 16, 8, 2000, 128, 1e-3),
        "medium": Plan("addition", 3, 4, 32, 11, 5000, 128, 1e-3),
    },
}
"""Where the sliders begin."""
TEXT_SIZES = {
    "small": Plan(OWN_TEXT, 2, 4, 16, 64, 1000, 16, 1e-3),
    "medium": Plan(OWN_TEXT, 4, 4, 32, 128, 2000, 16, 1e-3),
}


def sizes(data: str) -> dict[str, Plan]:
    """The presets of a task or a text."""
    found = SIZES.get(data, TEXT_SIZES)
    return {name: dataclasses.replace(plan, data=data) for name, plan in found.items()}


def known_texts() -> dict[str, Path]:
    """The named data sets that lie on this machine: nothing is downloaded from a page."""
    folder = os.environ.get(DATA_FOLDER)
    places = {} if not folder else {name: Path(folder, known.file) for name, known in DATASETS.items()}
    return {name: path for name, path in places.items() if path.is_file()}


def choices() -> list[str]:
    """What can be trained on here."""
    return [*TASKS, *known_texts(), OWN_TEXT]


@lru_cache(maxsize=8)
def _content(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MOST_READ)


def memory(plan: Plan) -> int:
    """Bytes that training takes beside the process itself: see `MEMORY`."""
    config = plan.config
    tokens = plan.batch_size * config.block_size
    floats = tokens * (ACTIVATIONS * config.n_embd * config.n_layer + 3 * config.vocab_size)
    return 16 * architecture(config).num_params() + 4 * floats


ACTIVATIONS = 24
"""Floats that a block keeps for the backward pass, by token and dimension; with it, what a training process of 1.8 M
parameters grew by was 191 and 343 MB where 181 and 334 were foretold."""
MEMORY = (
    f"16 bytes a parameter (weights, gradients, AdamW's two moments) + 4 · B·T · ({ACTIVATIONS}·C·L + 3·V) bytes of "
    "activations kept for the backward pass; the process itself, Python and PyTorch, comes on top."
)


def free_memory() -> int:
    """Bytes that this machine can give to a training at this moment."""
    return int(psutil.virtual_memory().available)


def too_large(plan: Plan) -> str:
    """A sentence: why this machine has no room for it; empty where it has."""
    needed, free = memory(plan), free_memory()
    if needed <= free:
        return ""
    return (
        f"This needs about {needed / 1e6:,.0f} MB of memory, and this machine has {free / 1e6:,.0f} MB free: take a "
        "shorter context, fewer sequences in a step or a smaller model."
    )


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds of one step and of one evaluation, as measured here."""

    step: float
    evaluation: float


def seconds(plan: Plan) -> float:
    """How long the training will take: its steps and evaluations at the speed that `probe` measured."""
    speed = probe(plan.config, plan.batch_size, plan.data)
    return plan.steps * speed.step + (EVALUATIONS + len(plan.snapshots) + 1) * speed.evaluation


@lru_cache(maxsize=64)
def probe(config: GPTConfig, batch_size: int, data: str) -> Speed:
    """Trains such a model on random ids for a moment, in a thread of its own with the threads that a training gets."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_probe, config, batch_size, data).result()


def _probe(config: GPTConfig, batch_size: int, data: str) -> Speed:
    before = torch.get_num_threads()
    torch.set_num_threads(processes.threads())
    try:
        generator = torch.Generator().manual_seed(0)
        with torch.random.fork_rng():  # the initial weights are drawn from the RNG that all share
            model = GPT(config)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        rows = int(PROBE_FLOPS / (3 * architecture(config).flops(T=config.block_size)))
        rows = max(1, min(rows, batch_size))
        ids = torch.randint(config.vocab_size, (rows, config.block_size), generator=generator)
        times: list[float] = []
        while len(times) < 2 or sum(times) < PROBE_SECONDS:
            began = time.perf_counter()
            _, loss = model(ids, ids)
            assert loss is not None
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            times.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    step = sorted(times)[len(times) // 2] * batch_size / rows
    forward_passes = _evaluated(data, config) / (batch_size * config.block_size)
    return Speed(step, forward_passes * step / 3)  # a forward pass is a third of a step


def _evaluated(data: str, config: GPTConfig) -> int:
    """Tokens of an evaluation on both splits."""
    if data not in TASKS:
        return 2 * EVAL_WINDOWS * config.block_size
    source = task_source(data, config.block_size, config.vocab_size)
    return sum(x.numel() for split in ("train", "val") for x, _ in source.whole(split))  # type: ignore[arg-type]


def example(data: str, tokenizer: Tokenizer, config: GPTConfig, seed: int = 0) -> tuple[list[int], list[int | None]]:
    """One example that a model of this task or text was trained on: its inputs, and the targets that were asked for.

    Raises:
        ValueError: the text is not there, or cannot be read with this vocabulary.
    """
    generator = torch.Generator().manual_seed(seed)
    if data in TASKS:
        x, y = task_source(data, config.block_size, config.vocab_size).task.example(generator)
        return x[0].tolist(), [None if target == NOT_ASKED else target for target in y[0].tolist()]
    path = known_texts().get(data) or Path(data)
    if not path.is_file():
        raise ValueError(f"the text {data} is not on this machine")
    text = _content(path)
    start = int(torch.randint(max(1, len(text) - 8 * config.block_size), (), generator=generator))
    ids = tokenizer.encode(text[start : start + 8 * config.block_size])[: config.block_size + 1]
    if len(ids) < 2:
        raise ValueError(f"the text {data} is too short for an example")
    return ids[:-1], list(ids[1:])


def first_asked(task: str, config: GPTConfig) -> int:
    """The position from which on training on this task asks such a model for the next token."""
    return task_source(task, config.block_size, config.vocab_size).task.first_asked


def task_of(tokenizer: Tokenizer, config: GPTConfig) -> str | None:
    """The built-in task that has this very vocabulary and context; None for a model of something else."""
    for name in TASKS:
        try:
            source = task_source(name, config.block_size, config.vocab_size)
        except ValueError:
            continue
        if source.tokenizer.to_json() == tokenizer.to_json():
            return name
    return None
