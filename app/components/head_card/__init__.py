"""A head's card: what is known of one head, in a panel beside the picture of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from app.components._assets import check_payload, numbers, register
from app.components.change_form import ChangeFormEvent
from app.components.changes import ChangesEvent
from app.components.explore_panels import Panel
from app.components.head_ranking import SaidToken
from app.components.heads import MAX_SIZE

_CARD = register("head_card")


class CardScore(TypedDict):
    """A score of attention, on the probe and here. Numbers as `number` writes them."""

    name: str
    about: str
    probe: float | str
    chance: float | str
    here: float | None
    chance_here: float | None
    state: str


class CardEdge(TypedDict):
    """A query, the key that it looks at, and how much."""

    query: str
    key: str
    at: list[int]
    again: bool
    """True where the prompt has the query's token more than once."""
    weight: float


class CardTokens(TypedDict):
    """The tokens with the largest of some numbers, and the token that they belong to."""

    of: str
    tokens: list[tuple[str, float]]


class CardRatio(TypedDict):
    """A number of the weights with its level by chance."""

    name: str
    about: str
    value: float
    chance: str


class CardWriters(TypedDict):
    """The earlier heads of which a head reads most, for its queries, keys and values."""

    name: str
    about: str
    chance: float
    reads: dict[str, list[tuple[int, int, float]]]


class CardLoss(TypedDict):
    """The mean loss of a text without the head; numbers are None where they are not measured."""

    title: str
    """The name of the text: its loss is not that of the token that the model says next."""
    about: str
    loss: float | None
    without: float | None
    asked: str
    """The words of a button that measures it; "" for none."""


class HeadCardEvent(TypedDict, total=False):
    """The state of the card after a click, under "event"; act once per `seq`."""

    kind: str
    """"head" another head's card, "explore" this head on Explore, "off" it switched off or on again, "form" the form of
    changes opened or closed, "measure" the loss without it; "change_form" and "changes" the `report` of that panel."""
    layer: int
    head: int
    report: ChangeFormEvent | ChangesEvent
    seq: int


def head_card(
    *,
    key: str,
    layer: int,
    head: int,
    summary: str,
    scores: Sequence[CardScore],
    position: str,
    looks_here: Sequence[CardEdge],
    looks: Sequence[CardEdge],
    by_distance: Sequence[float],
    pixels: NDArray[np.uint8],
    prefers: CardTokens,
    writes: CardTokens,
    ratios: Sequence[CardRatio],
    writers: Sequence[CardWriters],
    loss: CardLoss,
    off: bool,
    said: Sequence[SaidToken] = (),
    changes: Panel | None = None,
    change_form: Panel | None = None,
) -> None:
    """Mount the card. It reports a `HeadCardEvent`.

    Args:
        key: key of the component.
        layer: the head's block.
        head: the head.
        summary: a sentence on what it does.
        scores: its scores of attention.
        position: the token whose query is told of.
        looks_here: the keys that this token looks at most.
        looks: the largest weights of the whole prompt.
        by_distance: the mean attention to the key so many tokens back, from 0.
        pixels: its pattern in small, (n, n), as `heads` takes them.
        prefers: the tokens that it would look for.
        writes: the tokens that it makes more likely.
        ratios: what its weights say.
        writers: the heads that it reads from.
        loss: what is lost without it.
        off: True where it is switched off in the run of the prompt.
        said: what the changes that are on make of the prediction, of the tokens that are told.
        changes: the line of the changes, as on Explore; None for none.
        change_form: the form that makes one, open; None while it is closed.
    """
    size = len(pixels)
    if pixels.shape != (size, size) or size > MAX_SIZE:
        raise ValueError(f"pixels has shape {pixels.shape}; wanted (n, n) with n at most {MAX_SIZE}")
    data = {
        "layer": layer,
        "head": head,
        "summary": summary,
        "scores": list(scores),
        "position": position,
        "looks_here": list(looks_here),
        "looks": list(looks),
        "by_distance": list(by_distance),
        "size": size,
        "prefers": prefers,
        "writes": writes,
        "ratios": list(ratios),
        "writers": list(writers),
        "loss": loss,
        "off": off,
        "said": [dict(each) for each in said],
        "changes": changes and changes.data,
        "change_form": change_form and change_form.data,
    }
    _CARD(key=key, data=check_payload({**numbers(data), "pixels": pixels.ravel()}))
