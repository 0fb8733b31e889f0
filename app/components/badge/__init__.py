"""A short line that says whether the numbers on the screen can be believed; it asks to be measured at each pause."""

from __future__ import annotations

from typing import Literal, TypedDict

from app.components._assets import check_payload, register

_BADGE = register("badge")


class BadgeEvent(TypedDict):
    """What `st.session_state[key]["event"]` holds when the prompt has come to rest: measure it, once per `seq`."""

    text: str
    seq: int


def badge(
    *,
    key: str,
    text: str | None,
    label: str,
    title: str,
    kind: Literal["good", "bad", "none"],
    moment: str = "",
    typed: bool = True,
) -> None:
    """Mount the badge.

    Args:
        key: `st.session_state[key]["event"]` is a `BadgeEvent` when another prompt than `text` has come to rest.
        text: the prompt that the label was measured on; None before the first measurement.
        label: the line, such as "parity 2.6e-06".
        title: what it means, shown at the pointer.
        moment: of the training, whose weights the page shows, such as "step 600 of 2,000"; "" is the final model. It
            stands before the label, and follows the timeline at once.
        typed: whether the prompt is on this page, and tells what it shows: the label is hidden while that is another.
        kind: whether it is well; it also shows as a sign, not by colour alone.
    """
    data = {"text": text, "label": label, "title": title, "kind": kind, "moment": moment, "typed": typed}
    _BADGE(key=key, data=check_payload(data))
