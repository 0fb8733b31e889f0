"""The classic result on the shipped model: two heads repeat what was there before, found and undone in a few lines."""

from __future__ import annotations

import torch

import gptcore
from gptcore import analysis


def test_the_pair_is_found_and_goes_blind() -> None:
    """Find the head that repeats, the one that it reads, and see what happens without either."""
    ckpt = gptcore.load("induction")
    scores = analysis.head_scores(ckpt)
    induction = divmod(int(scores["induction"].argmax()), ckpt.config.n_head)
    previous = divmod(int(scores["previous"].argmax()), ckpt.config.n_head)
    assert previous[0] == 0 and induction[0] == 1
    ids = [3, 17, 8, 21, 12, 5, 9, 14, 3, 17, 8, 21]
    trace = gptcore.capture(ckpt, ids)  # what came after 21 the last time: 12
    assert trace.logits[0, -1].argmax() == 12
    looks = analysis.prompt_scores(trace)["induction"]
    assert looks[induction] > 0.9

    without = gptcore.capture(ckpt, ids, edits=[analysis.switch_off(ckpt.config, *previous)], previous=trace)
    assert analysis.prompt_scores(without)["induction"][induction] < 0.2  # it goes blind
    assert without.logits[0, -1].argmax() != 12
    kept = gptcore.capture(ckpt, ids, edits=analysis.pattern_preserving(trace, *previous), previous=trace)
    assert kept.logits[0, -1].argmax() == 12  # only by where it looks does the one need the other

    parts = analysis.logit_attribution(trace, 12).parts
    best = max((part for part in parts if part.head is not None), key=lambda part: part.value)
    assert (best.layer, best.head) == induction
    reads = analysis.composition(ckpt, "k")
    assert reads[previous][induction] == reads.max() > 1.9 * analysis.chance.composition(ckpt.config.n_embd)


def test_the_sweeps_see_the_same_pair() -> None:
    ckpt = gptcore.load("induction")
    clean = [3, 17, 8, 21, 12, 5, 9, 14, 3, 17, 8, 21]
    corrupt = [3, 17, 8, 11, 12, 5, 9, 14, 3, 17, 8, 21]  # 21 has not stood before

    def metric(logits: torch.Tensor) -> torch.Tensor:
        return logits[0, -1, 12] - logits[0, -1].mean()

    scores = analysis.head_scores(ckpt)
    induction = divmod(int(scores["induction"].argmax()), 2)
    previous = divmod(int(scores["previous"].argmax()), 2)
    heads = analysis.patch_sweep(ckpt, clean, corrupt, metric, "head")
    assert heads[0].argmax() == previous[1] and heads[1].argmax() == induction[1]
    assert heads[previous] > 0.9 and heads[induction] > 0.4  # another head does a part of its work
    path = analysis.path_patching(ckpt, clean, corrupt, metric, previous, [(*induction, "k")])
    assert path < 0.5 < analysis.path_patching(ckpt, clean, corrupt, metric, previous, [(*induction, "q")])
