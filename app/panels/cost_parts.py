"""Costs by part, and what they grow with, as plain numbers for bars, tables and curves. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from gptcore import GPTConfig
from gptcore.graph.costs import LETTERS, PARTS, QUANTITIES, Part, RunSize, Terms, growth, parts

CONCEPTS = {
    "embeddings": "embedding",
    "residual stream": "residual",
    "norms": "norm",
    "attention": "pattern",
    "MLP": "mlp",
    "head": "logits",
}
"""The concept whose colour each part has."""
POINTS = 33
"""Points of a curve."""
POWERS = ("T", "T²", "C", "C²", "V", "L")


class PartCosts(TypedDict):
    """The costs of a part."""

    name: str
    concept: str
    params: int
    flops: int
    activations: int
    cache: int


class Curve(TypedDict):
    """A cost against T: what does not grow with T² below, the part that does on top."""

    T: list[int]
    rest: list[float]
    square: list[float]
    now: int
    overtakes: int | None
    """The T from which the part with T² is larger than the rest; None where there is none."""


Grown = Mapping[str, Mapping[Part, Mapping[str, Terms]]]
"""Letter -> part -> quantity -> terms."""


def part_costs(config: GPTConfig, run: RunSize) -> list[PartCosts]:
    """Return the costs of each part, in the order of the forward pass.

    >>> [part["params"] for part in part_costs(GPTConfig.preset("nanogpt-cpu"), RunSize(T=64))]
    [16512, 0, 1152, 262144, 524288, 0]
    """
    found = parts(config, run)
    return [
        {
            "name": part,
            "concept": CONCEPTS[part],
            "params": found[part].params,
            "flops": found[part].flops,
            "activations": found[part].activations,
            "cache": found[part].cache,
        }
        for part in PARTS
    ]


def grown(config: GPTConfig, run: RunSize) -> Grown:
    """Return how all costs grow, with each letter."""
    return {letter: growth(config, run, letter) for letter in LETTERS}


def shares(found: Grown) -> dict[str, dict[str, dict[str, float]]]:
    """Return, for each quantity and each of `POWERS`, the share of the whole that has this power, by part.

    >>> found = shares(grown(GPTConfig.preset("gpt2"), RunSize(T=1024)))
    >>> {part: round(share, 4) for part, share in found["flops"]["T²"].items()}
    {'attention': 0.1325}
    """
    told: dict[str, dict[str, dict[str, float]]] = {}
    for name in QUANTITIES:
        total = sum(terms[name].total for terms in found["T"].values()) or 1
        told[name] = {}
        for power in POWERS:
            letter, square = power[0], power.endswith("²")
            by_part = {
                part: (terms[name].square if square else terms[name].linear) / total
                for part, terms in found[letter].items()
            }
            told[name][power] = {part: share for part, share in by_part.items() if share}
    return told


def whole(found: Grown, letter: str, quantity: str) -> Terms:
    """Return the terms of all parts together."""
    return sum((terms[quantity] for terms in found[letter].values()), Terms())


def curve(found: Grown, quantity: str, T: int, most: int) -> Curve:
    """Return a cost from 1 token to `most` tokens, computed from its terms at T."""
    terms = whole(found, "T", quantity)
    points = sorted({max(1, round(most * i / (POINTS - 1))) for i in range(POINTS)} | {T})
    rest = Terms(terms.constant, terms.linear)
    square = Terms(square=terms.square)
    return {
        "T": points,
        "rest": [float(rest.at(each / T)) for each in points],
        "square": [float(square.at(each / T)) for each in points],
        "now": T,
        "overtakes": _overtakes(terms, T),
    }


def _overtakes(terms: Terms, T: int) -> int | None:
    """Return the least T at which the part with T² is larger than the rest."""
    if not terms.square:
        return None
    # square x² > linear x + constant, for x = T' / T
    a, b, c = terms.square, -terms.linear, -terms.constant
    root = (-b + (b * b - 4 * a * c) ** 0.5) / (2 * a)
    return int(root * T) + 1
