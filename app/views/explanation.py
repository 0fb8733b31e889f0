"""The card of one number, as its component takes it."""

from __future__ import annotations

from app import components
from app.components import CardOperand
from app.panels.walk import next_cell
from app.session.explorer import Explorer
from app.views.keys import key
from gptcore import Explanation
from gptcore.capture.explain import Operand

FIRST = 5
"""Numbers of a slice that are written out."""


def panel(me: Explorer, found: Explanation) -> components.Panel:
    """Return the card of the pinned number."""
    return components.explanation(
        text=me.shown.text,
        name=found.name,
        index=found.index,
        where=_where(me, found),
        value=found.value,
        recomputed=found.recomputed,
        formula=found.formula,
        formula_key=key(found.formula),
        operands=[_operand(me, found, each) for each in found.operands],
        source=str(found.source),
        back="".join(f"{name}[{', '.join(map(str, index))}]" for name, index in me.trail[-1:]),
    )


def _where(me: Explorer, found: Explanation) -> str:
    """Write the place of the number with its tokens."""
    told = []
    axes = me.arch.nodes[found.name].axes
    positions = [axis for axis in axes if axis == "T"]
    names = iter(("query", "key") if len(positions) == 2 else ("token",))
    for axis, at in zip(axes, found.index, strict=True):
        if axis == "T":
            told.append(f"{next(names)} {me.shown.tokens[at]!r}")
        elif axis == "V":
            told.append(repr(me.checkpoint.tokenizer.label(at)))
        elif axis != "B":
            told.append(f"{ {'H': 'head'}.get(axis, 'channel') } {at}")
    return " · ".join([me.arch.nodes[found.name].label, *told])


def _operand(me: Explorer, found: Explanation, each: Operand) -> CardOperand:
    values = each.values.flatten()
    told = ", ".join(f"{value:.4g}" for value in values[:FIRST].tolist())
    more = ", …" if values.numel() > FIRST else ""
    cell = next_cell(me.arch, found, each)
    return {
        "name": each.name,
        "index": _index(each.index),
        "values": told + more,
        "count": values.numel(),
        "cell": None if cell is None else list(cell),
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
