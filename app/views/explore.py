"""The main screen: prompt, map, inspector, prediction and heads, all of one run, drawn again at each key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import streamlit as st

from app import components
from app.panels import strips, tensor_slice
from app.panels.formulas import formula_svg
from app.session import events
from app.session.actions import Action, LookBack
from app.session.explorer import Explorer
from app.state import person, reports, returning, server
from app.state.origin import origin
from app.views import explanation, hint, rail
from app.views.letters import letters
from app.views.strips import made_by, strips_of
from gptcore import GPTConfig
from gptcore.graph import source_lines
from gptcore.graph.draw import to_svg

LISTING = "model.py"
QUICK = 3e7
"""Multiplications of a lens that a key can wait for; a slower one is read when typing pauses."""


def explore() -> None:
    """Draw the page: here what seldom changes; in a fragment, as one element, all that a key or a click changes.

    An element that stays the same still costs the browser some milliseconds a key.
    """
    me = person.explorer()
    me.apply(LookBack())
    components.listing(key="listing", name=LISTING, source=source_lines.text())
    rail.curves(me)
    person.drawn(me)
    _live()


@st.fragment
def _live() -> None:
    me = person.explorer()
    me.apply(LookBack())
    wanted = _wanted(me)
    with person.fetched(me, wanted), server.turn(me.work(wanted)):  # nobody else waits while a file is read
        for action in wanted:
            me.apply(action)
        panels = [] if person.stale(me) else _panels(me)
    if not panels:
        st.rerun(scope="app")
    step = "final" if me.step is None else str(me.step)
    components.live(
        key="live",
        panels=panels,
        step=step,
        kept=_texts(me),
        width=me.look.width,
        plot=me.look.plot,
        origin=origin(),
        state=returning.here(),
        heard=reports.heard(),
    )


def _panels(me: Explorer) -> list[components.Panel]:
    """Return the panels of this prompt, these weights and this place.

    Generation comes first, because it asks for the next token; the prompt last: it asks for the next key.
    """
    timeline = [rail.panel(me)] if me.history.snapshots else []
    inspected = [_node(me), _matrix(me), _code(me)]
    if found := me.explanation():
        inspected.append(explanation.panel(me, _key(found.formula), found))
    inspected += hint.panel(me)
    after = [_prediction(me), _heads(me), _lens(me), _save(me)]
    return [_generate(me), _map(me), *inspected, *after, *timeline, _prompt(me)]


def _texts(me: Explorer) -> dict[str, str]:
    """Return the drawing of the map, if that is in sight, and the formula, if the page does not have them yet."""
    drawing, formula = _drawing_key(me.arch.config, me.location.view, me.location.layer), _key(me.node.formula)
    texts = {}
    if (index := _index_key(me.arch.config)) not in reports.kept():
        texts[index] = json.dumps([[node.id, node.label, node.layer] for node in me.arch.nodes])
        texts[_pass_key(me.arch.config)] = json.dumps(strips.whole_pass(me.arch))
    if drawing not in (kept := reports.kept()) and me.look.form == "diagram":
        texts[drawing] = to_svg(me.arch, me.location.view, me.location.layer)
    if formula not in kept:
        texts[formula] = formula_svg(me.node.formula)
    if (found := me.explanation()) and (numbers := _key(found.formula)) not in kept:
        texts[numbers] = formula_svg(found.formula)
    return texts


def _wanted(me: Explorer) -> list[Action]:
    """Return the actions that the browser has asked for since the last run."""
    reported = [(panel, reports.new(panel)) for panel in events.PANELS]
    return [action for panel, event in reported for action in events.actions(panel, event, me)]


def _prompt(me: Explorer) -> components.Panel:
    label = me.checkpoint.tokenizer.label
    return components.prompt(
        text=me.typed,
        labels=[label(index) for index in me.shown.ids],
        ids=me.shown.ids,
        rev=me.rev,
        ack=reports.seq("prompt"),
        cropped=me.shown.cropped,
        counter=me.shown.counter,
        notice=me.message,
        lock=me.lock,
        drawn={index: drawn.how for index, drawn in me.writing.drawn.items()},
    )


@lru_cache(maxsize=64)
def _index_key(config: GPTConfig) -> str:
    """Return the name under which the page keeps the list of all nodes."""
    return _key(f"nodes of {config}")


@lru_cache(maxsize=64)
def _pass_key(config: GPTConfig) -> str:
    """Return the name under which the page keeps the nodes of one pass."""
    return _key(f"pass of {config}")


@lru_cache(maxsize=256)
def _drawing_key(config: GPTConfig, view: str, layer: int) -> str:
    """Return the name under which the page keeps the drawing of a view."""
    return _key(f"{config} {view} {layer}")


@lru_cache(maxsize=256)
def _key(text: str) -> str:
    """Return a short name for a text: the page sends the names of all that it keeps."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _map(me: Explorer) -> components.Panel:
    return components.map_panel(
        text=me.shown.text,
        svg_key=_drawing_key(me.arch.config, me.location.view, me.location.layer),
        shapes=me.location.shapes(me.arch, me.shown.trace.T) if me.look.form == "diagram" else {},
        selected=me.location.selected,
        breadcrumbs=[{"id": name, "label": label} for name, label in me.location.crumbs(me.arch)],
        layer=me.location.layer,
        n_layer=me.arch.config.n_layer,
        makes=made_by(me.arch, me.location.selected),
        form=me.look.form,
        index_key=_index_key(me.arch.config),
        pass_key=_pass_key(me.arch.config),
        letters=letters(me.arch.config, me.shown.trace.T) if me.look.form == "diagram" else {},
        T=me.shown.trace.T,
        position=me.position,
        locked=me.lock is not None,
        **(strips_of(me) if me.look.form == "tensors" else {}),
    )


