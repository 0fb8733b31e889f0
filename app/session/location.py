"""Where one looks in the map: a view, a layer and a head, the selected node or its weight. No run, no Streamlit."""

from __future__ import annotations

from gptcore import Architecture
from gptcore.graph.architecture import FOLDED, Node
from gptcore.graph.node import ATTENTION, INSIDE, MODEL, SDPA


class Place:
    """A place in one model's map, and the ways to others."""

    def __init__(self, arch: Architecture) -> None:
        self.arch = arch
        self.view, self.layer, self.head = MODEL, 0, 0
        self.selected = f"{FOLDED}.0.attn.pattern"
        self.weight: str | None = None
        """A parameter of the selected node, inspected instead of its output."""

    @property
    def node(self) -> Node:
        """The selected node."""
        return self.arch.nodes[self.selected]

    @property
    def key(self) -> tuple[object, ...]:
        """The same at the same place."""
        return self.view, self.layer, self.head, self.selected, self.weight

    def select(self, name: str) -> None:
        """Inspects a node; the layer follows it."""
        node = self.arch.nodes[name]
        self.selected, self.weight = name, None
        if node.layer is not None:
            self.layer = node.layer

    def open(self, name: str, layer: int | None = None) -> None:
        """Shows the inside of a container, of block `layer` where it is one of the blocks."""
        inside = self.arch.inside(name)
        if inside is None:
            self.select(name)
            return
        wanted = layer if layer is not None else self.arch.nodes[name].layer
        self.layer = self.layer if wanted is None else wanted
        self.view = inside.name
        if name == FOLDED:
            name = f"{FOLDED}.{self.layer}"
        self.select(name)

    def up(self, name: str) -> None:
        """Goes back to a breadcrumb's view: the model's, or that of a container's inside."""
        if name == MODEL:
            self.view = MODEL
        elif (inside := self.arch.inside(name)) is not None:
            self.view = inside.name

    def go_to_layer(self, layer: int) -> None:
        """The same view and node in another block."""
        here = self.node
        self.layer = layer
        if here.layer is not None:
            self.selected = self.selected.replace(f"{FOLDED}.{here.layer}", f"{FOLDED}.{layer}", 1)
            self.weight = self.weight and self.weight.replace(f"{FOLDED}.{here.layer}", f"{FOLDED}.{layer}", 1)

    def pick_head(self, layer: int, head: int) -> None:
        """One head's pattern, in the map's view where it is made."""
        self.head, self.view = head, SDPA
        self.select(f"{FOLDED}.{layer}.attn.pattern")

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """(id, label) of each view from the model to this one."""
        names = [(MODEL, "model")]
        for view in self.arch.views:
            container = view.container_at(self.layer)
            if container is not None and self._contains(container):
                names.append((container, f"block {self.layer}" if view.name == INSIDE else _short(view.name)))
        return names

    def _contains(self, container: str) -> bool:
        """Whether the present view shows this container's inside, or something within."""
        here = self.arch.views[self.view].container_at(self.layer)
        return here is not None and (here == container or here.startswith(f"{container}."))

    def shapes(self, T: int) -> dict[str, str]:
        """The shape, in a run over T tokens, of each node that the present view draws."""
        graph = self.arch.graph(self.view, self.layer)
        sizes = self.arch.shapes(B=1, T=T)
        return {node.id: _tuple(sizes[node.id]) for node in (*graph.nodes, *graph.entries, *graph.exits)}


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _short(view: str) -> str:
    return {ATTENTION: "attention", SDPA: "dot product"}.get(view, view)
