"""Texts that a model continues by plain sampling, and a count of its right answers to a task.

This file knows models and data; it writes no files.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gptcore.data import Sort, TextSource
from gptcore.model import GPT

TEMPERATURE, SEED = 0.8, 0
MOST_BYTES = 200
"""Rough length of a continuation."""
PROMPT_WORDS = 5


@torch.no_grad()
def continued(model: GPT, ids: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """Return `ids` (B, T) with `count` more tokens: sampled at temperature 0.8; without a generator, the likeliest."""
    for _ in range(count):
        logits, _ = model(ids[:, -model.config.block_size :])
        last = logits[:, -1]  # (B, V)
        if generator is None:
            following = last.argmax(dim=-1, keepdim=True)
        else:  # on the CPU, so that a seed gives the same text on each device
            following = torch.multinomial((last.float().cpu() / TEMPERATURE).softmax(-1), 1, generator=generator)
        ids = torch.cat([ids, following.to(ids.device)], dim=1)
    return ids


def text_samples(model: GPT, source: TextSource, count: int = 3) -> list[tuple[str, str]]:
    """Return beginnings from the held-out text, each with the model's continuation."""
    tokens, generator, found = source.splits["val"], torch.Generator().manual_seed(SEED), []
    bytes_per_token = len(source.tokenizer.decode(tokens[:1000].tolist()).encode()) / len(tokens[:1000])
    for i in range(count):
        at = len(tokens) * i // count
        passage = source.tokenizer.decode(tokens[at : at + 400].tolist())
        lines = [line for line in passage.split("\n")[1:] if len(line.split()) >= PROMPT_WORDS] or [passage]
        prompt = " ".join(lines[0].split()[:PROMPT_WORDS])
        ids = torch.tensor([source.tokenizer.encode(prompt)], device=model.lm_head.weight.device)
        whole = continued(model, ids, round(MOST_BYTES / bytes_per_token), generator)
        found.append((prompt, source.tokenizer.decode(whole[0, ids.size(1) :].tolist())))
    return found


def sorted_inputs(model: GPT, task: Sort, rows: int = 4096) -> int:
    """Return the number of inputs that the model sorts, if each of its tokens is the most probable one."""
    right = 0
    for inputs in task.inputs.split(rows):
        whole = continued(model, inputs.to(model.lm_head.weight.device), task.length)
        right += int((whole[:, task.length :].cpu() == inputs.sort(dim=1).values).all(dim=1).sum())
    return right
