"""Choices that a link carries, as native widgets: the link's choice is drawn, and what one picks becomes it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.state import lab, reports


def segments(name: str, words: Mapping[str, str], label: str, *, shown: bool = True) -> str:
    """Draw a choice of few words, all in sight, and return the name of the one that is chosen.

    Args:
        name: the name under which a link carries it.
        words: a word for each name; the first is the usual one.
        label: the choice's name.
        shown: False hides it from eyes, not from screen readers.
    """
    usual, key = next(iter(words)), f"lab {name}"
    before = lab.get(name, usual)
    chosen = before if before in words else usual
    reports.set_widget(key, chosen)
    st.segmented_control(
        label,
        list(words),
        format_func=words.__getitem__,
        required=True,
        key=key,
        on_change=_keep,
        args=(name, usual),
        label_visibility="visible" if shown else "collapsed",
    )
    return chosen


def number(name: str, choices: range, label: str, usual: int) -> int:
    """Draw a choice of a number, and return it; the usual one is taken where there is no such choice."""
    key = f"lab {name}"
    told = lab.get(name, "")
    chosen = int(told) if told.isdecimal() and int(told) in choices else usual
    reports.set_widget(key, chosen)
    st.selectbox(
        label,
        choices,
        format_func=lambda each: f"{each} {label}" if label.endswith("s") else f"{label} {each}",
        key=key,
        on_change=_keep,
        args=(name, str(usual)),
        label_visibility="collapsed",
        width=120,
    )
    return chosen


def places(name: str, count: int) -> tuple[int, ...] | None:
    """Return places that a link carries, such as "2.13"; None where there are not so many."""
    told = lab.get(name).split(".")
    known = len(told) == count and all(each.isascii() and each.isdigit() for each in told)
    return tuple(int(each[:6]) for each in told) if known else None


def _keep(name: str, usual: str) -> None:
    picked = reports.widget(f"lab {name}")
    if picked is not None:
        lab.choose(name, str(picked), usual)
