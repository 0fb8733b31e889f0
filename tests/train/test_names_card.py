"""The rows of the card of two-names, against models whose answers are known."""

from __future__ import annotations

import re

import torch

from gptcore import GPT, Edit, GPTConfig, capture, load
from gptcore.data.two_names import LONGEST, TwoNames
from gptcore.train.names_card import held_out, rows

TASK = TwoNames(LONGEST, TwoNames.size())
NAMED = ("the right name", "the giver's first", "the giver's second")


def test_each_place_holds_its_name_and_the_last_one_is_asked_for() -> None:
    found = held_out(TASK, 90)
    each = torch.arange(90)
    gets, first, second = found.places.T
    assert found.ids[each, gets].equal(found.gets)
    assert found.ids[each, first].equal(found.gives) and found.ids[each, second].equal(found.gives)
    assert (first < second).all() and (second < found.last).all() and (gets < second).all()
    following = [TASK.tokenizer.decode(row[: last + 1]) for row, last in zip(found.ids, found.last, strict=True)]
    assert all(text.endswith(" to") for text in following)
    texts = [TASK.tokenizer.decode(row) for row in found.ids]
    for text, name in zip(texts, found.gets, strict=True):
        assert text.split("\n")[0].endswith(f"{TASK.tokenizer.label(int(name))}.")
    assert (found.gets.eq(found.ids[each, found.places.min(dim=1).values])).float().mean().sub(0.5).abs() < 0.2


def test_a_model_that_knows_nothing_has_no_head_to_tell_of() -> None:
    torch.manual_seed(0)
    config = GPTConfig(block_size=LONGEST, vocab_size=TwoNames.size(), n_layer=2, n_head=2, n_embd=8)
    found = rows(GPT(config).eval(), TASK)
    assert list(found) == ["the right name against the giver's", "each of the other 4 heads"]
    assert found["the right name against the giver's"].startswith("0.0 % predicted in 256 held-out")


def test_the_shipped_card_tells_of_the_heads_that_matter() -> None:
    ckpt = load("two-names")
    told, again = rows(ckpt.model, TASK), held_out(TASK, 256)
    named = [name for name in told if re.fullmatch(r"head \d\.\d", name)]
    assert named
    each = torch.arange(256)
    for name in named:
        layer, head = map(int, name.removeprefix("head ").split("."))
        edit = Edit(f"transformer.h.{layer}.attn.z", "zero", head=head)
        logits = capture(ckpt.model, again.ids, edits=[edit]).logits[each, again.last]
        right = (logits.argmax(-1) == again.gets).double().mean().item()
        assert f"switched off, {100 * right:.1f} % stay right" in told[name]
        pattern = capture(ckpt.model, again.ids)[f"transformer.h.{layer}.attn.pattern"][:, head]
        for which, place in zip(
            ("the right name", "the giver's first", "the giver's second"), again.places.T, strict=True
        ):
            share = pattern[each, again.last, place].mean().item()
            assert (f"{which} {share:.2f}" in told[name]) == (share >= 0.25)
