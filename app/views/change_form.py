"""The form that makes a change of the run, wherever it is opened: on the stage, on the map, in a head's card."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from app import components
from app.panels import strips
from app.session import changes
from app.session.changes import Change, Part
from app.session.changes.offers import FOLDED
from app.session.changes.references import own_words
from app.session.explorer import Explorer
from app.state import reports
from gptcore import GPTConfig, architecture


def offer(me: Explorer) -> dict[str, Any] | None:
    """Return what can be changed at the place, for its buttons; None where nothing can."""
    if me.location.weight is not None:
        return None
    edit = changes.switching_off(me.arch, me.node, me.location.head)
    offered = _parts(me) if me.tool == "form" or edit is None else [Part(edit.name)]
    if not offered:
        return None
    found: dict[str, Any] = {"tool": me.tool}
    if edit is not None:
        found |= {"what": changes.phrase(edit, me.arch), "off": Change(edit) in me.changes}
    part = me.slice()
    if part.square:
        found |= {"cuts": True, "draws": part.heat.values is not None and me.node.role == "pattern"}
    return found


def form(me: Explorer) -> components.Panel:
    """Return the form for the place in the map."""
    found = _parts(me)
    if me.pin and me.slice().place and found:
        first = len(found) - 1  # the number that is explained
    else:
        own = [part.name for part in found]
        off = changes.switching_off(me.arch, me.node, me.location.head)
        first = own.index(me.node.id) if off is None and me.node.id in own else 0
    return _form(me, found, first, _asked())


def fixed(me: Explorer) -> list[str]:
    """Return the nodes in sight on the map of which nothing can be changed."""
    return list(_fixed(me.arch.config, me.location.view if me.look.form == "diagram" else "", me.location.layer))


@lru_cache(maxsize=256)
def _fixed(config: GPTConfig, view: str, layer: int) -> tuple[str, ...]:
    """Return them for a view of the diagram, or for the strips where it is ""; no key waits for them twice."""
    arch = architecture(config)
    if view:
        graph = arch.graph(view, layer)
        seen = [*graph.nodes, *graph.entries, *graph.exits]
    else:
        seen = [arch.nodes[line.id] for line in strips.lines(arch, layer)]
    return tuple(node.id for node in seen if not changes.changeable(arch, node))


def form_of_head(me: Explorer, layer: int, head: int, asked: int) -> components.Panel:
    """Return the form for a head: its output and its pattern, and what it is a part of.

    Args:
        me: the explorer.
        layer: the head's block.
        head: the head.
        asked: the number of the report that has opened it.
    """
    node = me.arch.nodes[me.arch.named("weighted values", layer)]
    return _form(me, changes.parts(me.arch, node, head, me.position, None, None), asked=asked)


def _parts(me: Explorer) -> list[Part]:
    """Return what can be changed at the place."""
    part, position = me.slice(), me.position
    cell = part.index(*me.pin) if me.pin else None
    neuron = None
    if me.node.layer is not None and me.node.concept == "mlp":
        name = me.arch.named("mlp hidden", me.node.layer)
        here = cell if me.node.id == name else None
        strongest = me.shown.trace.rows(name, position, position + 1)[0, 0].abs().argmax()
        neuron = here[-1] if here else int(strongest)
    node = me.arch.nodes[f"{FOLDED}.{me.location.layer}"] if me.node.id == FOLDED else me.node
    return changes.parts(me.arch, node, me.location.head, position, cell, neuron)


def _asked() -> int:
    """Return the number of the report that has opened the form at a node of the map; 0 where none was the last."""
    last = reports.last("map") or {}
    seq: int = last["seq"] if last.get("kind") == "change" else 0
    return seq


def _form(me: Explorer, parts: list[Part], first: int = 0, asked: int = 0) -> components.Panel:
    sizes = me.arch.sizes(T=me.shown.trace.T)
    return components.change_form(
        text=me.shown.text,
        parts=[
            {
                "words": part.words(me.arch),
                "place": part.place,
                "channels": sizes.get(me.arch.nodes[part.name].axes[-1], 0) if part.channel is not None else 0,
                "ways": list(part.ways),
            }
            for part in parts
        ],
        own=own_words(me.checkpoint),
        largest=changes.LARGEST,
        first=first,
        asked=asked,
    )
