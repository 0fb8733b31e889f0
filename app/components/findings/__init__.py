"""Findings on a prompt: a list of sentences, each of which leads to its head or place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from app.components._assets import check_payload, register
from app.components.save import FileKind, FileOffer

_FINDINGS = register("findings")


class FoundThing(TypedDict):
    """A sentence, and the head that it is of; None where it is of none."""

    sentence: str
    kind: str
    """The kind of finding, where kinds stand together; "" elsewhere."""
    amount: str
    """The number that it is ranked by."""
    head: list[int] | None


class FoundGroup(TypedDict):
    """Findings of one kind, the largest first."""

    title: str
    found: list[FoundThing]


class FindingsEvent(TypedDict, total=False):
    """The state of the list after a click, under "event"; act once per `seq`. Files are asked for as in `SaveEvent`."""

    kind: str
    """"head" the card of the finding's head, "form" the form of changes there too, "explore" its place on Explore,
    "order" another order."""
    order: str
    group: int
    index: int
    file: str
    taken: int
    seq: int


def findings(
    *,
    key: str,
    groups: Sequence[FoundGroup],
    note: str,
    order: str,
    orders: Mapping[str, str],
    files: Sequence[FileKind] = (),
    offer: FileOffer | None = None,
) -> None:
    """Mount the list. It reports a `FindingsEvent`.

    Args:
        key: key of the component.
        groups: the findings.
        note: how they were found.
        order: the order that they have, a key of `orders`.
        orders: the orders that can be chosen, with a word for each.
        files: the kinds of files that hold them.
        offer: the newest answer to a request for a file.
    """
    data = {
        "groups": list(groups),
        "note": note,
        "order": order,
        "orders": dict(orders),
        "files": list(files),
        "offer": offer,
    }
    _FINDINGS(key=key, data=check_payload(data))
