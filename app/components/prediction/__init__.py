"""The next-token distribution as bars, with probability, logit and rank; a click on a row appends its token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import deliver, length, number
from app.components.live import Panel

deliver("prediction")


class NextToken(TypedDict):
    """One row."""

    id: int
    label: str
    probability: float
    logit: float
    rank: int


class Append(TypedDict):
    """A click: append token `id` to `text`, the prompt that the user saw; act once per `seq`."""

    id: int
    text: str
    seq: int


class PredictionEvent(TypedDict):
    """What the state of `live` holds once anything was touched; `seq` goes back as `ack`.

    Each message carries everything, so `append` stays there after it was done: its own `seq` tells.
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
    choices: Sequence[int] = (10, 20, 30, 40, 50),
    temperatures: tuple[float, float] = (0.05, 2.0),
    height: int | str = 380,
) -> Panel:
    """The bars; `PredictionEvent` tells of a click or a move of the slider.

    Args:
        text: the prompt whose next token this is.
        rows: the most likely tokens, best first; bars are drawn to the scale 0 to 1.
        temperature: what the probabilities were computed with.
        top_k: how many rows were asked for.
        ack: `seq` of the last `PredictionEvent` that was processed.
        note: at the top right, such as "97.3 % shown".
        choices: offered numbers of rows.
        temperatures: both ends of the slider.
        height: of the panel, in pixels or any CSS length; rows scroll inside.
    """
    data = {
        "text": text,
        "rows": [{**row, "probability": number(row["probability"]), "logit": number(row["logit"])} for row in rows],
        "temperature": temperature,
        "top_k": top_k,
        "ack": ack,
        "note": note,
        "choices": list(choices),
        "coldest": temperatures[0],
        "hottest": temperatures[1],
        "height": length(height),
    }
    return Panel("prediction", data)
