"""The table of a lens against the lens itself, position by position."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch

from gptcore import Checkpoint, capture, logit_lens
from gptcore.analysis import jacobian_lens, lens_table

MODULE = import_module("gptcore.analysis.lens_table")
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2], [60, 50, 40, 30, 20, 10, 0]])


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("at_once", [4_000_000, 4 * 2 * 61 * 3, 1])
def test_the_table_is_the_lens(
    pair: tuple[Any, Checkpoint], monkeypatch: pytest.MonkeyPatch, carried: bool, at_once: int
) -> None:
    _, ckpt = pair
    monkeypatch.setattr(MODULE, "AT_ONCE", at_once)
    trace = capture(ckpt, IDS)
    lens = jacobian_lens(ckpt, IDS) if carried else None
    logits = (lens.read(trace) if lens else logit_lens(trace)).logits[:, 1]  # (rows, T, V)
    told: list[tuple[int, int]] = []

    def progress(done: int, of: int) -> None:
        told.append((done, of))

    table = lens_table(trace, lens, count=4, row=1, progress=progress)
    assert table.names == logit_lens(trace).names
    assert told[0] == (0, 7) and told[-1] == (7, 7) and len(told) == {4_000_000: 2, 1464: 4, 1: 8}[at_once]
    for r in range(4):
        for t in range(7):
            p = logits[r, t].exp() / logits[r, t].exp().sum()
            order = sorted(range(61), key=(-p).tolist().__getitem__)
            assert table.ids[r, t].tolist() == order[:4]
            torch.testing.assert_close(table.probabilities[r, t].double(), p[order[:4]], rtol=0, atol=1e-6)
            assert table.entropy[r, t] == pytest.approx(-(p * p.log()).sum().item(), abs=1e-6)
            if t < 6:
                following = int(IDS[1, t + 1])
                assert table.next_probability[r, t] == pytest.approx(p[following].item(), abs=1e-6)
                assert table.next_rank[r, t] == order.index(following) + 1
            else:
                assert table.next_probability[r, t].isnan() and table.next_rank[r, t] == -1


def test_a_stop_leaves_the_rest_unknown(pair: tuple[Any, Checkpoint], monkeypatch: pytest.MonkeyPatch) -> None:
    _, ckpt = pair
    monkeypatch.setattr(MODULE, "AT_ONCE", 4 * 61 * 3)
    table = lens_table(capture(ckpt, IDS[0].tolist()), progress=lambda done, of: done < 3)
    assert not table.entropy[:, :3].isnan().any() and table.entropy[:, 3:].isnan().all()
    assert (table.ids[:, 3:] == -1).all() and (table.next_rank[:, :3] > 0).all()


def test_refusals(pair: tuple[Any, Checkpoint]) -> None:
    _, ckpt = pair
    with pytest.raises(ValueError, match="row must be from 0 to 1, got 2; the run has 2 sequences"):
        lens_table(capture(ckpt, IDS), row=2)
    with pytest.raises(ValueError, match="count must be 1 at least, got 0"):
        lens_table(capture(ckpt, IDS), count=0)
