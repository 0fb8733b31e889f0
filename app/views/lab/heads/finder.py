"""All heads as a scatter of two scores, or as a table."""

from __future__ import annotations

import math

import streamlit as st

from app import components
from app.components import number
from app.components.head_table import TableColumn, TableRow
from app.panels import head_axes, head_code, head_scatter
from app.panels.head_axes import BASES, MEANINGS, NAMES, Measured
from app.session.explorer import Explorer
from app.state import heads as state
from app.state import lab, reports
from app.views.lab.heads import choices, measuring
from app.views.lab.heads.below import below
from app.views.lab.heads.code import told
from app.views.lab.heads.waiting import waiting
from app.views.lab.segments import segments
from app.views.markdown import escaped
from gptcore.analysis.head_scores import SCORES

PLOT, TABLE = "lab heads plot", "lab heads table"
ALWAYS = ("induction", "previous", "duplicate", "current", "first", "sink", "copying")
LATER = ("loss", "predicted", "actual", "prefix", "top1")
"""Columns of the table that stand there once they are measured."""


def hear(me: Explorer) -> None:
    """Choose the head that was clicked in the plot or in the table, whose rows can ask for the form of changes too."""
    for key in (PLOT, TABLE):
        event = reports.new(key)
        found = event and choices.place(event.get("point"), me)
        if found:
            choices.choose_head(*found)
        if found and event and event.get("form") is True:
            state.open_form(event["seq"])


def basis() -> None:
    """Draw the choice of what attention is measured on."""
    segments("Attention measured", BASES, "basis", choices.basis())


def measures_attention(view: str) -> bool:
    """Tell if a form shows scores of attention, which are of the probe or of the prompt."""
    return view == "table" or (view == "points" and any(choices.axis(which) in SCORES for which in ("x", "y")))


def finder(me: Explorer, view: str, height: int) -> None:
    """Draw the heads in one of both forms."""
    if view == "points":
        _points(me, height)
    else:
        _table(me)


def needed() -> set[str]:
    """Return the measurements that the form of all heads waits for."""
    on, view = choices.basis(), choices.view()
    if view == "points":
        return {need for which in ("x", "y") if (need := head_axes.needs(choices.axis(which), on))}
    return {"facts"} if view == "table" and on == head_axes.PROBE else set()


def _points(me: Explorer, height: int) -> None:
    on = choices.basis()
    with st.container(horizontal=True, vertical_alignment="center", key="lab axes"):
        _question()
        x, y = (_axis(which) for which in ("x", "y"))
    there = [waiting(me, need) for need in sorted(needed())]  # all of them are drawn
    if not all(there):
        return
    found = measuring.measured(me)
    selected = choices.chosen_head(me)
    st.caption(head_scatter.highest(x, y, on, found))
    figure = head_scatter.scatter(x, y, on, found, selected, dark=reports.dark(), height=height)
    name = f"{selected[0]}.{selected[1]}"
    components.plot(figure, key=PLOT, points=True, forms=True, chosen=name, below=62, bar=False, label="All heads")
    _hover(me, found, on, (x, y))
    below(me, _told(me, found, on, (x, y)), head_code.points(x, y, on, told(me)), "lab heads code")


def _question() -> None:
    """Draw the questions that two scores answer."""
    reports.set_widget("lab question", choices.question())
    st.selectbox(
        "Question",
        [*choices.QUESTIONS, choices.OWN],
        key="lab question",
        label_visibility="collapsed",
        on_change=_asked,
        width=236,
    )


def _asked() -> None:
    found = choices.QUESTIONS.get(str(reports.widget("lab question")))
    for which, usual, name in zip(("x", "y"), (choices.X, choices.Y), found or (), strict=False):
        lab.choose(which, name, usual)


def _axis(which: str) -> str:
    usual = choices.X if which == "x" else choices.Y
    names = list(NAMES)
    reports.set_widget(f"lab axis {which}", choices.axis(which))
    return st.selectbox(
        "Across" if which == "x" else "Up",
        names,
        format_func=lambda name: f"{'→' if which == 'x' else '↑'} {NAMES[name]}",
        key=f"lab axis {which}",
        label_visibility="collapsed",
        on_change=lambda: lab.choose(which, str(reports.widget(f"lab axis {which}")), usual),
    )


def _table(me: Explorer) -> None:
    on = choices.basis()
    if on == head_axes.PROBE and not waiting(me, "facts"):
        return
    found = measuring.measured(me)
    names = [name for name in (*ALWAYS, *LATER) if head_axes.values(name, on, found) is not None]
    components.head_table(
        key=TABLE, columns=_columns(names, on, found), rows=_rows(names, on, found), selected=choices.chosen_head(me)
    )
    _hover(me, found, on, ("previous", "induction"))
    below(me, _told(me, found, on, names), head_code.table(names, on, told(me)), "lab heads code")


def _columns(names: list[str], on: str, found: Measured) -> list[TableColumn]:
    columns: list[TableColumn] = []
    for name in names:
        level = head_axes.by_chance(name, on, found)
        columns.append({"name": name, "label": NAMES[name], "about": MEANINGS[name], "chance": number(level)})
    return columns


def _rows(names: list[str], on: str, found: Measured) -> list[TableRow]:
    scores, rests = head_axes.attention(found, on), head_axes.sinks(found, on)
    values = [head_axes.values(name, on, found) for name in names]
    return [
        {
            "layer": layer,
            "head": head,
            "kind": NAMES[kind] if scores and (kind := head_axes.kind(scores, layer, head)) else "",
            "sink": bool(rests[layer, head]),
            "values": [number(float(each[layer, head])) for each in values if each is not None],
        }
        for layer in range(found.config.n_layer)
        for head in range(found.config.n_head)
    ]


def _hover(me: Explorer, found: Measured, on: str, names: tuple[str, str]) -> None:
    """Draw a head's pattern beside its point, once it is pointed at."""
    values = [(head_scatter.axis_title(name, on), head_axes.values(name, on, found)) for name in names]
    config = found.config
    points = {
        f"{layer}.{head}": [
            f"{title}: {float(each[layer, head]):.3g}"
            for title, each in values
            if each is not None and not math.isnan(float(each[layer, head]))
        ]
        for layer in range(config.n_layer)
        for head in range(config.n_head)
    }
    shown = me.shown
    pictures = shown.thumbnails if shown.without is None else measuring.pictures(shown.unchanged)
    components.head_tooltip(
        key="lab head picture",
        pixels=pictures.pixels(),
        points=points,
        caption="Its pattern on this prompt. Click: its card. Right click, or C: more changes.",
    )


def _told(me: Explorer, found: Measured, on: str, names: tuple[str, str] | list[str]) -> str:
    """Return the conventions of what is shown."""
    said = [head_axes.conventions(on, found)] if any(name in SCORES for name in names) else []
    if "loss" in names:
        said.append(f"Loss: of {found.about}.")
    if "predicted" in names or "actual" in names:
        token = escaped(me.checkpoint.tokenizer.label(measuring.likely(found.trace, me.position)))
        said.append(f"Effects: on the logit of ‘{token}’, the most likely token after token {me.position}.")
    if {"copying", "copying_of_tokens", "top1"} & set(names):
        said.append("Weights are raw, no norm folded in.")
    return " ".join(said)
