"""The choices of the section Find a head, each checked: a link may carry anything."""

from __future__ import annotations

from typing import Final

from app.panels.head_axes import BASES, NAMES, PROBE
from app.session.explorer import Explorer
from app.state import lab

RANKED: Final = "ranked"
VIEWS: Final = {RANKED: "This prediction", "points": "Scatter", "table": "Table", "scan": "Scan"}
X, Y = "previous", "induction"
"""The scores that are drawn first."""
OWN: Final = "Two scores of my choice"
QUESTIONS: Final = {
    "Heads that look back": (X, Y),
    "Heads behind this prediction": ("predicted", "actual"),
    "Heads that are missed most": ("copying", "loss"),
    "Heads that copy tokens": ("copying_of_tokens", "top1"),
}
"""Two scores, across and up, that answer each."""


def view() -> str:
    """Return the form in which all heads are shown."""
    told = lab.get("view")
    if told in VIEWS:
        return told
    return "points" if any(lab.get(which) for which in ("x", "y", "basis")) else RANKED  # a link to scores means these


def basis() -> str:
    """Return what attention is measured on."""
    told = lab.get("basis", PROBE)
    return told if told in BASES else PROBE


def axis(which: str) -> str:
    """Return the score of an axis, "x" or "y"."""
    usual = X if which == "x" else Y
    told = lab.get(which, usual)
    return told if told in NAMES else usual


def question() -> str:
    """Return the question that the two scores answer."""
    asked = axis("x"), axis("y")
    return next((question for question, scores in QUESTIONS.items() if scores == asked), OWN)


def chosen_head(me: Explorer, first: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return the head whose card is shown: the one that was clicked, or `first`, or the one on Explore."""
    return place(lab.get("head"), me) or first or (me.location.layer, me.location.head)


def choose_head(layer: int, head: int) -> None:
    """Show the card of another head."""
    lab.choose("head", f"{layer}.{head}")


def place(name: object, me: Explorer) -> tuple[int, int] | None:
    """Return the head of a name such as "1.0"; None where the model has none."""
    layer, dot, head = str(name).partition(".")
    if not dot or not (layer.isascii() and layer.isdigit() and head.isascii() and head.isdigit()):
        return None
    config = me.arch.config
    found = int(layer[:6]), int(head[:6])
    return found if found[0] < config.n_layer and found[1] < config.n_head else None
