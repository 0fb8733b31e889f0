"""The judge of these tests gives the numbers of transformers itself, also with a change, made there by a hook."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gptcore import Checkpoint
from tests.analysis.plain import run

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])


@torch.no_grad()
def test_the_judge_is_transformers(pair: tuple[Any, Checkpoint]) -> None:
    theirs, _ = pair
    torch.testing.assert_close(run(theirs, IDS)["logits", -1], theirs(IDS).logits, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_change_is_that_of_a_hook(pair: tuple[Any, Checkpoint]) -> None:
    theirs, _ = pair
    D = theirs.config.n_embd // theirs.config.n_head

    def hook(module: Any, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        joined = args[0].clone()
        joined[:, :, D : 2 * D] = 0  # head 1
        return (joined, *args[1:])

    def change(name: str, layer: int, x: Tensor) -> Tensor:
        if (name, layer) != ("z", 1):
            return x
        x = x.clone()
        x[:, 1] = 0
        return x

    handle = theirs.transformer.h[1].attn.c_proj.register_forward_pre_hook(hook)
    expected = theirs(IDS).logits
    handle.remove()
    found = run(theirs, IDS, change)["logits", -1]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    assert (found - run(theirs, IDS)["logits", -1]).abs().max() > 0.1
