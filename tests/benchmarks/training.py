"""The speed of training: `python -m tests.benchmarks.training`. Tokens per second against a plain loop over a plain
model of the same sizes, precision and optimizer, as nanoGPT's `train.py` is built; and what torch.compile brings.

Both run in this process and take turns, `--steps` steps at a time. `--size baby` is nanoGPT's baby GPT.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.train.loop import Trainer
from gptcore.train.settings import Settings
from gptcore.train.tracking import Tracker
from tests.benchmarks.timing import report

SIZES = {
    "small": {"n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64, "batch_size": 12},
    "baby": {"n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 256, "batch_size": 64},
}
PEAKS = {"A100": 312e12, "H100": 989e12, "H200": 989e12}
"""Dense bf16 FLOP/s of cards, from NVIDIA's data sheets."""
WARMUP = 3


class PlainBlock(nn.Module):
    """A layer as it is usually written: no names for what lies between."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).split(C, dim=2))
        z = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout, is_causal=True)
        x = x + F.dropout(self.mix(z.transpose(1, 2).reshape(B, T, C)), self.dropout)
        return x + F.dropout(self.down(F.gelu(self.up(self.norm2(x)))), self.dropout)


class PlainGPT(nn.Module):
    """Embeddings, blocks and a tied head."""

    def __init__(self, settings: Settings, vocab_size: int) -> None:
        super().__init__()
        width = settings.n_embd
        self.tokens, self.places = nn.Embedding(vocab_size, width), nn.Embedding(settings.block_size, width)
        blocks = [PlainBlock(width, settings.n_head, settings.dropout) for _ in range(settings.n_layer)]
        self.blocks, self.norm, self.dropout = nn.ModuleList(blocks), nn.LayerNorm(width, bias=False), settings.dropout
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.dropout(self.tokens(x) + self.places(torch.arange(x.size(1), device=x.device)), self.dropout)
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy(self.head(self.norm(h)).flatten(0, 1), y.flatten())


class PlainLoop:
    """A training as short as it can be written: batch, forward, backward, clip, step; a loss is read every ten."""

    def __init__(self, trainer: Trainer, compiled: bool) -> None:
        self.settings, self.device, self.autocast = trainer.settings, trainer.device, trainer.autocast
        self.tokens = np.asarray(trainer.source.splits["train"])  # type: ignore[attr-defined]
        model = PlainGPT(self.settings, trainer.config.vocab_size).to(self.device).train()
        matrices = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99), fused=True)
        self.parameters = [*matrices, *others]
        self.model: Callable[[Tensor, Tensor], Tensor] = torch.compile(model) if compiled else model
        self.done = 0

    def batch(self) -> list[Tensor]:
        T = self.settings.block_size
        starts = torch.randint(len(self.tokens) - T, (self.settings.batch_size,))
        pair = [
            torch.stack([torch.from_numpy(self.tokens[i + shift : i + shift + T].astype(np.int64)) for i in starts])
            for shift in (0, 1)
        ]
        if self.device.type == "cuda":
            return [ids.pin_memory().to(self.device, non_blocking=True) for ids in pair]
        return pair

    def step(self) -> None:
        x, y = self.batch()
        with self.autocast:
            loss = self.model(x, y)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.done += 1
        if self.done % 10 == 0:
            loss.item()


def ours(settings: Settings) -> tuple[Trainer, Callable[[], None]]:
    """A trainer, and a step of it with all that belongs to one: schedule, checks, its lines in the metrics."""
    trainer = Trainer(settings)
    track = Tracker(trainer.folder, settings.steps, 0, 1, tensorboard=False, shown=False)
    return trainer, lambda: trainer._train_step(track, saves=False)


def tokens_per_second(trainer: Trainer, step: Callable[[], None], steps: int) -> float:
    """The time of so many steps, waited for."""
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    settings = trainer.settings
    return steps * settings.batch_size * settings.block_size / (time.perf_counter() - start)


def flops_per_token(trainer: Trainer) -> float:
    """FLOPs of training, forward and backward: 6 for each weight but the positions', and the attention's products.

    Source: Chowdhery et al. 2022 (PaLM), appendix B, as nanoGPT's `estimate_mfu`.
    """
    config = trainer.config
    weights = sum(p.numel() for p in trainer.model.parameters()) - trainer.model.transformer.wpe.weight.numel()
    return 6 * weights + 12 * config.n_layer * config.n_embd * config.block_size


def main() -> int:
    """Prints the table; fails when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--compile", action="store_true", help="measure compiled against not compiled, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        common = {**SIZES[options.size], "steps": 10**6, "precision": options.precision, "compile": "off"}
        text = Path(folder) / "text.txt"
        text.write_bytes(np.random.default_rng(0).integers(32, 96, 2**20, dtype=np.uint8).tobytes())
        common |= {"data": str(text), "tensorboard": False}
        trainer, mine = ours(Settings(out=Path(folder) / "run", **common))  # type: ignore[arg-type]
        loops: dict[str, Callable[[], None]] = {"ours": mine, "plain": PlainLoop(trainer, compiled=False).step}
        if options.compile:
            compiled = Settings(out=Path(folder) / "compiled", **{**common, "compile": "on"})  # type: ignore[arg-type]
            loops |= {"ours compiled": ours(compiled)[1], "plain compiled": PlainLoop(trainer, compiled=True).step}
        for step in loops.values():
            tokens_per_second(trainer, step, WARMUP)
        rounds = []
        for i in range(options.rounds):
            order = list(loops) if i % 2 else list(loops)[::-1]
            rounds.append({name: tokens_per_second(trainer, loops[name], options.steps) for name in order})
        return table(trainer, rounds, options.size)


def table(trainer: Trainer, rounds: list[dict[str, float]], size: str) -> int:
    """The medians, and those of the ratios within each round."""
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    where = torch.cuda.get_device_name() if trainer.device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"{size}, {where}, {str(trainer.precision).removeprefix('torch.')}, {len(rounds)} rounds\n")
    print("| what | measured | bound | | |\n|---|---|---|---|---|")
    holds = True
    for kind in ("", " compiled") if "ours compiled" in medians else ("",):
        ratios = [each[f"plain{kind}"] / each[f"ours{kind}"] for each in rounds]
        spread = statistics.stdev(ratios) / math.sqrt(len(ratios))
        detail = f"{medians[f'ours{kind}']:,.0f} / {medians[f'plain{kind}']:,.0f} tokens/s, standard error {spread:.3f}"
        holds &= report(f"time of a step / plain loop's{kind}", statistics.median(ratios), 1.0 + 2 * spread, detail)
    if "ours compiled" in medians:
        ratio = statistics.median(each["ours compiled"] / each["ours"] for each in rounds)
        print(f"| speed compiled / not | {ratio:.3f} | | | {medians['ours compiled']:,.0f} tokens/s |")
    peak = next((peak for card, peak in PEAKS.items() if trainer.device.type == "cuda" and card in where), None)
    if peak:
        for name, speed in medians.items():
            print(f"| {name}: share of the card's peak | {flops_per_token(trainer) * speed / peak:.1%} | | | |")
    return 0 if holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
