"""A choice of the page Lab as buttons side by side: it follows a link, and is kept for the next one."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.state import lab, reports


def segments(label: str, options: Mapping[str, str], name: str, now: str, usual: str | None = None) -> None:
    """Draw the choice.

    Args:
        label: what is chosen, for those who do not see the page.
        options: the title of each option, by its name in a link.
        name: the name of the choice in a link.
        now: the option that is chosen; a link may have brought another one since the last run.
        usual: the option that no link need carry; by default the first.
    """
    key = f"lab {name}"
    reports.set_widget(key, now)
    st.segmented_control(
        label,
        list(options),
        format_func=lambda option: options[option],
        required=True,
        key=key,
        label_visibility="collapsed",
        on_change=lambda: lab.choose(name, str(reports.widget(key)), next(iter(options)) if usual is None else usual),
    )
