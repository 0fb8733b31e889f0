"""The page about the model: its card, its loss curve, its sizes, and the notices of its loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from app.panels import figures
from app.state import names, opening, person, reports
from app.stores.models import Wanted
from app.training import learning_curves
from app.views.assumptions import assumptions
from app.views.markdown import escaped
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.assumptions import sentence

MOST_CARD = 200_000
"""Largest number of characters shown of an untrusted model card."""


def card() -> None:
    """Draw the page."""
    me, wanted = person.explorer(), person.loaded()
    info, config = me.final.info, me.final.config
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        _card(wanted)
    with right:
        with st.container(horizontal=True, gap="medium"):  # side by side where there is room: no number is cut
            st.metric("parameters", f"{me.parameters:,}", width="content")
            st.metric("layers × heads", f"{config.n_layer} × {config.n_head}", width="content")
            st.metric("context", f"{config.block_size:,}", width="content")
        st.table(_facts(info))
        folder = shipped_folder() / wanted.source
        if wanted.is_shipped and learning_curves.find(folder):
            figure = figures.losses(learning_curves.read(folder), weight=0, log=False, dark=reports.dark(), height=380)
            st.plotly_chart(figure, width="stretch")
        assumptions()
        told = [sentence(assumed) for assumed in info.get("assumptions", [])]
        for notice in info.get("notices", []):
            if notice not in told:
                st.text(f"• {names.told(notice)}")


def _card(wanted: Wanted) -> None:
    try:
        text = _text_of(wanted)
    except (OSError, ValueError):  # gone, not readable, a name that no file can have
        text = ""
    if wanted.is_shipped and text:
        with st.container(key="model card"):
            st.markdown(text)
    elif text:
        st.text(text)  # as plain text: untrusted Markdown may hold anything
    else:
        st.subheader("This checkpoint has no model card")
        st.text(names.shown(wanted.source))


def _text_of(wanted: Wanted) -> str:
    """Return the card of a model; "" without one. An upload has none: its name is no path of this server."""
    if wanted.digest:
        return ""
    place = shipped_folder() / wanted.source if wanted.is_shipped else Path(wanted.source).expanduser()
    with ((place.parent if place.is_file() else place) / "README.md").open(encoding="utf-8", errors="replace") as file:
        return file.read(MOST_CARD)


def _facts(info: dict[str, Any]) -> dict[str, str]:
    """Return facts by name: the model's origin and its memory."""
    me = person.explorer()
    size = sum(parameter.nbytes for parameter in me.final.model.parameters())
    before, after = opening.memory()
    shown = me.moment
    facts = {
        "shown on Explore": "" if me.step is None else f"the weights of {shown.name}; here is the {shown.last} model",
        "format": str(info.get("format", "unknown")),
        "vocabulary": f"{me.checkpoint.config.vocab_size:,} ids, {type(me.checkpoint.tokenizer).__name__}",
        "iterations": f"{info['iter_num']:,}" if "iter_num" in info else "",
        "best validation loss": f"{info['best_val_loss']:.4f} nats" if "best_val_loss" in info else "",
        "weights in memory": f"{size / 1e6:,.1f} MB",
        "this server's memory": f"{before:,.0f} MB before this model was opened, {after:,.0f} MB after",
        "commit": str(info.get("revision", "")),
    }
    return {name: escaped(fact) for name, fact in facts.items() if fact}  # a table's cells are Markdown
