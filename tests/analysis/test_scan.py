"""A scan against the single analyses; losses without heads, and levels by chance, against definitions written anew."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch

from gptcore import Checkpoint, capture, load
from gptcore.analysis import (
    Finding,
    head_effects,
    head_facts,
    head_losses,
    logit_attribution,
    ov_top1,
    prompt_chance,
    rank_findings,
    scan,
)
from gptcore.analysis.head_scores import prompt_scores
from gptcore.analysis.token_loss import of_trace
from gptcore.data.held_out import TEXTS, held_out, of_text
from gptcore.tokenizer import CharTokenizer
from tests.analysis.plain import heads, run
from tests.conftest import random_model

TEXT = torch.tensor([[60, 50, 40, 30, 20, 10, 0, 1], [2, 7, 1, 8, 2, 8, 1, 8]])


def of_kind(found: list[Finding], kind: str) -> list[Finding]:
    return [each for each in found if each.kind == kind]


@pytest.fixture(scope="module")
def induction() -> Checkpoint:
    return load("induction")


def test_a_scan_finds_what_the_single_analyses_say(induction: Checkpoint) -> None:
    trace = capture(induction, induction.tokenizer.encode("xurolifcxuro"))
    found = scan(induction, trace, count=100)
    first, second = trace.logits[0, -1].topk(2).indices.tolist()
    split, effects = logit_attribution(trace, first, second), head_effects(induction, trace, first, second)
    assert sorted(each.value for each in of_kind(found, "attribution")) == pytest.approx(
        sorted(abs(part.value) for part in split.parts), abs=1e-9
    )
    best = of_kind(found, "attribution")[0]
    assert (best.layer, best.head, best.position, best.name) == (1, 0, 11, "transformer.h.1.attn.z")
    assert best.sentence.startswith(f"Head 1.0 adds {best.value:.2f} to the lead of ‘l’ over ‘f’")
    assert best.sentence.endswith(f"which is {split.total:.2f}.")
    scores, level = prompt_scores(trace), prompt_chance(trace)
    known = of_kind(found, "head")
    assert (known[0].layer, known[0].head) == (1, 0) and "induction" in known[0].sentence
    assert known[0].value == pytest.approx(float(scores["induction"][1, 0]) - level["induction"])
    assert "3 of 4 heads rest on the first token" in known[-1].sentence
    for each in of_kind(found, "repair"):
        assert each.value == pytest.approx(abs(float(effects.repaired[each.layer, each.head])), abs=1e-6)  # type: ignore[index]
    assert len(of_kind(found, "repair")) == int((effects.repaired.abs() >= 0.1 * max(1, abs(split.total))).sum())


def test_a_scan_tells_apart_what_later_parts_do_with_a_head() -> None:
    ckpt = load("shakespeare-char")
    trace = capture(ckpt, ckpt.tokenizer.encode("To be, or not to b"))
    first, second = trace.logits[0, -1].topk(2).indices.tolist()
    effects, told = head_effects(ckpt, trace, first, second), set()
    for each in of_kind(scan(ckpt, trace, count=100), "repair"):
        predicted, actual = (float(of[each.layer, each.head]) for of in (effects.predicted, effects.actual))  # type: ignore[index]
        answer = (
            "reverse it" if predicted * actual < 0 else "make up" if abs(actual) < abs(predicted) else "build on it"
        )
        assert f"later parts {answer}" in each.sentence
        told.add(answer)
    assert told == {"reverse it", "make up", "build on it"}


def test_findings_are_ranked_within_their_kind_and_cut(induction: Checkpoint) -> None:
    trace = capture(induction, induction.tokenizer.encode("xurolifcxuro"))
    found = scan(induction, trace, count=2)
    kinds = [each.kind for each in found]
    assert kinds == sorted(kinds, key=["attribution", "head", "repair", "loss"].index)
    for kind in set(kinds):
        values = [each.value for each in of_kind(found, kind)]
        assert len(values) <= 2 and values == sorted(values, reverse=True)


def test_findings_of_all_kinds_are_ranked_by_the_nats_at_stake(induction: Checkpoint) -> None:
    trace = capture(induction, induction.tokenizer.encode("xurolifcxuro"))
    found = scan(induction, trace, count=100)
    ranked = rank_findings(found)
    assert sorted(map(id, ranked)) == sorted(map(id, found)) and {each.kind for each in ranked[:8]} != {ranked[0].kind}
    stakes = [each.nats for each in ranked[:-1]]
    assert stakes == sorted(stakes, reverse=True)
    assert "rest on the first token" in ranked[-1].sentence and math.isnan(ranked[-1].nats)
    first, second = trace.logits[0, -1].topk(2).indices.tolist()
    effects, lesson = head_effects(induction, trace, first, second), of_trace(trace)
    for each in ranked[:-1]:
        if each.kind in ("attribution", "repair"):
            assert each.nats == each.value
        elif each.kind == "head":
            assert each.layer is not None and each.head is not None
            assert each.nats == pytest.approx(abs(effects.actual[each.layer, each.head].item()))
        else:
            assert each.nats == pytest.approx(each.value - lesson.mean)


def test_findings_that_were_not_measured_come_last(induction: Checkpoint) -> None:
    trace = capture(induction, induction.tokenizer.encode("xurolifcxuro"))
    ranked = rank_findings(scan(induction, trace, progress=lambda done, of: False))
    unknown = [math.isnan(each.nats) for each in ranked]
    assert any(unknown) and unknown == sorted(unknown)


def test_tokens_that_surprise_are_above_the_mean_by_a_deviation() -> None:
    model = random_model()
    trace = capture(model, [3, 1, 4, 1, 5, 9, 2])
    losses = torch.tensor(of_trace(trace).losses, dtype=torch.float64)
    above = losses > losses.mean() + losses.std(correction=0)
    found = of_kind(scan(model, trace, count=9), "loss")
    assert {each.position for each in found} == {*above.nonzero()[:, 0].tolist()} != set()
    for each in found:
        assert each.position is not None and each.value == pytest.approx(float(losses[each.position]))
        assert (
            f"Token {each.position + 1}, ‘{int(trace.ids[0, each.position + 1])}’" in each.sentence
        )  # ids: no tokenizer


def test_a_scan_can_be_stopped_and_refuses_what_is_not_there() -> None:
    model, told = random_model(), list[tuple[int, int]]()
    trace = capture(model, [3, 1, 4])
    scan(model, trace, progress=lambda *at: told.append(at))
    assert told == [(done, 6) for done in range(7)]
    assert of_kind(scan(model, trace, progress=lambda done, of: False), "repair") == []
    with pytest.raises(ValueError, match="position must be from -3 to 2, got 3"):
        scan(model, trace, position=3)
    assert scan(model, capture(model, [3]), label=lambda token: f"<{token}>")[0].sentence.count("<") == 2


# ---- losses without heads ----


@torch.no_grad()
def test_losses_without_heads_count_the_targets_that_are_asked(pair: tuple[Any, Checkpoint]) -> None:
    theirs, ckpt = pair
    counted = torch.zeros(2, 7, dtype=torch.bool)
    counted[0, 2], counted[1, 5:] = True, True
    found = head_losses(ckpt, TEXT, counted)

    def loss(layer: int | None, head: int = 0) -> float:
        def without(name: str, i: int, x: torch.Tensor) -> torch.Tensor:
            x = x.clone()
            if (name, i) == ("z", layer):
                x[:, head] = 0
            return x

        logits = run(theirs, TEXT, without)["logits", -1][:, :-1]
        return float(torch.nn.functional.cross_entropy(logits.mT, TEXT[:, 1:], reduction="none")[counted].mean())

    assert found.loss == pytest.approx(loss(None), abs=1e-9)
    for layer in range(3):
        for head in range(2):
            assert found.without[layer, head].item() == pytest.approx(loss(layer, head), abs=1e-9)
    torch.testing.assert_close(found.lost, found.without - found.loss)


def test_losses_stop_and_refuse() -> None:
    model = random_model()
    found = head_losses(model, [1, 2, 3], progress=lambda done, of: done < 4)
    assert found.without.isnan().flatten().tolist() == [False] * 4 + [True] * 2
    only = head_losses(model, [1, 2, 3], only=[(1, 1)])
    assert only.without.isnan().logical_not().nonzero().tolist() == [[1, 1]]
    with pytest.raises(ValueError, match="a held-out text needs two tokens at least"):
        head_losses(model, [1])
    for counted in (torch.zeros(1, 2, dtype=torch.bool), torch.ones(1, 3, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r"counted must say of each next token if it counts, \(1, 2\)"):
            head_losses(model, [1, 2, 3], counted)


def test_facts_stop_between_their_pieces() -> None:
    model, told = random_model(), list[int]()
    assert head_facts(model, progress=lambda done, of: told.append(of - done)) is not None
    assert told == [*range(told[0], -1, -1)]
    assert head_facts(model, progress=lambda done, of: done < 3) is None


# ---- levels, and texts ----


def test_chance_on_a_prompt_is_the_score_of_even_attention() -> None:
    """The patterns are set to 1 / (q + 1) for each key, and measured as any other."""
    from gptcore import Edit

    ids = [3, 1, 4, 1, 3, 1, 4]
    even = torch.ones(7, 7).tril() / torch.arange(1, 8)[:, None]
    model = random_model()
    edits = [Edit(f"transformer.h.{layer}.attn.pattern", "set", even) for layer in range(3)]
    scores = prompt_scores(capture(model, ids, edits=edits))
    for kind, level in prompt_chance(capture(model, ids)).items():
        torch.testing.assert_close(scores[kind], torch.full((3, 2), level))


@torch.no_grad()
def test_copied_tokens_are_those_of_the_whole_matrix(pair: tuple[Any, Checkpoint], monkeypatch: Any) -> None:
    """With few rivals first, and more tokens than are looked at together."""
    theirs, ckpt = pair
    monkeypatch.setattr(sys.modules["gptcore.analysis.copying"], "FREQUENT", 9)
    tokens, found = [*range(0, 60, 2), 7, 7], ov_top1(ckpt, [*range(0, 60, 2), 7, 7])
    for layer in range(3):
        for head in range(2):
            _, _, v, o = (each[head] for each in heads(theirs, layer))
            best = (theirs.transformer.wte.weight @ v @ o @ theirs.lm_head.weight.T).argmax(-1)
            assert found[layer, head].item() == pytest.approx(
                sum(int(best[token]) == token for token in tokens) / len(tokens), abs=1e-6
            )


@pytest.mark.parametrize("name", ["fairytales", "shakespeare-char", "induction", "two-names", "nano-sort"])
def test_each_shipped_model_has_a_held_out_text_that_it_reads(name: str) -> None:
    ckpt = load(name)
    text = held_out(ckpt)
    assert text is not None and text.ids.size(1) <= ckpt.config.block_size
    assert text.counted.shape == (text.ids.size(0), text.ids.size(1) - 1) and text.counted.any()
    if name == "two-names":  # of each sentence the last name alone
        assert text.counted.sum() == len(text.ids)
    losses = head_losses(ckpt, text.ids, text.counted, only=[])
    assert losses.loss < {"fairytales": 4, "shakespeare-char": 1.6}.get(name, 0.1)


def test_the_shipped_texts_are_of_the_part_that_no_training_sees(outside_data: Any) -> None:
    from gptcore.data import held_out as module

    for name, _ in TEXTS.items():
        whole = (outside_data / f"{name}.txt").read_text(encoding="utf-8")
        text = (module._FOLDER / f"{name}.txt").read_text(encoding="utf-8").strip()
        assert whole.count(text) == 1 and whole.index(text) > 0.85 * len(whole)


def test_a_text_that_is_too_short_or_that_a_vocabulary_cannot_read_is_refused() -> None:
    letters = CharTokenizer("ab")
    assert of_text("abab", letters, 3).counted.tolist() == [[True, True]]
    with pytest.raises(ValueError, match="a text needs two tokens at least"):
        of_text("a", letters, 3)
    with pytest.raises(ValueError):  # noqa: PT011, the tokenizer's own words
        of_text("xyz", letters, 3)
    bare = Checkpoint(random_model(), letters, random_model().config, {"train_config": {"data": "sort"}})
    assert held_out(bare) is None  # of other sizes than the task's
