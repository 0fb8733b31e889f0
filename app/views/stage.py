"""The stage: the selected node, its tensor or weight as a heatmap, and the lines that make it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from app import components
from app.panels import tensor_slice
from app.session import events
from app.session.explorer import Explorer
from app.state import reports
from app.views import change_form, changes, code
from app.views.keys import key
from app.views.letters import letters


def panels(me: Explorer) -> list[components.Panel]:
    """Return the panels of what stands at the place."""
    return [_node(me), _matrix(me), code.panel(me)]


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
        formula_key=key(node.formula),
        layer=place.layer,
        head=place.head,
        n_head=me.arch.config.n_head if has_heads else 0,
        weights=node.weights,
        weight=place.weight,
        letters=letters(me.arch.config, me.shown.trace.T),
        drawer=me.look.drawer,
        width=me.look.width,
        change=change_form.offer(me),
        undo=me.undoable,
        redo=me.redoable,
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
        explains=bool(part.place),
        pin=me.pin if part.place else None,
        texts=me.shown.ids[me.shown.cropped :] if me.node.role == "tokens" else None,
        cuts=me.tool == "cut" and part.square,
        draws=me.tool == "draw" and part.heat.values is not None and me.node.role == "pattern" and of_run,
        cut=changes.edges_cut(me, me.node.layer, place.head) if part.square else [],
        off=changes.head_off(me, me.node.layer, place.head) if part.square else "",
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
    sizes = me.arch.sizes(T=me.shown.trace.T)
    return str(tuple(sizes[axis] for axis in me.arch.nodes[me.location.selected].axes))


def _statistics(of: tensor_slice.Statistics) -> str:
    others = f" · {of.others:,} masked or unknown" if of.others else ""
    return f"mean {of.mean:.4g} · std {of.std:.4g} · min {of.low:.4g} · max {of.high:.4g}{others}"
