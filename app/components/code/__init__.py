"""Python source in tabs, with a range of highlighted lines, and what each line made or did at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver, length
from app.components.explore_panels import Panel

deliver("code")


class CodeEvent(TypedDict):
    """The state of `explore_panels` after a click on a line, or when typing pauses; act once per `seq`."""

    kind: Literal["find", "measure"]
    """Go to the tensor `id`, or compute what waits of the prompt `text`."""
    id: NotRequired[str]
    """The tensor that the line makes."""
    text: NotRequired[str]
    seq: int


def code(
    *,
    text: str,
    tab: str,
    listing_key: str,
    lines_key: str,
    T: int,
    first: int = 0,
    last: int = 0,
    title: str = "",
    elsewhere: str = "",
    label: str = "",
    summary: str = "",
    formula: str = "",
    formula_key: str = "",
    layer: int = 0,
    facts: Mapping[str, str] | None = None,
    waits: bool = False,
    height: int | str = "clamp(176px, 24vh, 240px)",
) -> Panel:
    """Return the source as a panel; a click on a line that makes a tensor becomes a `CodeEvent`.

    A choice of a tab becomes a `LookEvent` of `explore_panels`: "code", and the tab's word.

    Args:
        text: the prompt.
        tab: the tab that is open (code/tabs.js).
        listing_key: name of the source, JSON that `explore_panels` keeps (panels/code_lines.py).
        lines_key: name of the list of lines that make tensors, JSON that `explore_panels` keeps (panels/code_lines.py).
        T: number of tokens of this run.
        first: first highlighted line, from 1, among all that are shown; 0 for none.
        last: last highlighted line.
        title: heading, such as "gptcore/model.py · lines 61-64".
        elsewhere: where the inspected tensor is made, if not by a line of this tab.
        label: readable name of the tensor.
        summary: a sentence on it.
        formula: LaTeX, for screen readers.
        formula_key: name of the formula's picture, an SVG that `explore_panels` keeps.
        layer: the block that the lines are told of.
        facts: what is told of lines in this run, by the names that the list of lines has.
        waits: True if a part of it is still to be computed, when typing pauses.
        height: pixels or any CSS length; the source scrolls inside.
    """
    data = {
        "open": True,
        "text": text,
        "tab": tab,
        "listing_key": listing_key,
        "lines_key": lines_key,
        "T": T,
        "first": first,
        "last": last,
        "title": title,
        "elsewhere": elsewhere,
        "label": label,
        "summary": summary,
        "formula": formula,
        "formula_key": formula_key,
        "layer": layer,
        "facts": dict(facts or {}),
        "waits": waits,
        "height": length(height),
    }
    return Panel("code", data)


def closed_code() -> Panel:
    """Return the panel as it takes no room: nothing of the run is sent."""
    return Panel("code", {"open": False})
