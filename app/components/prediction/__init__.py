"""The next-token distribution as bars, with probability, logit and rank; a click on a row appends its token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import deliver, length, number
from app.components.explore_panels import Panel

deliver("prediction")


class NextToken(TypedDict):
    """A row."""

    id: int
    label: str
    probability: float
    logit: float
    rank: int
    cut: bool
    """True where the choices of drawing leave it out."""


class Append(TypedDict):
    """A click that asks to append token `id` to `text`, the prompt that the user saw; act once per `seq`."""

    id: int
    text: str
    seq: int


class PredictionEvent(TypedDict):
    """The state of `explore_panels` after the first action of the user; send `seq` back as `ack`.

    Each message carries everything, so `append` stays there after it was done: compare its own `seq`.
    """

    temperature: float
    top_k: int
    append: Append | None
    seq: int


def prediction(
    *,
    text: str,
    rows: Sequence[NextToken],
    temperature: float = 1.0,
    top_k: int = 10,
    ack: int = 0,
    note: str = "",
    position: int = 0,
    token: str = "",
    locked: bool = False,
    facts: Sequence[tuple[str, str, str]] = (),
    open: str = "",
    before: Sequence[float] | None = None,
    effect: tuple[str, str, str] | None = None,
    choices: Sequence[int] = (10, 20, 30, 40, 50, 100),
    temperatures: tuple[float, float] = (0.05, 2.0),
    height: int | str = "100%",
) -> Panel:
    """Return the bars as a panel; a click or a move of the slider becomes a `PredictionEvent`.

    Args:
        text: the prompt before the next token.
        rows: the most likely tokens, best first; bars are drawn to the scale 0 to 1.
        temperature: temperature of the probabilities.
        top_k: chosen number of rows.
        ack: `seq` of the last `PredictionEvent` that was processed.
        note: text at the top right, such as "97.3 % shown".
        position: the position of the context whose next token it is.
        token: the label of the token there.
        locked: True if a person has locked it: a click on a row then writes over what follows.
        facts: (name, value, meaning) of what else is known there, such as the loss.
        open: the tensor, (B, T, V), of which "why?" explains a number, with an `ExplainOpen`.
        before: the rows' probabilities without the changes of the run; None where no change is on.
        effect: a sentence on what the changes do, a brief one for little room, and what their numbers mean; None for
            none.
        choices: possible numbers of rows.
        temperatures: both ends of the slider.
        height: pixels or any CSS length; rows scroll inside.
    """
    data = {
        "text": text,
        "rows": [{**row, "probability": number(row["probability"]), "logit": number(row["logit"])} for row in rows],
        "temperature": temperature,
        "top_k": top_k,
        "ack": ack,
        "note": note,
        "position": position,
        "token": token,
        "locked": locked,
        "open": open,
        "facts": [list(fact) for fact in facts],
        "choices": list(choices),
        "coldest": temperatures[0],
        "hottest": temperatures[1],
        "height": length(height),
    }
    if before is not None:
        data["before"] = [number(each) for each in before]
    if effect is not None:
        data["effect"] = list(effect)
    return Panel("prediction", data)
