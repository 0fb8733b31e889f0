"""A place in the map: a view, a layer and a head, the selected node or its weight. No run, no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gptcore import Architecture
from gptcore.graph.architecture import FOLDED
from gptcore.graph.node import ATTENTION, INSIDE, MODEL, SDPA


@dataclass(frozen=True)
class Location:
    """A place in the map of a model. It never changes: each way to another place gives another location.

    `check` makes sure that a map has it; all other ways take that for granted. Each raises a ValueError, with what is
    there instead, where the map has no such node, layer, head or weight.
    """

    view: str = MODEL
    layer: int = 0
    head: int = 0
    selected: str = ""
    """The node that is inspected; "" is the block's pattern, whatever the model calls it, until `check` names it."""
    weight: str | None = None
    """A parameter of the selected node, inspected instead of its output."""

    def select(self, arch: Architecture, name: str) -> Location:
        """Inspect a node; the layer follows it, and so does the view, if it neither draws nor contains the node."""
        node = arch.nodes[_node(arch, name)]
        layer = self.layer if node.layer is None else node.layer
        container = arch.views[self.view].container_at(layer)
        is_here = container in (None, name, *arch.path(name)) or self.view == node.view
        view = self.view if is_here else node.view
        return replace(self, selected=name, weight=None, layer=layer, view=view)

    def find(self, arch: Architecture, name: str) -> Location:
        """Inspect a node, in the view that draws it."""
        found = self.select(arch, name)
        return replace(found, view=arch.nodes[name].view)

    def open(self, arch: Architecture, name: str, layer: int | None = None) -> Location:
        """Show the inside of a container, of block `layer` where it is one of them; inspect what has no inside."""
        inside = arch.inside(_node(arch, name))
        if inside is None:
            return self.select(arch, name)
        wanted = arch.nodes[name].layer if layer is None else layer
        wanted = self.layer if wanted is None else _number("block", wanted, arch.config.n_layer)
        opened = replace(self, view=inside.name, layer=wanted)
        return opened.select(arch, f"{FOLDED}.{wanted}" if name == FOLDED else name)

    def up(self, arch: Architecture, name: str) -> Location:
        """Go back to a breadcrumb's view: the model's, or that of a container's inside."""
        if name == MODEL:
            return replace(self, view=MODEL)
        inside = arch.inside(_node(arch, name))
        if inside is None:
            raise ValueError(f"{name} has no inside to go back to; choose a container or {MODEL!r}")
        return replace(self, view=inside.name)

    def go_to_layer(self, arch: Architecture, layer: int) -> Location:
        """Show the same view and node in another block."""
        _number("block", layer, arch.config.n_layer)
        here = arch.nodes[self.selected].layer
        if here is None:
            return replace(self, layer=layer)
        before, after = f"{FOLDED}.{here}", f"{FOLDED}.{layer}"
        weight = self.weight and self.weight.replace(before, after, 1)
        return replace(self, layer=layer, selected=self.selected.replace(before, after, 1), weight=weight)

    def pick_head(self, arch: Architecture, layer: int, head: int) -> Location:
        """Inspect one head's pattern, in the map's view where it is made."""
        _number("block", layer, arch.config.n_layer)
        there = replace(self.show_head(arch, head), view=SDPA)
        return there.select(arch, arch.named("pattern", layer))

    def show_head(self, arch: Architecture, head: int) -> Location:
        """Show another head of the same tensor."""
        return replace(self, head=_number("head", head, arch.config.n_head))

    def pick_weight(self, arch: Architecture, weight: str | None) -> Location:
        """Inspect a parameter of the selected node by its state-dict key, or with None its output again."""
        weights = arch.nodes[self.selected].weights
        if weight is not None and weight not in weights:
            there = f"choose one of {', '.join(weights)}" if weights else "it has none"
            raise ValueError(f"{self.selected} has no weight {weight!r}; {there}")
        return replace(self, weight=weight)

    def check(self, arch: Architecture) -> Location:
        """Return this location if the map has it, with the block's pattern where it names no node."""
        if self.view not in arch.views.names():
            raise ValueError(f"there is no view {self.view!r}; choose one of {', '.join(arch.views.names())}")
        _number("block", self.layer, arch.config.n_layer)
        _number("head", self.head, arch.config.n_head)
        named = replace(self, selected=_node(arch, self.selected or arch.named("pattern", self.layer)))
        return named.pick_weight(arch, self.weight)

    def crumbs(self, arch: Architecture) -> list[tuple[str, str]]:
        """Return (id, label) of each view from the model to this one."""
        names = [(MODEL, "model")]
        for view in arch.views:
            container = view.container_at(self.layer)
            if container is not None and self._contains(arch, container):
                names.append((container, f"block {self.layer}" if view.name == INSIDE else _short(view.name)))
        return names

    def _contains(self, arch: Architecture, container: str) -> bool:
        """Tell if the present view shows this container's inside, or something within."""
        here = arch.views[self.view].container_at(self.layer)
        return here is not None and (here == container or here.startswith(f"{container}."))

    def shapes(self, arch: Architecture, T: int) -> dict[str, str]:
        """Return the shape, in a run over T tokens, of each node that the present view draws."""
        graph = arch.graph(self.view, self.layer)
        sizes = arch.shapes(B=1, T=T)
        return {node.id: _tuple(sizes[node.id]) for node in (*graph.nodes, *graph.entries, *graph.exits)}


START = Location()
"""The first place: the first head, by whatever name a model's map has it."""


def _node(arch: Architecture, name: object) -> str:
    if not isinstance(name, str) or name not in arch.nodes.names():
        raise ValueError(f"the map of this model has no node {str(name)[:80]!r}; choose one that it draws")
    return name


def _number(what: str, number: object, count: int) -> int:
    if type(number) is not int or not 0 <= number < count:
        raise ValueError(f"there is no {what} {str(number)[:20]}; choose one from 0 to {count - 1}")
    return number


def _tuple(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _short(view: str) -> str:
    return {ATTENTION: "attention", SDPA: "dot product"}.get(view, view)
