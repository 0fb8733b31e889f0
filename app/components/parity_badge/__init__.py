"""A short line about the accuracy of the numbers on the screen; it asks for a measurement when typing pauses."""

from __future__ import annotations

from typing import Literal, TypedDict

from app.components._assets import check_payload, register

_BADGE = register("parity_badge")


class ParityBadgeEvent(TypedDict):
    """The value of `st.session_state[key]["event"]` after typing has paused: measure the prompt, once per `seq`."""

    text: str
    seq: int


def parity_badge(
    *,
    key: str,
    text: str | None,
    label: str,
    title: str,
    kind: Literal["good", "bad", "none"],
    difference: str = "",
    moment: str = "",
    typed: bool = True,
) -> None:
    """Mount the badge.

    Args:
        key: `st.session_state[key]["event"]` is a `ParityBadgeEvent` after typing paused at another prompt than `text`.
        text: the prompt of the measurement; None before the first one.
        label: the line, such as "parity 2.6e-06".
        title: its meaning, shown on hover.
        difference: the number that was measured, such as "2.6e-06", which other panels tell, too; "" before.
        moment: the training step of the weights on the page, such as "step 600 of 2,000"; "" is the final model. It
            stands before the label, and follows the timeline at once.
        typed: True if the page has a prompt panel; the label is hidden while that shows another prompt than `text`.
        kind: the result of the measurement; a sign shows it, too, not only the colour.
    """
    told = {"label": label, "title": title, "kind": kind, "difference": difference}
    _BADGE(key=key, data=check_payload({"text": text, **told, "moment": moment, "typed": typed}))
