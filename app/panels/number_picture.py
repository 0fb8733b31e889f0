"""One number as a picture: the numbers that it is made from as bars, and what becomes of them step by step.

All that is drawn is computed here, from the operands of the explanation alone. This file knows no Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gptcore import Architecture, Explanation
from gptcore.capture.explain import Operand
from gptcore.graph.node import Node
from gptcore.graph.ops import Add, CrossEntropy, Gelu, LayerNorm, Linear, Lookup, MatMul, Scale, Softmax

Numbers = NDArray[np.float64]

LIKELY = 24
"""Tokens of a vocabulary whose scores are drawn; all of them count in the sum."""
REACH = 4.0
"""The GELU's curve goes at least so far to both sides of 0."""
POINTS = 161
"""Points of the curve."""


@dataclass(frozen=True)
class Strip:
    """Numbers side by side, as bars or as a line."""

    name: str
    values: Numbers
    form: Literal["bars", "line"] = "bars"
    operand: int | None = None
    """The operand whose numbers these are."""


@dataclass(frozen=True)
class NumberPicture:
    """Strips above each other with the same places, and what is told beside them."""

    strips: tuple[Strip, ...] = ()
    axis: str = ""
    """The meaning of a place: "channel", "token", or what its labels say."""
    labels: tuple[str, ...] = ()
    """The names of the places, where they are not the prompt's tokens."""
    places: tuple[int, ...] = ()
    """The index of each place in the operand, where it is not its own number."""
    chosen: int | None = None
    """The place that the number itself stands at."""
    marks: tuple[tuple[str, float], ...] = ()
    """Levels across the first strip, with their names."""
    curve: Numbers | None = None
    """Points (x, y) of a function, (points, 2); the number is the last."""
    facts: tuple[tuple[str, float], ...] = ()
    """Numbers on the way, by name, in the order in which they are computed."""


def picture(arch: Architecture, found: Explanation, label: Callable[[int], str], weight: Any) -> NumberPicture:
    """Return the picture of an explained number.

    Args:
        arch: the map of its model.
        found: the explanation.
        label: from the id of a token to its label.
        weight: from the state-dict key of a parameter to it; read for the row of an embedding.
    """
    node = arch.nodes[found.name]
    values = [each.values.detach().double().cpu().numpy() for each in found.operands]
    if found.edits:
        return NumberPicture()  # what an edit has changed is not made of these alone
    match node.op:
        case Linear() | MatMul():
            return _products(arch, node, found, values)
        case Softmax():
            return _softmax(values[0], found.index[-1], label if node.axes[-1] == "V" else None)
        case CrossEntropy() if len(values) > 1:
            return _surprise(values[0], int(values[1]), label)
        case LayerNorm(epsilon):
            return _normed(values, found.index[-1], epsilon)
        case Gelu():
            return _curve(node.op, float(values[0]), found.recomputed)
        case Add():
            return _sum(arch, found.operands, values)
        case Lookup():
            return _row(found.operands[-1], weight)
        case Scale():
            root = math.sqrt(arch.config.head_dim)
            return NumberPicture(facts=(("score", float(values[0])), ("√D", root), ("score / √D", found.recomputed)))
    return NumberPicture()


def _products(arch: Architecture, node: Node, found: Explanation, values: Sequence[Numbers]) -> NumberPicture:
    """Draw both factors of each product, the products, and their sum as it grows."""
    left, right, *bias = values
    each = left * right
    sums = np.cumsum(each)
    names = [_short(arch, operand) for operand in found.operands]
    over_keys = isinstance(node.op, MatMul) and arch.nodes[node.operands[1]].axes[-2] == "T"
    axis = "token" if over_keys else "d" if isinstance(node.op, MatMul) else _axis(arch, node)
    facts = [("sum of products", float(sums[-1]))]
    if bias:
        facts += [("bias", float(bias[0])), ("sum + bias", float(sums[-1] + bias[0]))]
    strips = (
        Strip(names[0], left, operand=0),
        Strip(names[1], right, operand=1),
        Strip("product", each),
        Strip("sum so far", sums, "line"),
    )
    return NumberPicture(strips, axis, facts=tuple(facts))


def _axis(arch: Architecture, node: Node) -> str:
    return "hidden unit" if arch.nodes[node.operands[0]].axes[-1] == "4C" else "channel"


