"""The prompt: an input that reports every key, the tokens as chips, a counter and one line of notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver, number
from app.components.explore_panels import Panel

deliver("prompt")

MAX_CHIPS = 4096
"""Largest number of tokens sent, the last ones of a longer prompt: a context that is longer was never seen."""


class PromptValue(TypedDict):
    """The state of `explore_panels` after the user has typed; send `seq` back as `ack`."""

    text: str
    seq: int
    rev: int
    example: NotRequired[bool]
    """True where the model's own example is to take the place of this text."""


class FollowEvent(TypedDict):
    """The state of `explore_panels`, under "follow", after a token was locked in any panel; act once per `seq`."""

    token: int | None
    text: str
    seq: int


class Notice(TypedDict):
    """A line beside the tokens."""

    kind: Literal["info", "warning", "error"]
    text: str
    offer: NotRequired[bool]
    """True where a button beside it takes the model's own example."""


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
    example: str = "",
    lock: int | None = None,
    drawn: Mapping[int, str] | None = None,
    dearer: Sequence[float] | None = None,
    placeholder: str = "Type a prompt",
    autofocus: bool = True,
    most: int = 20_000,
) -> Panel:
    """Return input, chips, counter and notice as a panel; typing becomes a `PromptValue`.

    Args:
        text: the prompt of the tokens (and of all other panels). The browser writes it into the input only if `rev`
            has changed: never answer a key with a new `rev`.
        labels: readable text of every token; the component makes white space visible.
        ids: the tokens' ids.
        rev: number that changes when the server, not the user, changes the prompt.
        ack: `seq` of the last `PromptValue` that was processed. The browser sends the next one only then.
        cropped: number of first tokens that the model does not see.
        counter: the line at the right, such as "17 / 256 tokens · 6 ms".
        notice: a sentence for the user, announced to screen readers.
        example: the model's own example, where that is not the text in the input.
        lock: the token that is followed, by its place in the whole prompt; None follows the last.
        drawn: of tokens that the model drew, by their place in the whole prompt, how each was drawn.
        dearer: what changes of the run add to the loss at each position of the context that has a next token, in nats;
            drawn below that token. None where none is on.
        placeholder: text of the empty input.
        autofocus: True to focus the input when the page opens.
        most: bytes of a text that are read; a longer one stays in the input and is not sent.
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
        "example": example,
        "lock": lock,
        "drawn": {str(index): how for index, how in (drawn or {}).items()},
        "placeholder": placeholder,
        "autofocus": autofocus,
        "most": most,
    }
    if dearer is not None:
        data["dearer"] = [number(each) for each in dearer]
    return Panel("prompt", data)
