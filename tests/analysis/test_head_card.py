"""A head's card against the single analyses and against transformers' GPT-2; scores for certain vocabularies."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gptcore import Checkpoint, capture, load
from gptcore.analysis import (
    chance,
    composition,
    copying,
    head_card,
    head_cards,
    head_scores,
    letter_scores,
    ov_logits,
    projection_kernel,
    qk_logits,
    successor,
)
from tests.analysis.plain import heads, run
from tests.conftest import random_model

IDS = torch.tensor([[3, 1, 4, 1, 5, 9]])
HELD_OUT = torch.tensor([[60, 50, 40, 30, 20, 10, 0, 1], [2, 7, 1, 8, 2, 8, 1, 8]])


@torch.no_grad()
def test_what_the_circuits_say_of_tokens(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    w_e, w_u = theirs.transformer.wte.weight, theirs.lm_head.weight.T
    for layer, head in ((0, 1), (2, 0)):
        q, k, v, o = (each[head] for each in heads(theirs, layer))
        torch.testing.assert_close(qk_logits(ckpt, layer, head, 7), (w_e @ q @ k.T @ w_e.T)[7], rtol=0, atol=1e-10)
        torch.testing.assert_close(ov_logits(ckpt, layer, head, 7), (w_e @ v @ o @ w_u)[7], rtol=0, atol=1e-10)
    for index, said in (((3, 0, 0), "layer 3"), ((0, 2, 0), "head 2"), ((0, 0, 61), "token 61"), ((0, 0, -1), "-1")):
        for function in (qk_logits, ov_logits):
            with pytest.raises(IndexError, match=f"there is no .*{said}"):
                function(ckpt, *index)


@torch.no_grad()
def test_a_card_holds_what_is_measured_of_its_head(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    made, trace = run(theirs, IDS), capture(ckpt, IDS)
    layer, head = 2, 1
    card = head_card(ckpt, layer, head, trace, HELD_OUT, count=3)
    assert (card.layer, card.head) == (layer, head)
    probe, levels = head_scores(ckpt), chance.of_scores(ckpt.config, 8)
    assert {kind: score.probe for kind, score in card.scores.items()} == {
        kind: found[layer, head].item() for kind, found in probe.items()
    }
    assert {kind: score.chance for kind, score in card.scores.items()} == levels
    pattern = made["pattern", layer][0, head]
    assert card.scores["duplicate"].here == pytest.approx(pattern[3, 1].item(), abs=1e-6)
    assert card.scores["induction"].here == pytest.approx(pattern[3, 2].item(), abs=1e-6)
    back = [pattern.diagonal(-distance).mean().item() for distance in range(6)]
    assert card.by_distance.tolist() == pytest.approx(back, abs=1e-6)
    best = max(((q, k) for q in range(1, 6) for k in range(q + 1)), key=lambda at: pattern[at])
    first, *_ = card.looks
    assert (first.query, first.key) == best and first.weight == pytest.approx(pattern[best].item(), abs=1e-6)
    assert (card.position, [edge.key for edge in card.looks_here]) == (5, pattern[5].topk(3).indices.tolist())
    there = head_card(ckpt, layer, head, trace, position=2)
    assert (there.position, there.looks_here[0].query) == (2, 2)
    assert [edge.key for edge in there.looks_here] == pattern[2, :3].argsort(descending=True).tolist()
    assert list(there.prefers.ids) == qk_logits(ckpt, layer, head, 4).topk(5).indices.tolist()
    assert card.read_token == IDS[0, pattern[-1].argmax()]
    assert list(card.prefers.ids) == qk_logits(ckpt, layer, head, 9).topk(3).indices.tolist()
    assert list(card.writes.ids) == ov_logits(ckpt, layer, head, card.read_token).topk(3).indices.tolist()
    assert card.copying == copying(ckpt)[layer, head]
    assert card.copying_of_tokens == copying(ckpt, through_vocabulary=True)[layer, head]
    for which in ("q", "k", "v"):
        for told, scores in ((card.composes, composition(ckpt, which)), (card.kernels, projection_kernel(ckpt, which))):  # type: ignore[arg-type]
            earlier = scores[:, :, layer, head]
            assert [writer.score for writer in told[which]] == earlier[:2].flatten().topk(3).values.tolist()  # type: ignore[index]
            assert all(earlier[writer.layer, writer.head] == writer.score for writer in told[which])  # type: ignore[index]

    def loss(change: Any) -> float:
        logits = run(theirs, HELD_OUT, change)["logits", -1][:, :-1]
        return float(torch.nn.functional.cross_entropy(logits.mT, HELD_OUT[:, 1:]))

    def without(name: str, i: int, x: Tensor) -> Tensor:
        x = x.clone()
        if (name, i) == ("z", layer):
            x[:, head] = 0
        return x

    assert card.loss == pytest.approx(loss(lambda name, i, x: x), abs=1e-9)
    assert card.loss_without == pytest.approx(loss(without), abs=1e-9) != pytest.approx(card.loss, abs=1e-3)


def test_all_cards_are_the_single_ones_and_can_be_stopped() -> None:
    model = random_model()
    trace, told = capture(model, [3, 1, 3]), list[tuple[int, int]]()
    cards = head_cards(model, trace, [1, 2, 3], progress=lambda *at: told.append(at))
    assert told == [(i, 22) for i in range(23)]  # 16 pieces are of the weights alone
    for card in cards:
        alone = head_card(model, card.layer, card.head, trace, [1, 2, 3])
        assert (alone.scores, alone.looks, alone.composes) == (card.scores, card.looks, card.composes)
        assert alone.loss_without == card.loss_without
    assert [(card.layer, card.head) for card in cards] == [(i, h) for i in range(3) for h in range(2)]
    assert cards[0].composes == {"q": (), "k": (), "v": ()}  # nothing is written below it
    assert len(head_cards(model, trace, progress=lambda done, count: done < 18)) == 2
    assert len(head_cards(model, trace, [1, 2, 3], progress=lambda done, count: done < 18)) == 2
    for last in (0, 7):
        assert head_cards(model, trace, progress=lambda done, count, last=last: done < last) == []  # type: ignore[misc]


def test_the_states_of_the_shipped_induction_head() -> None:
    """On a repetition it is active; on a text without one it is not applicable; its partner looks one back."""
    ckpt = load("induction")
    scores = head_scores(ckpt)
    layer, head = divmod(int(scores["induction"].argmax()), 2)
    partner = tuple(divmod(int(scores["previous"].argmax()), 2))
    repeated = capture(ckpt, [3, 7, 1, 9, 4, 3, 7, 1, 9])
    card = head_card(ckpt, layer, head, repeated)
    assert card.scores["induction"].state == "active here" and card.scores["induction"].probe > 0.9
    assert card.scores["previous"].state == "inactive here"
    once = head_card(ckpt, layer, head, capture(ckpt, [3, 7, 1, 9, 4]))
    assert once.scores["induction"].state == "not applicable" and once.scores["induction"].here is None
    assert (
        head_card(ckpt, *divmod(int(scores["previous"].argmax()), 2), repeated).scores["previous"].state
        == "active here"
    )
    best = card.composes["k"][0]
    assert (best.layer, best.head) == partner  # K composition finds the pair


def test_small_contexts_and_what_is_not_there() -> None:
    tiny = random_model(block_size=1)
    card = head_card(tiny, 0, 0, capture(tiny, [3]))
    assert math.isnan(card.scores["previous"].probe) and card.scores["previous"].state == "not applicable"
    assert card.loss is None is card.loss_without
    model = random_model()
    with pytest.raises(ValueError, match=r"there is no head 0\.2; choose a layer from 0 to 2, a head from 0 to 1"):
        head_card(model, 0, 2, capture(model, [3]))
    with pytest.raises(ValueError, match="position must be from -1 to 0, got 1"):
        head_card(model, 0, 0, capture(model, [3]), position=1)
    with pytest.raises(ValueError, match="a held-out text needs two tokens at least"):
        head_card(model, 0, 0, capture(model, [3]), [1])


# ---- scores that only some vocabularies allow ----


@torch.no_grad()
def test_successors_are_those_that_ov_raises_most(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    lists = [[5, 6, 7, 8], [40, 3]]
    found = successor(ckpt, lists)
    assert found is not None
    for layer in range(3):
        _, _, v, o = heads(theirs, layer)
        for head in range(2):
            right = []
            for ids in lists:
                for place, token in enumerate(ids[:-1]):
                    state = run(theirs, torch.tensor([[token]]))["post", 0][0, 0]
                    logits = state @ v[head] @ o[head] @ theirs.lm_head.weight.T
                    right.append(ids[int(logits[ids].argmax())] == ids[place + 1])
            assert found[layer, head].item() == pytest.approx(sum(right) / 4, abs=1e-6)
    assert found.std() > 0
    assert successor(ckpt, []) is None
    with pytest.raises(ValueError, match=r"a list needs two ids at least, for one to follow, got \[4\]"):
        successor(ckpt, [[1, 2], [4]])


def test_letters_are_looked_for_in_their_classes() -> None:
    model = random_model()
    trace = capture(model, [3, 1, 4, 1, 5, 9, 2])
    found = letter_scores(trace, "e bA2c!")
    pattern = trace["transformer.h.1.attn.pattern"][0]
    space = pattern[:, [2, 3, 4, 5, 6], 1].mean(-1)
    same = pattern[:, [3, 5], [0, 2]].mean(-1)  # A is a vowel, as e; c a consonant, as b
    torch.testing.assert_close(found["last space"][1], space)
    torch.testing.assert_close(found["same class"][1], same)
    assert letter_scores(trace, "abcdefg")["last space"].isnan().all()
    for letters in ("abc", ["ab", *"cdefgh"]):
        with pytest.raises(ValueError, match="letters must be one character for each of the 7 positions"):
            letter_scores(trace, letters)
