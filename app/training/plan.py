"""The plan of a small training: its choices, their limits, and its costs on this machine. No Streamlit here."""

from __future__ import annotations

import dataclasses
import os
import time
from functools import lru_cache
from pathlib import Path

import psutil
import torch

from gptcore import GPT, GPTConfig, architecture
from gptcore.data import DATA_FOLDER, DATASETS, DEFAULTS, TASKS, task_source
from gptcore.data.task import NOT_ASKED
from gptcore.data.token_files import is_token_file, read_tokens
from gptcore.tokenizer import Tokenizer

OWN_TEXT = "a text of your own"
CONTEXTS = {
    "sort": (5, 7, 9, 11, 13, 15),
    "induction": (16, 32, 48, 64, 96),
    "addition": (5, 8, 11, 14),
}
"""Context lengths that a task can have; a text can have any of `TEXT_CONTEXTS`."""
TEXT_CONTEXTS = (16, 32, 64, 128, 256)
HEAD_DIMS = (8, 16, 24, 32, 48, 64)
MOST_TEXT = 2_000_000
"""Largest number of characters of a pasted text."""
MOST_READ = 2**25
"""Largest number of characters read from a file."""
LEARNT_IDS = 512
"""Vocabulary size of learnt byte pairs: a small model has no room for more."""
SNAPSHOTS, EVALUATIONS, LINES, EVAL_WINDOWS = 20, 20, 500, 32
PROBE_SECONDS, PROBE_FLOPS = 0.3, 4e9
"""Least time of a probe, and most FLOPs of one of its steps; a larger batch is measured by some of its rows."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All choices of a training. `data` is a task, a data set's name, or `OWN_TEXT`, whose text is in `text`."""

    data: str
    n_layer: int
    n_head: int
    head_dim: int
    block_size: int
    steps: int
    batch_size: int
    learning_rate: float
    pairs: bool = False
    """True for byte pairs instead of characters, for a text."""
    text: str = ""

    @property
    def is_task(self) -> bool:
        return self.data in TASKS

    @property
    def config(self) -> GPTConfig:
        """Sizes of the model."""
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
        """V: the number of the task's letters, of the text's different characters, or of learnt byte pairs."""
        if self.data == "induction":  # half a context must be different letters
            return max(DEFAULTS[self.data][1], (self.block_size + 1) // 2)
        if self.is_task:
            return DEFAULTS[self.data][1]
        if self.pairs:
            return LEARNT_IDS
        text = self.text if self.data == OWN_TEXT else _content(known_texts()[self.data])
        return max(1, len(set(text)))

    @property
    def problem(self) -> str:
        """Sentence about why the training cannot start; "" if it can."""
        if self.data != OWN_TEXT:
            return ""
        least = 10 * (self.block_size + 1) * (3 if self.pairs else 1)
        if len(self.text) > MOST_TEXT:
            return f"This text has {len(self.text):,} characters; at most {MOST_TEXT:,} are possible. Paste less."
        if not self.text:
            return f"There is no text yet: paste at least {least:,} characters, so that a tenth fills a context."
        if len(self.text) < least:
            return (
                f"This text has {len(self.text):,} characters. A tenth is held out and must fill a context, so "
                f"{least:,} are needed; paste more, or choose a shorter context."
            )
        return ""

    @property
    def snapshots(self) -> list[int]:
        """Steps of the snapshots: dense at the beginning, where most happens."""
        return sorted({round(self.steps * (i / (SNAPSHOTS - 1)) ** 2) for i in range(SNAPSHOTS)})

    @property
    def arguments(self) -> list[str]:
        """Options of the trainer, without its data and its steps."""
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
"""First positions of the sliders."""
TEXT_SIZES = {
    "small": Plan(OWN_TEXT, 2, 4, 16, 64, 1000, 16, 1e-3),
    "medium": Plan(OWN_TEXT, 4, 4, 32, 128, 2000, 16, 1e-3),
}


def sizes(data: str) -> dict[str, Plan]:
    """Return the presets of a task or a text."""
    found = SIZES.get(data, TEXT_SIZES)
    return {name: dataclasses.replace(plan, data=data) for name, plan in found.items()}


def known_texts() -> dict[str, Path]:
    """Return the named data sets that this machine has; the page downloads none."""
    folder = os.environ.get(DATA_FOLDER)
    places = {} if not folder else {name: Path(folder, known.file) for name, known in DATASETS.items()}
    return {name: path for name, path in places.items() if path.is_file()}


def choices() -> list[str]:
    """Return the names of all data that this machine can train on."""
    return [*TASKS, *known_texts(), OWN_TEXT]


@lru_cache(maxsize=8)
def _content(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MOST_READ)


def memory(plan: Plan) -> int:
    """Return the bytes that training needs besides the process itself; see `MEMORY`."""
    config = plan.config
    tokens = plan.batch_size * config.block_size
    floats = tokens * (ACTIVATIONS * config.n_embd * config.n_layer + 3 * config.vocab_size)
    return 16 * architecture(config).num_params() + 4 * floats


ACTIVATIONS = 24
"""Floats that a block keeps for the backward pass, per token and dimension. Measured on a model of 1.8 M parameters:
the process grew by 191 and 343 MB; the formula gave 181 and 334."""
MEMORY = (
    f"16 bytes a parameter (weights, gradients, AdamW's two moments) + 4 · B·T · ({ACTIVATIONS}·C·L + 3·V) bytes of "
    "activations kept for the backward pass; the process itself, Python and PyTorch, needs memory in addition."
)


def free_memory() -> int:
    """Return the bytes of memory that are free at this moment."""
    return int(psutil.virtual_memory().available)


def too_large(plan: Plan) -> str:
    """Return a sentence if this machine has too little memory for the plan; else ""."""
    needed, free = memory(plan), free_memory()
    if needed <= free:
        return ""
    return (
        f"This needs about {needed / 1e6:,.0f} MB of memory, and this machine has {free / 1e6:,.0f} MB free: choose a "
        "shorter context, fewer sequences in a step or a smaller model."
    )


@dataclasses.dataclass(frozen=True)
class Speed:
    """Seconds of one step and of one evaluation, measured on this machine."""

    step: float
    evaluation: float


def seconds(plan: Plan) -> float:
    """Return the estimated duration: all steps and evaluations at the speed that `probe` measured."""
    speed = probe(plan.config, plan.batch_size, plan.data)
    return plan.steps * speed.step + (EVALUATIONS + len(plan.snapshots) + 1) * speed.evaluation


@lru_cache(maxsize=64)
def probe(config: GPTConfig, batch_size: int, data: str) -> Speed:
    """Train such a model on random ids for a moment. Called in a turn with as many threads as a training gets."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():  # the initial weights come from the global RNG, which all sessions share
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
    step = sorted(times)[len(times) // 2] * batch_size / rows
    forward_passes = _evaluated(data, config) / (batch_size * config.block_size)
    return Speed(step, forward_passes * step / 3)  # a forward pass is a third of a step


def _evaluated(data: str, config: GPTConfig) -> int:
    """Return the number of tokens of an evaluation on both splits."""
    if data not in TASKS:
        return 2 * EVAL_WINDOWS * config.block_size
    source = task_source(data, config.block_size, config.vocab_size)
    return sum(x.numel() for split in ("train", "val") for x, _ in source.whole(split))  # type: ignore[arg-type]


def example(data: str, tokenizer: Tokenizer, config: GPTConfig, seed: int = 0) -> tuple[list[int], list[int | None]]:
    """Return a training example of a task or text: its inputs, and its targets (None where the loss ignores them).

    Raises:
        ValueError: the text is missing, too short, or has characters that the vocabulary lacks.
    """
    generator = torch.Generator().manual_seed(seed)
    if data in TASKS:
        x, y = task_source(data, config.block_size, config.vocab_size).task.example(generator)
        return x[0].tolist(), [None if target == NOT_ASKED else target for target in y[0].tolist()]
    path = known_texts().get(data) or Path(data)
    if not path.is_file():
        raise ValueError(f"the text {data} is not on this machine; copy it there")
    if is_token_file(path):
        tokens = read_tokens(path)
        at = int(torch.randint(max(1, len(tokens) - config.block_size), (), generator=generator))
        found = tokens[at : at + config.block_size + 1].tolist()
        if max(found, default=0) >= config.vocab_size:
            raise ValueError(f"{data} holds the id {max(found)}, which this model does not have; it is another's data")
        return found[:-1], list(found[1:])
    text = _content(path)
    start = int(torch.randint(max(1, len(text) - 8 * config.block_size), (), generator=generator))
    ids = tokenizer.encode(text[start : start + 8 * config.block_size])[: config.block_size + 1]
    if len(ids) < 2:
        raise ValueError(f"the text {data} has fewer than 2 tokens, too few for an example; give a longer one")
    return ids[:-1], list(ids[1:])


def first_asked(task: str, config: GPTConfig) -> int:
    """Return the first position whose next token counts in the task's loss."""
    return task_source(task, config.block_size, config.vocab_size).task.first_asked


def task_of(tokenizer: Tokenizer, config: GPTConfig) -> str | None:
    """Return the built-in task with exactly this vocabulary and context; None if there is none."""
    for name in TASKS:
        try:
            source = task_source(name, config.block_size, config.vocab_size)
        except ValueError:
            continue
        if source.tokenizer.to_json() == tokenizer.to_json():
            return name
    return None
