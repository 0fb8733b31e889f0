"""Attention rollout against its definition on transformers' GPT-2."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gptcore import Checkpoint, capture
from gptcore.analysis import rollout
from tests.analysis.plain import run
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6], [60, 50, 40, 30, 20, 10, 0, 1]])


def test_it_is_the_product_over_layers_the_last_on_the_left(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    trace, made = capture(ckpt, IDS), run(theirs, IDS)
    for row in range(2):
        mixed = [made["pattern", layer][row].mean(0) / 2 + torch.eye(8) / 2 for layer in range(3)]
        torch.testing.assert_close(rollout(trace)[row], mixed[2] @ mixed[1] @ mixed[0], rtol=0, atol=1e-10)
        torch.testing.assert_close(rollout(trace, layers=2)[row], mixed[1] @ mixed[0], rtol=0, atol=1e-10)
        assert (mixed[1] @ mixed[0] - mixed[0] @ mixed[1]).abs().max() > 1e-3  # the order matters


def test_rows_add_up_to_one_and_nothing_comes_from_later() -> None:
    rolled = rollout(capture(random_model(), [3, 1, 4, 1, 5]))
    torch.testing.assert_close(rolled.sum(-1), torch.ones(1, 5), rtol=0, atol=1e-6)
    assert rolled.triu(1).abs().max() == 0 and rolled[0, 0, 0] == 1
    assert rollout(capture(random_model(), [3])).tolist() == [[[1.0]]]
    assert torch.equal(rollout(capture(random_model(), [3, 1]), layers=0), torch.eye(2)[None])


def test_layers_that_are_not_there_are_told() -> None:
    with pytest.raises(IndexError, match="there are no 4 layers; choose from 0 to 3"):
        rollout(capture(random_model(), [3, 1]), layers=4)
