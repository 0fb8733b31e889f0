"""A head's card as plain data for its panel. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

from app.components import number
from app.components.head_card import CardEdge, CardLoss, CardRatio, CardScore, CardTokens, CardWriters
from app.panels.head_axes import MEANINGS, NAMES
from app.panels.head_words import Missed, summary
from app.panels.token_words import repeated
from gptcore import GPTConfig
from gptcore.analysis import HeadCard, Tokens, chance
from gptcore.analysis.composition import Reads
from gptcore.analysis.head_scores import SCORES

Label = Callable[[int], str]
WRITERS = 3
"""Earlier heads of a list."""


def lines(
    card: HeadCard, config: GPTConfig, labels: Sequence[str], ids: Sequence[int], label: Label,
    missed: Missed | None, title: str, about: str, asked: str,
) -> dict[str, Any]:  # fmt: skip
    """Return what the panel of a card is given, but for its key and its picture.

    Args:
        card: the card.
        config: the model's sizes.
        labels: the labels of the prompt's tokens.
        ids: their ids.
        label: gives the label of an id.
        missed: what the prediction is without the head; None where that is not measured.
        title: the name of the text on which the losses are measured.
        about: how they were measured.
        asked: the words of a button that measures them; "" for none.
    """
    at, again = card.position, repeated(labels)
    return {
        "layer": card.layer,
        "head": card.head,
        "summary": summary(card, labels, missed),
        "scores": [_score(card, kind) for kind in SCORES],
        "position": f"token {at}",
        "looks_here": [_edge(edge, labels, again) for edge in card.looks_here],
        "looks": [_edge(edge, labels, again) for edge in card.looks],
        "by_distance": card.by_distance.tolist(),
        "prefers": _tokens(card.prefers, label(ids[at]), label),
        "writes": _tokens(card.writes, label(card.read_token), label),
        "ratios": _ratios(card),
        "writers": _writers(card, config),
        "loss": _loss(card, title, about, asked),
    }


def _score(card: HeadCard, kind: str) -> CardScore:
    found = card.scores[kind]
    level = found.chance_here
    return {
        "name": NAMES[kind],
        "about": MEANINGS[kind],
        "probe": number(found.probe),
        "chance": number(found.chance),
        "here": found.here,
        "chance_here": level,
        "state": found.state,
    }


def _edge(edge: Any, labels: Sequence[str], again: frozenset[str]) -> CardEdge:
    return {
        "query": labels[edge.query],
        "key": labels[edge.key],
        "at": [edge.query, edge.key],
        "again": labels[edge.query] in again,
        "weight": edge.weight,
    }


def _tokens(found: Tokens, of: str, label: Label) -> CardTokens:
    return {"of": of, "tokens": [(label(token), value) for token, value in zip(found.ids, found.values, strict=True)]}


def _ratios(card: HeadCard) -> list[CardRatio]:
    spread = card.copying_chance
    return [
        {
            "name": "copying, of OV",
            "about": MEANINGS["copying"],
            "value": card.copying,
            "chance": f"chance 0 ± {spread:.2f}",
        },
        {
            "name": "copying, token to logits",
            "about": MEANINGS["copying_of_tokens"],
            "value": card.copying_of_tokens,
            "chance": "chance 0",
        },
    ]


def _writers(card: HeadCard, config: GPTConfig) -> list[CardWriters]:
    kinds = (
        ("composition", "how large the product of both heads' weights is, of 1", chance.composition(config.n_embd)),
        (
            "projection kernel",
            f"how far the head reads the directions that the other writes, of {config.head_dim}",
            chance.projection_kernel(config.n_embd, config.head_dim),
        ),
    )
    return [
        {
            "name": name,
            "about": about,
            "chance": level,
            "reads": {
                which: [(writer.layer, writer.head, writer.score) for writer in found[which][:WRITERS]]
                for which in get_args(Reads)
            },
        }
        for (name, about, level), found in zip(kinds, (card.composes, card.kernels), strict=True)
    ]


def _loss(card: HeadCard, title: str, about: str, asked: str) -> CardLoss:
    known = card.loss_without is not None and not math.isnan(card.loss_without)
    return {
        "title": title,
        "about": about,
        "loss": card.loss if known else None,
        "without": card.loss_without if known else None,
        "asked": asked,
    }
