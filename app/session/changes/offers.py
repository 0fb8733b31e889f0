"""The parts of the run that can be changed at a place of the screen."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from app.session.changes.change import PARTS_OF_ONE, SOURCES, Other, Wish, is_layer, is_pattern
from app.session.changes.rules import GIVEN, WHOLE
from app.session.changes.text import drawn
from app.session.changes.words import phrase
from gptcore import Architecture, Edit
from gptcore.graph.node import Node

FOLDED = "transformer.h"
"""The node that stands for all blocks."""


@dataclass(frozen=True)
class Part:
    """A part of the run that can be changed."""

    name: str
    head: int | None = None
    position: int | None = None
    channel: int | None = None
    key: int | None = None

    def wish(self, how: str, number: float = 0.0, text: str = "", draw: int = 0) -> Wish:
        """Return the change of this part that is wished for.

        Raises:
            ValueError: there is no such kind of change.
        """
        places: dict[str, Any] = {"head": self.head, "position": self.position, "channel": self.channel}
        if how in SOURCES and self.key is None:
            return Other(self.name, how, text, draw if how == "resample" else 0, **places)  # type: ignore[arg-type]
        if how not in ("zero", "scale", "set"):
            raise ValueError(f"there is no change {how[:20]!r} of a part like this; choose one that is offered")
        return Edit(self.name, how, None if how == "zero" else float(number), key=self.key, **places)  # type: ignore[arg-type]

    @property
    def ways(self) -> tuple[str, ...]:
        """The kinds of change that it can have: a cell of the scores is set, a whole pattern is another text's."""
        if self.key is not None:
            return ("set",)
        return SOURCES if is_pattern(self.name) else ("zero", "scale", "set", *SOURCES)

    @property
    def place(self) -> dict[str, str | int]:
        """Its fields that are not None, by their names."""
        return {name: place for name, place in asdict(self).items() if place is not None}

    def words(self, arch: Architecture) -> str:
        """Return its name for a reader."""
        return phrase(self.wish("set"), arch)


def parts(
    arch: Architecture, node: Node, head: int, position: int, cell: tuple[int, ...] | None, neuron: int | None
) -> list[Part]:
    """Return what can be changed at a node, what is most wanted first: its head and that head's pattern, or the whole,
    its layer, and what is in it.

    Args:
        arch: the map.
        node: the node that is looked at.
        head: the head.
        position: the position that is followed.
        cell: the index in the tensor of the number that is pinned, with its batch axis; None for none.
        neuron: the channel of `mlp.gelu` to offer; None for none.
    """
    found: list[Part] = []
    if edit := switching_off(arch, node, head):
        found.append(Part(edit.name, head=edit.head if isinstance(edit.head, int) else None))
    if node.layer is not None and "H" in node.axes:
        found.append(Part(arch.named("pattern", node.layer), head=head))
    if node.layer is not None:
        found += [Part(arch.named(role, node.layer)) for role in WHOLE]
        found.append(Part(f"transformer.h.{node.layer}"))
        if neuron is not None:
            found.append(Part(arch.named("mlp hidden", node.layer), channel=neuron))
    if node.role in GIVEN or node.axes[:1] != ("B",) or node.id == FOLDED or node.axes[-2:] == ("D", "T"):
        return list(dict.fromkeys(found))
    if node.axes[-2:] == ("T", "T"):
        scores = arch.named("masked scores", node.layer)
        if cell is not None and cell[3] <= cell[2]:
            found.append(Part(scores, head=cell[1], position=cell[2], key=cell[3]))
        return list(dict.fromkeys(found))
    of = {"head": head} if "H" in node.axes else {}
    here = arch.named("residual", node.layer) if is_layer(node.id) else node.id
    found.append(Part(here, position=position, **of))
    if cell is not None:
        found.append(Part(here, position=cell[-2], channel=cell[-1], **of))
    return list(dict.fromkeys(found))


def changeable(arch: Architecture, node: Node) -> bool:
    """Tell whether anything can be changed at a node; at the one of all blocks, of the block that is looked at."""
    return node.id == FOLDED or bool(parts(arch, node, 0, 0, None, None))


def switching_off(arch: Architecture, node: Node, head: int) -> Edit | None:
    """Return the edit that switches off what a node is or is a part of: a head, an attention, an MLP, a layer.

    None of others, such as the residual stream.
    """
    if node.layer is None:
        return None
    if "H" in node.axes:
        return Edit(arch.named("weighted values", node.layer), "zero", head=head)
    for role in WHOLE:
        name = arch.named(role, node.layer)
        if node.id == name or node.id.startswith(f"{name}."):
            return Edit(name, "zero")
    return Edit(node.id, "zero") if is_layer(node.id) else None


def cutting(arch: Architecture, node: Node, head: int, query: int, key: int) -> Edit | None:
    """Return the edit that keeps a head's query from reading a key; None where the node has no such cells."""
    if node.layer is None or node.axes[-2:] != ("T", "T"):
        return None
    name = arch.named("masked scores", node.layer)
    return Edit(name, "set", -math.inf, head=head, position=query, key=key)


def row_drawn(arch: Architecture, node: Node, head: int, query: int, weights: list[float]) -> Edit | None:
    """Return the edit that sets a row of a head's pattern to weights, which are brought to a sum of 1.

    None where the node has no such rows, or the weights are none. They are kept in thousandths: each is rounded down,
    and those that lose most by it get one more.
    """
    good = all(math.isfinite(weight) and weight >= 0 for weight in weights)
    total = sum(weights) if good else 0.0
    if node.layer is None or node.axes[-2:] != ("T", "T") or len(weights) != query + 1 or not 0 < total < math.inf:
        return None
    exact = [PARTS_OF_ONE * weight / total for weight in weights]
    whole = [math.floor(each) for each in exact]
    most_lost = sorted(range(len(whole)), key=lambda i: (whole[i] - exact[i], i))
    for i in most_lost[: PARTS_OF_ONE - sum(whole)]:
        whole[i] += 1
    return drawn(arch.named("pattern", node.layer), whole, head, query)
