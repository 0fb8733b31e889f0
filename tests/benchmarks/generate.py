"""Tokens a second, ours and transformers', on GPT-2 small's shape: `python -m tests.benchmarks.generate`."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

import gptcore
from gptcore.analysis.lens import lens_names
from tests.benchmarks.capture import ids
from tests.benchmarks.timing import keep_freed_memory, ratio, report, seconds

NEW, ROUNDS = 16, 15
"""Tokens of a run, and runs of each side, which take turns."""
SAMPLING: dict[str, Any] = {"temperature": 0.8, "top_k": 40}


def ours(model: gptcore.GPT, prompt: list[int]) -> Callable[[], object]:
    """Every token with its trace, stages and probabilities; the prompt's own pass included."""
    return lambda: [step.id for step in gptcore.generate(model, prompt, NEW, **SAMPLING)]


def theirs(model: Any, prompt: list[int]) -> Callable[[], object]:
    """Transformers' `generate`, with its cache of keys and values."""
    tokens = torch.tensor([prompt])
    options = {"max_new_tokens": NEW, "do_sample": True, "pad_token_id": 0, "attention_mask": torch.ones_like(tokens)}
    return lambda: model.generate(tokens, **options, **SAMPLING)


def speed(model: gptcore.GPT, other: Any) -> bool:
    """Whole texts, in turn: the prompt's pass and the tokens after it."""
    good = True
    for T in (16, 64, 512):
        mine, other_ones = ours(model, ids(T)), theirs(other, ids(T))
        pairs = []
        for i in range(ROUNDS + 2):
            first, second = (mine, other_ones) if i % 2 else (other_ones, mine)
            one, two = seconds(first), seconds(second)
            pairs.append((one, two) if i % 2 else (two, one))
        pairs = pairs[2:]
        a, b = (statistics.median(times) for times in zip(*pairs, strict=True))
        middle = statistics.median(a / b for a, b in pairs)
        detail = f"{NEW / a:.1f} / {NEW / b:.1f} tokens/s; median of the pairs' ratios {middle:.3f}"
        good &= report(f"time of {NEW} tokens after {T} / transformers'", a / b, 1.0, detail)
    return good


def lens(model: gptcore.GPT) -> bool:
    """The lens at one position against one matrix product of as many rows."""
    trace = gptcore.capture(model, ids(64))
    states = torch.randn(len(lens_names(model.config)), model.config.n_embd)
    with torch.no_grad():
        read, product = ratio(lambda: gptcore.logit_lens(trace, -1), lambda: model.lm_head(states), 51)
    return report("the lens at one position / one product (L + 1, C) (C, V)", read / product, 1.5, f"{read:.1f} ms")


def main() -> int:
    """Prints the table; the exit status is 1 if a bound was missed."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {keep_freed_memory()}\n")
    print("| what | measured | bound | | detail |\n|---|---|---|---|---|")
    model = gptcore.GPT(gptcore.GPTConfig.preset("gpt2")).eval()
    other = GPT2LMHeadModel(GPT2Config(bos_token_id=None, eos_token_id=None)).eval()
    gc.collect()
    gc.freeze()  # as the app does once its libraries are loaded
    good = [speed(model, other), lens(model)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    raise SystemExit(main())
