"""The margins of the map: what each part adds to a logit, as the map's component takes it."""

from __future__ import annotations

import math

from app.components import AddedPart, Adds
from app.panels.margins import Margin, margins
from app.session.explorer import Explorer
from app.state import lab
from app.stores.limits import TooMuch


def adds_of(me: Explorer) -> Adds | None:
    """Return what stands in the margins; None while they tell something else, or where there are none."""
    if me.look.margin == "says" or me.look.form != "tensors":
        return None
    token, versus, chosen = tokens_of(me)
    label = me.checkpoint.tokenizer.label
    found: Adds = {
        "token": label(token),
        "versus": None if versus is None else label(versus),
        "chosen": chosen,
        "most": 1.0,
        "parts": [],
        "trouble": "",
    }
    try:
        attribution = me.attribution(token, versus)
    except TooMuch as error:
        return {**found, "trouble": str(error)}
    each = margins(attribution, me.arch, me.location.layer, me.location.head)
    sizes = [abs(one.value) for one in each if one.kind != "total" and math.isfinite(one.value)]
    parts = [_part(one, attribution.total) for one in each]
    return {**found, "most": max(sizes, default=0.0) or 1.0, "parts": parts}


def tokens_of(me: Explorer) -> tuple[int, int | None, bool]:
    """Return the token whose logit is told, the one over which its lead is told, and True where the Lab chose one.

    The page Lab may have chosen them; without a choice they are the two most likely tokens, as there.
    """
    likely = me.shown.likely(me.position, 3)
    told, other = _chosen(me, "token"), _chosen(me, "versus")
    token = likely[0] if told is None else told
    if me.look.margin != "lead":
        return token, None, told is not None
    if other is None or other == token:
        other = next((each for each in likely if each != token), None)
        return token, other, told is not None
    return token, other, True


def _chosen(me: Explorer, name: str) -> int | None:
    """Return the token that the page Lab has chosen; None where it has chosen none, or the model has no such token."""
    told = lab.get(name)
    known = 0 < len(told) < 10 and told.isascii() and told.isdecimal() and int(told) < me.arch.config.vocab_size
    return int(told) if known else None


def _part(one: Margin, total: float) -> AddedPart:
    share = one.value / total if total else math.nan
    return {
        "line": one.line,
        "node": one.node,
        "label": one.label,
        "kind": one.kind,
        "value": one.value,
        "share": share if math.isfinite(share) else None,
    }
