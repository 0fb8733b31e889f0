"""The section Two prompts: the prompt on the screen beside another one, and what of one changes the other."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import components
from app.panels import patches
from app.panels.patches import Patch
from app.panels.prompt_pair import MOST_COLUMNS, PromptPair
from app.session import costs, lab_costs
from app.session.explorer import Explorer
from app.state import lab, reports, server
from app.state.kept import kept
from app.state.origin import origin
from app.stores.speed import Cost
from app.views.lab.code import opening
from app.views.lab.fitting import fits
from app.views.lab.two_prompts import events
from app.views.lab.two_prompts.keeping import draw_trouble, keep_on_explore
from app.views.lab.two_prompts.metric import metric_of
from app.views.lab.two_prompts.prompts import other_run, other_text, prompts
from app.views.lab.two_prompts.sweeping import sweeping
from gptcore import Trace

KEY = "lab pair"
HOW = (
    "Each cell is what the model would say there, after so many blocks: the stronger the colour, the more likely. "
    "Put a cell of one prompt into the other, and see what becomes of it."
)


def two_prompts(me: Explorer) -> None:
    """Draw both prompts and their lenses, then the sweeps."""
    event = reports.new(KEY)
    match event:
        case {"kind": "keep", "key": str(side)}:
            keep_on_explore(me, side, patches.of_text(lab.get("patches")), other_text(me))
    prompts(me)
    draw_trouble()
    other = other_run(me)
    if other is None:
        return
    this = me.shown.unchanged
    if any(change.on for change in me.changes):
        st.caption("Changes are on, on Explore. Here stands the model as it is, without them.")
    events.put(event, this, other)
    events.swept(reports.new(events.SWEEP), me, this, other)
    asked = patches.of_text(lab.get("patches"))
    if not fits(me, _cost(me, this, other, asked), f"Both prompts, of {this.T:,} and {other.T:,} tokens,"):
        return
    with server.turn(float(me.parameters) * (this.T + other.T)):
        key = (me.checkpoint.model, this, other, asked)
        pair = kept("pair", key, lambda before: PromptPair.of(me.checkpoint.model, this, other, asked, before))
    _tell(pair)
    metric = metric_of(me, pair)
    label = me.checkpoint.tokenizer.label
    components.grids(
        [_keeping(grid, pair) for grid in pair.grids(label, metric, lambda side: _code(me, pair, side))],
        key=KEY,
        text=me.shown.text,
        origin=origin(),
        label="What the model would say on both prompts",
        aligned=True,
        drags=True,
        listed=[{"key": patch.key, "words": pair.words(patch, label)} for patch in pair.patches],
        told=HOW,
    )
    sweeping(me, pair, metric)


def _cost(me: Explorer, this: Trace, other: Trace, asked: Sequence[Patch]) -> Cost:
    """Return what both lenses cost, and under patches the runs with them."""
    config, found = me.arch.config, Cost()
    for side, run in zip(patches.SIDES, (this, other), strict=True):
        into = any(patch.into == side for patch in asked)
        lens = lab_costs.of_lens_grid(config, run.T)
        found += lens + lens + costs.of_run(config, run.T, run.T) if into else lens
    return found


def _tell(pair: PromptPair) -> None:
    """Tell what stands in the way of comparing them."""
    this, other = (pair.plain[side].T for side in patches.SIDES)
    if this != other:
        more = "the other prompt" if other > this else "this prompt"
        st.info(
            f"This prompt has {this} tokens, the other one {other}. Cells can be put from one into the other. Sweeps "
            f"need prompts of the same length: take {abs(this - other)} out of {more}, or lengthen the shorter one.",
            icon=":material/straighten:",
        )
    elif not pair.differing:
        st.info("Both prompts are the same. Change a word of the other one.", icon=":material/edit:")
    if pair.start:
        st.caption(f"Drawn: the last {MOST_COLUMNS} tokens.")


def _keeping(grid: components.Grid, pair: PromptPair) -> components.Grid:
    """Return the grid of a prompt with a button that keeps what was put into it."""
    if any(patch.into == grid["id"] for patch in pair.patches):
        grid["action"] = "Keep on Explore"
    return grid


def _code(me: Explorer, pair: PromptPair, side: str) -> str:
    """Write Python that makes the run of a prompt, with what was put into it."""
    here = [patch for patch in pair.patches if patch.into == side]
    first, ids = f"import gptcore; {opening(me)}", pair.plain[side].ids[0].tolist()
    if opening(me).startswith("#"):
        first = f"import gptcore\n{opening(me)}"
    if not here:
        return f"{first}\nrun = gptcore.capture(ckpt.model, {ids})"
    config = pair.plain[side].config
    edits = ", ".join(patch.code(config, pair.equal) for patch in here)
    source = pair.plain[here[0].source].ids[0].tolist()
    return (
        f"{first}\nsource = gptcore.capture(ckpt.model, {source})\nedits = [{edits}]\n"
        f"run = gptcore.capture(ckpt.model, {ids}, edits=edits)"
    )