def _node(me: Explorer) -> components.Panel:
    """Return the panel of the selected node: name, axes, formula and choices."""
    node, place = me.node, me.location
    has_heads = "H" in node.axes and place.weight is None
    return components.node(
        id=node.id,
        label=node.label,
        axes=node.weight_axes[node.weights.index(place.weight)] if place.weight else node.axes,
        summary=node.summary,
        formula=node.formula,
        formula_key=_key(node.formula),
        layer=place.layer,
        head=place.head,
        n_head=me.arch.config.n_head if has_heads else 0,
        weights=node.weights,
        weight=place.weight,
        letters=letters(me.arch.config, me.shown.trace.T),
        drawer=me.look.drawer,
        width=me.look.width,
    )


def _code(me: Explorer) -> components.Panel:
    """Return the panel of the lines that make it."""
    found = me.node.source
    first, last = found.lines
    return components.code(
        name=LISTING,
        first=first,
        last=last,
        title=str(found),
        summary=me.node.summary,
        formula=me.node.formula,
        formula_key=_key(me.node.formula),
        open=me.look.drawer == "code",
        height=190,
    )


def _matrix(me: Explorer) -> components.Panel:
    """Return the selected tensor or weight as a heatmap."""
    part, place = me.slice(), me.location
    hover = events.cell(reports.last("matrix"), part.name)
    tokens, tokenizer = me.shown.tokens, me.checkpoint.tokenizer
    pattern = me.node.role in tensor_slice.PATTERNS and place.weight is None
    of_run = place.weight is None
    return components.matrix(
        text=me.shown.text,
        name=part.name,
        heat=part.heat,
        row_axis=tensor_slice.POSITIONS.get(part.rows, part.rows),
        col_axis=tensor_slice.POSITIONS.get(part.cols, part.cols),
        row_labels=tensor_slice.labels(part.rows, tokens, tokenizer, part, part.matrix.shape[0]),
        col_labels=tensor_slice.labels(part.cols, tokens, tokenizer, part, part.matrix.shape[1]),
        row_ids=part.tokens or None,
        row_tokens=part.rows in tensor_slice.POSITIONS,
        col_tokens=part.cols in tensor_slice.POSITIONS,
        join=" → " if part.square else " · " if of_run else " ← ",
        square=part.square,
        causal=pattern,
        value_at=part.value_at(*hover) if hover else None,
        labels_at=_labels_at(me, part, *hover) if hover else (None, None),
        ack=reports.seq("matrix"),
        note=_note(me, part),
        position=me.position if of_run else None,
        locked=me.lock is not None,
        line=part.matrix[me.position].astype(np.float32) if part.square and part.heat.values is None else None,
        tensor=place.weight or place.selected,
        layer=me.node.layer,
        head=place.head if "H" in me.node.axes and of_run else None,
        plot="links" if part.square and me.look.plot == "links" else "grid",
        by=me.look.scale,
        scales=pattern,
        explains=bool(part.place) and of_run,
        pin=me.pin if part.place and of_run else None,
        texts=me.shown.ids[me.shown.cropped :] if me.node.role == "tokens" else None,
        **_column(me, part),
        **_near(part),
    )


def _near(part: tensor_slice.Slice) -> dict[str, Any]:
    """Return the cells of what one has zoomed to, of a matrix that is sent as pixels."""
    at = events.part(reports.last("matrix"), part.name, *part.matrix.shape) if part.heat.values is None else None
    if at is None or at[2] * at[3] > components.MOST_CELLS:
        return {}
    row, col, rows, cols = at
    return {"cells": part.matrix[row : row + rows, col : col + cols].astype(np.float32).ravel(), "cells_at": at}