def _short(arch: Architecture, operand: Operand) -> str:
    """Name an operand by its node's label, a weight by what it is."""
    return arch.nodes[operand.name].label if operand.name in arch.nodes.names() else operand.name.rpartition(".")[2]


def _softmax(scores: Numbers, chosen: int, label: Callable[[int], str] | None) -> NumberPicture:
    """Draw a row of scores, e to each of them, and the shares."""
    highest = float(scores[np.isfinite(scores)].max())
    powers = np.exp(scores - highest)
    total = float(powers.sum())
    facts = (
        ("largest score", highest),
        ("e^(score − largest)", float(powers[chosen])),
        ("sum of all of these", total),
        ("share", float(powers[chosen]) / total),
    )
    places = np.arange(len(scores)) if label is None else _likely(scores, chosen)
    strips = (
        Strip("score", np.where(np.isfinite(scores), scores, np.nan)[places], operand=0),
        Strip("e^(score − largest)", powers[places]),
        Strip("share", (powers / total)[places]),
    )
    if label is None:
        return NumberPicture(strips, "token", chosen=chosen, facts=facts)
    own = int(np.flatnonzero(places == chosen)[0])
    told = tuple(label(int(place)) for place in places)
    return NumberPicture(strips, "next token", told, tuple(places.tolist()), own, facts=facts)


def _likely(scores: Numbers, chosen: int) -> NDArray[np.int64]:
    """Return the ids of the most likely tokens, best first, and the chosen one with them."""
    best = np.argsort(-scores, kind="stable")[:LIKELY]
    return best if chosen in best else np.append(best[:-1], chosen)


def _surprise(logits: Numbers, target: int, label: Callable[[int], str]) -> NumberPicture:
    drawn = _softmax(logits, target, label)
    share = drawn.facts[-1][1]
    loss = -math.log(share) if share else math.inf
    return replace(drawn, facts=(*drawn.facts[:-1], ("probability of the target", share), ("−ln of it", loss)))


def _normed(values: Sequence[Numbers], channel: int, epsilon: float) -> NumberPicture:
    """Draw the C numbers of the position, with their mean and one standard deviation to both sides."""
    row, gain, *bias = values
    mean, variance = float(row.mean()), float(row.var())
    std = math.sqrt(variance + epsilon)
    scaled = (float(row[channel]) - mean) / std
    facts = [
        ("number", float(row[channel])),
        ("mean", mean),
        ("variance", variance),
        ("(number − mean) / √(variance + ε)", scaled),
        ("times weight", float(gain)),
    ]
    if bias:
        facts.append(("plus bias", float(bias[0])))
    marks = (("mean", mean), ("mean + std", mean + math.sqrt(variance)), ("mean − std", mean - math.sqrt(variance)))
    return NumberPicture((Strip("x", row, operand=0),), "channel", chosen=channel, marks=marks, facts=tuple(facts))


def _curve(op: Gelu, x: float, y: float) -> NumberPicture:
    """Draw the function around 0 and around the number, whose point comes last."""
    low, high = min(-REACH, x - 1), max(REACH, x + 1)
    xs = torch.linspace(low, high, POINTS, dtype=torch.float64)
    ys = torch.nn.functional.gelu(xs, approximate="tanh" if op.activation == "gelu_tanh" else "none")
    points = np.vstack([np.stack([xs.numpy(), ys.numpy()], axis=1), [[x, y]]])
    facts = (("before", x), ("after", y), *((("share that passes", y / x),) if x else ()))
    return NumberPicture(curve=points, facts=facts)


def _sum(arch: Architecture, operands: Sequence[Operand], values: Sequence[Numbers]) -> NumberPicture:
    parts = [float(value) for value in values]
    strip = Strip("sum", np.array([*parts, sum(parts)]))
    labels = (*(_short(arch, operand) for operand in operands), "sum")
    return NumberPicture((strip,), "part", labels, chosen=len(parts))


def _row(operand: Operand, weight: Any) -> NumberPicture:
    """Draw the row of an embedding that the number stands in."""
    row, channel = (int(place) for place in operand.index if isinstance(place, int))
    values = weight(operand.name)[row].detach().double().cpu().numpy()
    return NumberPicture((Strip(f"row {row}", values),), "channel", chosen=channel)
