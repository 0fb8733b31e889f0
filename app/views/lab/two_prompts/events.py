"""Answers to what is done with the grids of two prompts: cells put, patches taken away, cells of a sweep clicked."""

from __future__ import annotations

from app.panels import patches
from app.panels.patches import SIDES, STATE, Patch
from app.panels.prompt_pair import MOST_COLUMNS
from app.panels.sweeps import PATH
from app.session.explorer import Explorer
from app.state import lab
from app.views.lab.two_prompts.question import question_of
from gptcore import Trace

SWEEP = "lab sweep"


def put(event: object, this: Trace, other: Trace) -> None:
    """Do what a report of both lenses asks for; what is malformed asks for nothing."""
    now = patches.of_text(lab.get("patches"))
    match event:
        case {"kind": "put", "at": [str(source), int(row), int(col)], "to": [str(into), int(to_row), int(to_col)]}:
            if source == into or source not in SIDES or into not in SIDES or min(row, col, to_row, to_col) < 0:
                return
            first = first_column(this, other)
            keep(patches.add(now, Patch(into, STATE, to_row, to_col + first, row, col + first)))
        case {"kind": "remove", "key": str(key)}:
            keep(tuple(patch for patch in now if patch.key != key))
        case {"kind": "clear"}:
            keep(())


def swept(event: object, me: Explorer, this: Trace, other: Trace) -> None:
    """Make the patch of the cell of a sweep that was clicked, and remember its head."""
    match event:
        case {"kind": "cell", "at": [_, int(layer), int(place)]} if min(layer, place) >= 0:
            question, config = question_of(me), me.arch.config
            if question.by_head and layer < config.n_layer and place < config.n_head:
                lab.choose("head", f"{layer}.{place}")
            if question.what == PATH:
                return
            into = "this" if question.breaking else "other"
            kind = STATE if question.what == "resid_pre" else question.what
            at = place if question.by_head else place + first_column(this, other)
            keep(patches.add(patches.of_text(lab.get("patches")), Patch.here(into, kind, layer, at)))


def keep(found: tuple[Patch, ...]) -> None:
    """Keep the patches among this person's choices."""
    lab.choose("patches", patches.to_text(found))


def first_column(this: Trace, other: Trace) -> int:
    """Return the position of the first column that is drawn."""
    return max(0, max(this.T, other.T) - MOST_COLUMNS)