def _column(me: Explorer, part: tensor_slice.Slice) -> dict[str, Any]:
    """Return what is told of the followed column beside the plot."""
    if me.location.weight is not None:
        return {}
    trace, name, position = me.shown.trace, me.location.selected, me.position
    largest = [asdict(each) for each in tensor_slice.largest(trace, name, part, position)]
    return {"largest": largest, "norms": tensor_slice.norms(trace, name, part, position)}


def _note(me: Explorer, part: tensor_slice.Slice) -> str:
    """Write the shape of the whole tensor, the statistics of the drawn part, and the meaning of a pixel."""
    place = me.location
    if me.node.role == "tokens":
        return f"{_shape(me)} · an id is a name, not an amount"
    of = f"head {place.layer}.{place.head}: " if "H" in me.node.axes and place.weight is None else ""
    rows, cols = part.heat.block
    pixel = ""
    if rows * cols > 1:
        which = "largest" if part.heat.scale == "sequential" else "value farthest from 0"
        pixel = f" · a pixel is the {which} of {rows} × {cols}"
    return f"{_shape(me)} · {of}{_statistics(part.statistics)}{pixel}"


def _labels_at(me: Explorer, part: tensor_slice.Slice, row: int, col: int) -> tuple[str | None, str | None]:
    """Return the labels of a hovered cell's row and column, if the browser does not have them."""
    tokenizer = me.checkpoint.tokenizer
    return tensor_slice.label(part.rows, tokenizer, part, row), tensor_slice.label(part.cols, tokenizer, part, col)


def _shape(me: Explorer) -> str:
    """Write the live shape of the whole tensor."""
    if me.location.weight:
        return str(tuple(me.checkpoint.model.get_parameter(me.location.weight).shape))
    return str(me.arch.shapes(T=me.shown.trace.T)[me.location.selected])


def _statistics(of: tensor_slice.Statistics) -> str:
    others = f" · {of.others:,} masked or unknown" if of.others else ""
    return f"mean {of.mean:.4g} · std {of.std:.4g} · min {of.low:.4g} · max {of.high:.4g}{others}"


def _prediction(me: Explorer) -> components.Panel:
    rows = me.shown.next_tokens(me.position, me.sampling, me.top_k)
    return components.prediction(
        text=me.shown.text,
        rows=rows,
        temperature=me.temperature,
        top_k=me.top_k,
        ack=reports.seq("prediction"),
        note=(f"T {me.temperature:g} · " if me.temperature != 1 else "")
        + f"{sum(row['probability'] for row in rows):.1%} shown",
        position=me.position,
        token=me.shown.tokens[me.position],
        locked=me.lock is not None,
        facts=me.shown.facts(me.position),
    )


def _lens(me: Explorer) -> components.Panel:
    """Return what the model would say after each block; of a large model only when it is asked for."""
    asked = reports.last("lens") or {}
    wanted = (asked.get("text"), asked.get("position")) == (me.shown.text, me.position)
    config = me.arch.config
    quick = (config.n_layer + 1) * config.n_embd * config.vocab_size <= QUICK
    return components.lens(
        text=me.shown.text,
        position=me.position,
        token=me.shown.tokens[me.position],
        rows=me.lens() if quick or wanted or me.has_lens else None,
        ack=reports.seq("lens"),
    )


def _generate(me: Explorer) -> components.Panel:
    sampling = me.sampling
    return components.generate(
        text=me.shown.text,
        steps=me.writing.steps,
        undo=bool(me.writing.before),
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        seed=me.seed,
        ack=reports.seq("generate"),
    )


def _save(me: Explorer) -> components.Panel:
    """Return the menu of pictures, whose caption tells what they show."""
    name = me.location.weight or me.location.selected
    head = f", head {me.location.head}" if "H" in me.node.axes and me.location.weight is None else ""
    moment = f" · {me.moment.name}" if me.step is not None else ""
    model = me.source.replace("\\", "/").rstrip("/").rpartition("/")[2] or "a model"
    place = f"gptscope · {model}{moment} · {name}{head} · after {me.shown.tokens[me.position]!r}"
    return components.save(caption=[place, me.shown.text.replace("\n", "↵")])


def _heads(me: Explorer) -> components.Panel:
    film = me.look.plot != "heads"
    return components.heads(
        text=me.shown.text,
        pixels=me.shown.thumbnails.pixels(),
        selected=(me.location.layer, me.location.head),
        title="Attention of every head: choose one",
        film=film,
        shown="H" in me.node.axes and me.location.weight is None,
    )
