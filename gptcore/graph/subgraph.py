"""The five views of the map as small graphs: which nodes and edges each one draws. Names only, no geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gptcore.graph.node import Node


class Edge(NamedTuple):
    """Data flows from the node `source` to the node `target`; both are ids."""

    source: str
    target: str


@dataclass(frozen=True)
class View:
    """One level of the map: what is inside one container, or the model itself."""

    name: str
    container: str | None
    """The container's id, with `{i}` for the layer; None for the model."""
    templates: tuple[str, ...]
    """The ids of its nodes, with `{i}` for the layer."""

    def nodes_at(self, layer: int = 0) -> tuple[str, ...]:
        """Return the ids of its nodes in that layer.

        >>> View("MLP", "transformer.h.{i}.mlp", ("transformer.h.{i}.mlp.c_fc",)).nodes_at(2)
        ('transformer.h.2.mlp.c_fc',)
        """
        return tuple(template.replace("{i}", str(layer)) for template in self.templates)

    def container_at(self, layer: int = 0) -> str | None:
        """Return the container's id in that layer."""
        return self.container and self.container.replace("{i}", str(layer))


class Graph(NamedTuple):
    """A view of one layer, ready to draw."""

    nodes: tuple[Node, ...]
    """The nodes inside the view, in the order of the forward pass."""
    edges: tuple[Edge, ...]
    """The edges between nodes, entries and exits."""
    entries: tuple[Node, ...]
    """Nodes outside from which data comes in."""
    exits: tuple[Node, ...]
    """Nodes outside to which data goes on."""


def view_graph(
    nodes: Mapping[str, Node], readers: Mapping[str, tuple[str, ...]], drawn: tuple[str, ...], container: str | None
) -> Graph:
    """Return the graph of the nodes `drawn`, which stand in `container`.

    An input inside one of the drawn containers becomes an edge from that container, and what that container reads
    itself is then not drawn a second time (V reaches Z through the attention). An input from elsewhere is an entry;
    a node elsewhere that reads from here is an exit.

    Args:
        nodes: every node by its id.
        readers: for each id the nodes that have it among their inputs.
    """
    edges: dict[Edge, None] = {}  # a dict for its order
    entries: set[str] = set()
    for target in drawn:
        lifted = {name: _lift(nodes, name, drawn) for name in nodes[target].inputs}
        implied = {name for inner, top in lifted.items() if top and top != inner for name in nodes[top].inputs}
        for name, top in lifted.items():
            if name not in implied:
                edges[Edge(top or name, target)] = None
                if top is None:
                    entries.add(name)
    exits = _exits(nodes, readers, drawn, container) if container else ()
    for target in exits:
        for name in nodes[target].inputs:
            if name == container:
                edges[Edge(nodes[name].output or name, target)] = None
            elif name in drawn or name in nodes[str(container)].inputs:
                edges[Edge(name, target)] = None
                if name not in drawn:
                    entries.add(name)
    return Graph(
        nodes=tuple(nodes[name] for name in drawn),
        edges=tuple(edges),
        entries=tuple(node for name, node in nodes.items() if name in entries),
        exits=tuple(nodes[name] for name in exits),
    )


def _lift(nodes: Mapping[str, Node], name: str | None, drawn: tuple[str, ...]) -> str | None:
    """Return the node itself where it is drawn, else the drawn container that it stands in, else None."""
    while name is not None and name not in drawn:
        name = nodes[name].parent
    return name


def _exits(
    nodes: Mapping[str, Node], readers: Mapping[str, tuple[str, ...]], drawn: tuple[str, ...], container: str
) -> tuple[str, ...]:
    """Return the nodes outside that read the container's output or something inside; of nested ones the outermost."""
    found = dict.fromkeys(reader for name in (*drawn, container) for reader in readers.get(name, ()))
    outside = [name for name in found if _lift(nodes, name, (container,)) is None]
    return tuple(name for name in outside if nodes[name].parent not in outside)
