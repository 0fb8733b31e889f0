"""One tensor of two models: where its numbers differ, as a heatmap."""

from __future__ import annotations

import streamlit as st

from app import components
from app.panels import model_pair, tensor_slice
from app.panels.tensor_slice import Slice
from app.session import events, lab_costs
from app.session.explorer import Explorer
from app.state import lab, reports
from app.views.lab.fitting import fits
from app.views.markdown import escaped
from gptcore import Checkpoint, Trace

KEY = "lab difference"
HEIGHT = 460


def one_tensor(me: Explorer, this: Trace, run: Trace, other: Checkpoint, name: str, lines: str) -> None:
    """Draw a tensor of the run, or a weight, of the other model minus that of the model on the screen.

    Args:
        me: the model on the screen.
        this: its run.
        run: that of the other model.
        other: the other model.
        name: the tensor or weight.
        lines: Python that leaves both models in `ckpt` and `other`, and their runs in `runs`.
    """
    if not fits(me, lab_costs.of_one_difference(me.arch, name, this.T), f"{name} of both models"):
        return
    if name in me.arch.nodes.names():
        part = _tensor(me, this, run, name)
    elif (owner := me.arch.owner(name)) is not None:
        axes = owner.weight_axes[owner.weights.index(name)]
        weights = [each.model.get_parameter(name) for each in (me.checkpoint, other)]
        part = model_pair.weight_difference(name, axes, *weights)
    else:
        return
    weight = name not in me.arch.nodes.names()
    loaded = lines.rpartition("\n")[0] if weight else lines
    _draw(me, part, name, f"{loaded}\n{model_pair.difference_code(part, name, weight)}")


def _tensor(me: Explorer, this: Trace, run: Trace, name: str) -> Slice:
    node, head = me.arch.nodes[name], 0
    if "H" in node.axes:
        heads = range(me.arch.config.n_head)
        told = lab.get("tensor head")
        farthest = model_pair.farthest_head(this, run, name)
        head = int(told) if told.isdecimal() and int(told) in heads else farthest
        reports.set_widget("lab tensor head", head)
        st.selectbox(
            "Head",
            heads,
            format_func=lambda each: f"head {each}{' (differs most)' if each == farthest else ''}",
            key="lab tensor head",
            label_visibility="collapsed",
            on_change=lambda: lab.choose("tensor head", str(reports.widget("lab tensor head"))),
            width=240,
        )
    return model_pair.difference(this, run, name, head, me.position)


def _draw(me: Explorer, part: Slice, name: str, code: str) -> None:
    title = f"{part.name}: other minus here"
    hover = events.cell(reports.last(KEY), title)
    tokens, tokenizer = me.shown.tokens, me.checkpoint.tokenizer
    rows, cols = (
        tokens if axis in ("T", "query", "key") else tensor_slice.labels(axis, tokens, tokenizer, part, size)
        for axis, size in zip((part.rows, part.cols), part.matrix.shape, strict=True)
    )
    of = part.statistics
    left, right = st.columns([6, 1], vertical_alignment="center")
    with right:
        components.copy_code(code, key="lab difference code")
    left.markdown(f"**Where {escaped(part.name)} differs**")
    st.caption(
        f"The other model's numbers minus those here. Mean {of.mean:.4g}, smallest {of.low:.4g}, largest {of.high:.4g}."
    )
    components.matrix_alone(
        components.matrix(
            text=None,
            name=title,
            heat=part.heat,
            row_axis=tensor_slice.POSITIONS.get(part.rows, part.rows),
            col_axis=tensor_slice.POSITIONS.get(part.cols, part.cols),
            row_labels=rows,
            col_labels=cols,
            square=part.square,
            value_at=part.value_at(*hover) if hover else None,
            ack=reports.seq(KEY),
            note="point at a cell to read the difference",
            panel="difference",
            height=HEIGHT,
            tensor=name,
            placed=True,
        ),
        key=KEY,
    )
