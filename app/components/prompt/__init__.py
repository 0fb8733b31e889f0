"""The prompt: an input that is live at every keystroke, the tokens as chips, a counter and one line of notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

from app.components._assets import deliver
from app.components.live import Panel

deliver("prompt")

MAX_CHIPS = 512
"""More tokens than this are not sent as chips: the last ones are. (No screen shows more.)"""


class PromptValue(TypedDict):
    """What the state of `live` holds once the user has typed; `seq` goes back as `ack`."""

    text: str
    seq: int
    rev: int


class Notice(TypedDict):
    """One line beside the tokens."""

    kind: Literal["info", "warning", "error"]
    text: str


def prompt(
    *,
    text: str,
    labels: Sequence[str],
    ids: Sequence[int],
    rev: int = 0,
    ack: int = 0,
    cropped: int = 0,
    counter: str = "",
    notice: Notice | None = None,
    placeholder: str = "Type a prompt",
    autofocus: bool = True,
) -> Panel:
    """The input, the tokens as chips, counter and notice; `PromptValue` tells what was typed.

    Args:
        text: the prompt that the tokens (and all other panels) belong to. It is written into the input only when
            `rev` differs from the one before: never answer a keystroke with a new `rev`.
        labels: every token of the prompt, as it shall be read; white space is made visible here.
        ids: the tokens' ids.
        ack: `seq` of the last `PromptValue` that was processed. The next one is sent only then.
        cropped: how many of the first tokens the model does not see.
        counter: the line at the right, such as "17 / 256 tokens · 6 ms".
        notice: a sentence for the user, announced to screen readers.
    """
    if len(labels) != len(ids):
        raise ValueError(f"{len(labels)} labels for {len(ids)} ids; every token needs one of each")
    first = max(0, len(labels) - MAX_CHIPS)
    data = {
        "text": text,
        "labels": list(labels[first:]),
        "ids": list(ids[first:]),
        "first": first,
        "rev": rev,
        "ack": ack,
        "cropped": cropped,
        "counter": counter,
        "notice": dict(notice) if notice else None,
        "placeholder": placeholder,
        "autofocus": autofocus,
    }
    return Panel("prompt", data)
