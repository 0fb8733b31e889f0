"""The card of one number, of the run or of a weight, as its component takes it."""

from __future__ import annotations

import math

import numpy as np

from app import components
from app.components import CardFeed, CardOperand, CardPicture
from app.panels import strips
from app.panels.number_picture import NumberPicture, picture
from app.panels.number_words import Words
from app.panels.walk import next_cell
from app.panels.weight_number import WeightNumber
from app.session.explorer import Explorer
from app.views.changes import edges_cut
from app.views.keys import key
from gptcore import Explanation
from gptcore.capture.explain import Operand

FIRST = 5
"""Numbers of a slice that are written out."""


def panel(me: Explorer, found: Explanation) -> components.Panel:
    """Return the card of the pinned number of the run."""
    run = me.shown
    label, weight = me.checkpoint.tokenizer.label, run.checkpoint.model.get_parameter
    drawn, numbers = _drawn(picture(me.arch, found, label, weight), found.operands)
    return components.explanation(
        text=run.text,
        name=found.name,
        index=found.index,
        sentence=_words(me).of_run(found.name, found.index),
        value=found.value,
        recomputed=found.recomputed,
        difference=_difference(found.value, found.recomputed),
        formula=found.formula,
        formula_key=key(found.formula),
        operands=[_operand(me, found, each) for each in found.operands],
        feeds=_feeds(me, found),
        changed=_changed(me, found),
        picture=drawn,
        numbers=numbers,
        code=found.code,
        source=str(found.source),
        trail=_trail(me),
    )


def panel_of_weight(me: Explorer, found: WeightNumber) -> components.Panel:
    """Return the card of the pinned number of a weight: what it is, and where it is used."""
    drawn, numbers = _drawn(found.picture, ())
    uses: list[CardOperand] = [
        {"name": node.id, "index": "", "values": node.label, "count": 1, "cell": None} for node in found.used_by
    ]
    return components.explanation(
        text=me.shown.text,
        name=found.name,
        index=found.index,
        sentence=_words(me).of_weight(found.name, found.index),
        value=found.value,
        recomputed=None,
        difference=0.0,
        formula="",
        formula_key="",
        operands=uses,
        picture=drawn,
        numbers=numbers,
        code=found.code,
        source=str(found.used_by[0].source),
        trail=_trail(me),
    )


def _changed(me: Explorer, found: Explanation) -> str:
    """Tell what a change of the run does to the number; "" where none acts on it, or only on what it is made from."""
    node, tokens = me.arch.nodes[found.name], me.shown.tokens
    if node.axes[-2:] == ("T", "T"):
        _, head, query, key = found.index
        if (query, key) in edges_cut(me, node.layer, head):
            return f"A change of the run cuts this edge: {tokens[query]!r} does not read {tokens[key]!r}."
    return "A change of the run acts on this number: the equation shows it." if found.edits else ""


def _feeds(me: Explorer, found: Explanation) -> list[CardFeed]:
    """Return where the operands stand on the map: their line, and the positions that they are taken from."""
    feeds: list[CardFeed] = []
    for operand in found.operands:
        if operand.name not in me.arch.nodes.names():
            continue
        places = zip(me.arch.nodes[operand.name].axes, operand.index, strict=True)
        at = next((place for axis, place in places if axis == "T"), slice(None))
        first, last = (at, at) if isinstance(at, int) else (at.start or 0, (at.stop or me.shown.trace.T) - 1)
        line = strips.line_of(me.arch, me.location.layer, operand.name)
        feeds.append({"tensor": operand.name, "line": line, "first": first, "last": last})
    return feeds


def _words(me: Explorer) -> Words:
    return Words(me.arch, me.shown.tokens, me.checkpoint.tokenizer.label)


def _difference(value: float, recomputed: float) -> float:
    """Return how far they are apart; two that are both infinite, or both no numbers, do not differ.

    >>> _difference(1.5, 1.25), _difference(-math.inf, -math.inf), _difference(math.nan, math.nan)
    (0.25, 0.0, 0.0)
    """
    same = value == recomputed or (math.isnan(value) and math.isnan(recomputed))
    return 0.0 if same else abs(value - recomputed)


def _trail(me: Explorer) -> list[str]:
    return [f"{name}[{', '.join(map(str, index))}]" for name, index in me.trail]


def _drawn(made: NumberPicture, operands: tuple[Operand, ...]) -> tuple[CardPicture, np.ndarray]:
    """Return a picture as its component takes it: numbers in one array, everything else beside it."""
    curve = [] if made.curve is None else [made.curve.ravel()]
    numbers = np.concatenate([*(strip.values for strip in made.strips), *curve, []]).astype(np.float32)
    strips = []
    for strip in made.strips:
        operand = None if strip.operand is None else operands[strip.operand]
        strips.append(
            {
                "name": strip.name,
                "count": len(strip.values),
                "form": strip.form,
                "open": operand.name if operand else "",
                "cell": _base(operand) if operand else [],
            }
        )
    return {
        "strips": strips,
        "axis": made.axis,
        "labels": list(made.labels),
        "places": list(made.places),
        "chosen": made.chosen,
        "marks": [[name, value] for name, value in made.marks],
        "facts": [[name, components.number(value)] for name, value in made.facts],
    }, numbers


def _base(operand: Operand) -> list[int | None]:
    """Return the place of a slice's numbers, with None where a place in the picture goes.

    A slice that does not begin at 0 is none: no op reads such a one along what is drawn.
    """
    return [part if isinstance(part, int) else None for part in operand.index]


def _operand(me: Explorer, found: Explanation, each: Operand) -> CardOperand:
    values = each.values.flatten()
    told = ", ".join(f"{value:.4g}" for value in values[:FIRST].tolist())
    more = ", …" if values.numel() > FIRST else ""
    return {
        "name": each.name,
        "index": _index(each.index),
        "values": told + more,
        "count": values.numel(),
        "cell": list(next_cell(me.arch, found, each)),
    }


def _index(index: tuple[int | slice, ...]) -> str:
    """Write an index as Python does.

    >>> _index((0, 1, slice(None)))
    '[0, 1, :]'
    """
    parts = []
    for part in index:
        if isinstance(part, int):
            parts.append(str(part))
        else:
            parts.append(":".join("" if each is None else str(each) for each in (part.start, part.stop)))
    return f"[{', '.join(parts)}]"
