"""Generation: buttons that draw the next tokens, take them back, and choose how they are drawn."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("generate")


class GenerateEvent(TypedDict):
    """The state of `explore_panels` after an action; act once per `seq`, and send it back as `ack`.

    draw: draw one token behind `text`; the browser asks for the next one when this one is painted. undo: take the last
    change back. set: how tokens are drawn.
    """

    kind: Literal["draw", "undo", "set"]
    seq: int
    text: NotRequired[str]
    temperature: NotRequired[float]
    top_k: NotRequired[int | None]
    top_p: NotRequired[float | None]
    seed: NotRequired[int]


def generate(
    *,
    text: str,
    steps: int,
    undo: bool,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int,
    ack: int = 0,
) -> Panel:
    """Return the buttons as a panel; a click becomes a `GenerateEvent`.

    Args:
        text: the prompt.
        steps: number of tokens that were drawn; it grows with each of them.
        undo: True if there is a change to take back.
        temperature: the divisor of the logits.
        top_k: the number of tokens that one is drawn from; None for all.
        top_p: the share of the probability that a token is drawn from; None for all.
        seed: the seed of the draws.
        ack: `seq` of the last `GenerateEvent` that was processed.
    """
    data = {
        "text": text,
        "steps": steps,
        "undo": undo,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "seed": seed,
        "ack": ack,
    }
    return Panel("generate", data)
