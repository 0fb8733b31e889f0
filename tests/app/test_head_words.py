"""The sentences on a head, against the scores of its card and against the list of heads beside it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.panels import head_ranking
from app.panels.head_axes import KIND_FROM, KINDS, NAMES
from app.panels.head_words import GLUE, Missed, percent, summary
from gptcore import Checkpoint, Trace, analysis, capture, load
from gptcore.analysis import HeadCard

NONE = "No named kind of attention"


def run_of(model: str, prompt: str = "") -> tuple[Checkpoint, Trace, list[str]]:
    """Return a shipped model with the run of a prompt, its own by default, and the labels of the tokens."""
    ckpt = load(model)
    run = capture(ckpt, ckpt.tokenizer.encode(prompt or str(ckpt.info["prompt"])))
    return ckpt, run, [ckpt.tokenizer.label(int(token)) for token in run.ids[0]]


@pytest.mark.parametrize(
    ("model", "prompt"), [("induction", ""), ("two-names", ""), ("induction", "abcdefgh"), ("nano-sort", "CABBAC")]
)
def test_sentences_deny_no_score(model: str, prompt: str) -> None:
    ckpt, run, labels = run_of(model, prompt)
    for card in analysis.head_cards(ckpt, run):
        said = summary(card, labels, None)
        active = {kind for kind, score in card.scores.items() if score.state == "active here"}
        on_probe = {kind for kind in (*KINDS, "sink") if card.scores[kind].probe >= KIND_FROM}
        assert (NONE in said) == (not active and not on_probe), said
        for kind in KINDS:
            score = card.scores[kind]
            assert (f"{NAMES[kind]} head" in said) == (kind in active or kind in on_probe), said
            if kind in active:
                assert f"{NAMES[kind]} head on this prompt ({score.here:.2f})" in said
        first = card.scores["first"].here or 0.0
        assert ("of its attention on this prompt" in said) == ("first" in active)
        assert "first" not in active or f"{first:.2f} of its attention on this prompt" in said
        assert ("a sink" in said) == ("sink" in on_probe)


def test_a_head_without_a_name_tells_what_it_reads_and_what_is_said_without_it() -> None:
    ckpt, run, labels = run_of("two-names")
    at, lost = run.T - 1, analysis.loss_without_heads(ckpt, run, int(run.logits[0, -1].argmax()), run.T - 1)
    missed = head_ranking.missed(lost, run, at, 0, 2, ckpt.tokenizer.label)
    (row,) = [
        each
        for each in head_ranking.ranked(lost, run, at, labels, frozenset())
        if (each["layer"], each["head"]) == (0, 2)
    ]
    assert missed.without == row["without"]
    said = summary(analysis.head_card(ckpt, 0, 2, run), labels, missed)
    assert "At ␣to 13 it reads ␣Tom 3 (0.43) and ␣Anna (0.41)" in said
    assert said.endswith(f"; without it ␣Anna falls from {percent(missed.share)} to {percent(missed.without)}.")


def test_a_kind_of_the_probe_is_not_told_of_a_prompt_that_has_nothing_of_it() -> None:
    ckpt, run, labels = run_of("induction", "abcdefgh")
    said = summary(analysis.head_card(ckpt, 1, 0, run), labels, None)
    assert said.startswith("An induction head on the probe (0.96); this prompt has no such tokens to look at.")


@pytest.fixture(scope="module")
def card() -> HeadCard:
    ckpt, run, _ = run_of("two-names")
    return analysis.head_card(ckpt, 0, 0, run)


def test_tokens_of_one_name_are_told_apart(card: HeadCard) -> None:
    _, _, labels = run_of("two-names")
    assert "it reads ␣Tom 3 (0.60) and ␣Tom 9 (0.27)" in summary(card, labels, None)
    spread = replace(card, looks_here=tuple(edge._replace(weight=0.09) for edge in card.looks_here))
    assert "At ␣to 13 its attention is spread, with 0.09 at most, on ␣Tom 3." in summary(spread, labels, None)


@pytest.mark.parametrize(
    ("share", "without", "told"),
    [(0.5, 0.25, "falls from 50.0 % to 25.0 %"), (0.5, 0.75, "rises from 50.0 % to 75.0 %"), (0.5, 0.5, "stays at 50")],
)
def test_the_prediction_without_it(card: HeadCard, share: float, without: float, told: str) -> None:
    _, _, labels = run_of("two-names")
    assert told in summary(card, labels, Missed(" Anna", share, without)).replace(GLUE, " ")


def test_nothing_is_said_of_what_is_not_a_number(card: HeadCard) -> None:
    _, _, labels = run_of("two-names")
    broken = {
        kind: score._replace(probe=math.nan, here=None, state="not applicable") for kind, score in card.scores.items()
    }
    looks = tuple(edge._replace(weight=math.nan) for edge in card.looks_here)
    said = summary(replace(card, scores=broken, looks_here=looks), labels, Missed("a", 0.5, math.nan))
    assert said == f"{NONE} fits it."
