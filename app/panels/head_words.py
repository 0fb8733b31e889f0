"""A head in a few sentences: the kinds of attention it pays, the tokens it reads here, and the prediction without it.

They deny nothing that the scores of its card tell. This file knows no Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from app.panels.head_axes import KIND_FROM, KINDS, NAMES
from app.panels.token_words import placed, visible
from gptcore.analysis import HeadCard
from gptcore.analysis.head_card import ACTIVE
from gptcore.analysis.head_scores import SINK

READS: Final = 0.1
"""The attention that a token has at least to be named."""
GLUE: Final = "\u00a0"
"""A space at which no line ends."""
MOST: Final = 2
"""Tokens that are named."""


class Missed(NamedTuple):
    """The likeliest token at a position, with its probabilities in the run as it is and without the head."""

    token: str
    share: float
    without: float


def summary(card: HeadCard, labels: Sequence[str], missed: Missed | None) -> str:
    """Return what a head does.

    Args:
        card: the head's card.
        labels: the labels of the prompt's tokens.
        missed: what its position says without it; None where that is not measured.
    """
    kinds, first = _kinds(card), _first(card)
    if not kinds and first:
        first = f"Only one named kind of attention fits it: {first}"
    elif not kinds:
        kinds = "No named kind of attention fits it."
    here = "; ".join(part for part in (_reads(card, labels), _without(missed)) if part)
    return " ".join(f"{text[0].upper()}{text[1:]}" for text in (kinds, first, f"{here}." if here else "") if text)


def _kinds(card: HeadCard) -> str:
    """Return the kinds that a head is of, here or on the probe, the strongest first; "" for none."""
    found = []
    for kind in KINDS:
        probe, here = card.scores[kind].probe, card.scores[kind].here
        if max(_number(probe), _number(here)) < KIND_FROM:
            continue
        name = f"{'an' if NAMES[kind][0] in 'aeiou' else 'a'} {NAMES[kind]} head"
        if _number(here) >= KIND_FROM:
            told = f"{name} on this prompt ({here:.2f}){_also(probe)} on the probe ({probe:.2f})"
        elif here is None:
            told = f"{name} on the probe ({probe:.2f}); this prompt has no such tokens to look at"
        else:
            told = f"{name} on the probe ({probe:.2f}), not on this prompt ({here:.2f})"
        found.append((max(_number(probe), _number(here)), told))
    found.sort(key=lambda each: -each[0])
    return f"{'; '.join(told for _, told in found)}." if found else ""


def _first(card: HeadCard) -> str:
    """Return how much of its attention rests on the first token, where that is much; "" where it is not."""
    first, probe = card.scores["first"], card.scores["sink"].probe
    sink = probe > SINK
    if first.here is None or first.here < ACTIVE:
        return f"on random tokens {probe:.2f} of its attention rests on the first one: a sink." if sink else ""
    chance = "" if first.chance_here is None else f" ({first.chance_here:.2f} by chance)"
    told = f"the first token gets {first.here:.2f} of its attention on this prompt{chance}"
    return f"{told}, and {probe:.2f} on random tokens: a sink." if sink else f"{told}."


def _reads(card: HeadCard, labels: Sequence[str]) -> str:
    """Return the tokens that it reads at the card's position; "" where its attention is no number."""
    at, edges = placed(labels, card.position), card.looks_here
    if not edges or math.isnan(edges[0].weight):
        return ""
    named = [edge for edge in edges[:MOST] if edge.weight >= READS]
    if not named:
        return f"at {at} its attention is spread, with {edges[0].weight:.2f} at most, on {placed(labels, edges[0].key)}"
    tokens = [f"{placed(labels, edge.key)} ({edge.weight:.2f})" for edge in named]
    return f"at {at} it reads {' and '.join(tokens)}"


def _without(missed: Missed | None) -> str:
    if missed is None or math.isnan(missed.without):
        return ""
    before, after = percent(missed.share), percent(missed.without)
    if before == after:
        return f"without it {visible(missed.token)} stays at {before}"
    verb = "falls" if missed.without < missed.share else "rises"
    return f"without it {visible(missed.token)} {verb} from {before} to {after}"


def percent(probability: float) -> str:
    """Write a probability, as components/shared/numbers.js does, in one piece that no line breaks.

    >>> [percent(each).replace(GLUE, " ") for each in (0.997, 0.00101, 0.0, 0.0995)]
    ['99.7 %', '0.10 %', '< 0.01 %', '10.0 %']
    """
    if probability >= 0.0995:
        told = f"{100 * probability:.1f} %"
    else:
        told = f"{100 * probability:.2f} %" if probability >= 0.0001 else "< 0.01 %"
    return told.replace(" ", GLUE)


def _also(probe: float) -> str:
    return " and" if probe >= KIND_FROM else ", not"


def _number(score: float | None) -> float:
    """Return a score; below all others where there is none."""
    return -1.0 if score is None or math.isnan(score) else score
