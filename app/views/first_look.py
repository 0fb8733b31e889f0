"""The first look at a model: what its first picture shows, told with the picture's own numbers."""

from __future__ import annotations

from app import components
from app.session.explorer import Explorer

FEWEST = 8
"""Tokens of a prompt whose pattern has room for the card above its diagonal."""


def panel(me: Explorer) -> list[components.Panel]:
    """Return the card while nothing was done yet, and the stage shows a pattern."""
    part = me.slice()
    if not me.untouched or not part.square or me.shown.trace.T < FEWEST:
        return []
    tokens, here = me.shown.tokens, me.position
    row = part.matrix[here]
    key = int(row.argmax())
    (best,) = me.shown.next_tokens(here, me.sampling, 1)
    head = f"head {me.location.layer}.{me.location.head}"
    copied = tokens[key] == best["label"]
    read, last = _quoted(tokens[key]), _quoted(tokens[here])
    expected = f"the model expects {'it' if copied else _quoted(best['label'])} next: {best['probability']:.0%}"
    return [
        components.first_look(
            title=f"Where does {read} come from?" if copied else f"What does {head} look at?",
            seen=f"From the last token, {last}, {head} reads {read} most: {row[key]:.2f} of it. And {expected}.",
            tries=(
                f"change {read} in the text above, and watch the picture and the prediction follow;",
                "click any token: every panel then shows the model at that token.",
            ),
        )
    ]


def _quoted(token: str) -> str:
    return f"“{token.strip() or token}”"
