"""Actions of the map: another node, view, block, head or weight. No Streamlit, and no name of an event here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.panels.tensor_slice import MOST_TOKENS
from app.panels.walk import on_stage
from app.session.actions import Action
from app.session.location import Location
from app.session.screen import Model, Screen


@dataclass(frozen=True)
class Select(Action):
    """A node to inspect."""

    node: str

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.select(model.arch, self.node))


@dataclass(frozen=True)
class Find(Action):
    """A node to inspect, in the view that draws it."""

    node: str

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.find(model.arch, self.node))


@dataclass(frozen=True)
class Open(Action):
    """A container whose inside is to be shown, of block `layer` where it is one of the blocks."""

    node: str
    layer: int | None = None

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.open(model.arch, self.node, self.layer))


@dataclass(frozen=True)
class Up(Action):
    """A view around this one, by its breadcrumb."""

    crumb: str

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.up(model.arch, self.crumb))


@dataclass(frozen=True)
class GoToLayer(Action):
    """The same view and node in another block."""

    layer: int

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.go_to_layer(model.arch, self.layer))


@dataclass(frozen=True)
class PickHead(Action):
    """A head whose pattern is to be shown, in the map's view where it is made."""

    layer: int
    head: int

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.pick_head(model.arch, self.layer, self.head))


@dataclass(frozen=True)
class ShowHead(Action):
    """Another head of the tensor that is inspected."""

    head: int

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.show_head(model.arch, self.head))


@dataclass(frozen=True)
class PickWeight(Action):
    """A parameter of the selected node, by its state-dict key; None is the node's output again."""

    weight: str | None

    def after(self, screen: Screen, model: Model) -> Screen:
        return _at(screen, model, screen.location.pick_weight(model.arch, self.weight))


@dataclass(frozen=True)
class Walk(Action):
    """A number to explain, by its tensor or weight and its place there: one that another is made from, or one gone back
    to."""

    name: str
    index: tuple[int, ...]
    trail: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """The numbers before it on the way."""

    def after(self, screen: Screen, model: Model) -> Screen:
        owner = model.arch.owner(self.name)
        if owner is not None:
            sizes = tuple(screen.shown.checkpoint.model.get_parameter(self.name).shape)
        else:
            sizes = screen.shown.trace.shapes()[self.name][1] if self.name in screen.shown.trace else ()
        if len(sizes) != len(self.index) or not all(0 <= at < n for at, n in zip(self.index, sizes, strict=True)):
            raise ValueError(
                f"{self.name}{list(self.index)} is no number of this run or model; click one that is on the stage"
            )
        if owner is not None:
            location = screen.location.select(model.arch, owner.id).pick_weight(model.arch, self.name)
        else:
            location = screen.location.select(model.arch, self.name)
        there = _at(screen, model, location)
        head, row, col = on_stage(model.arch, self.name, self.index)
        if head is not None:
            there = _at(there, model, there.location.show_head(model.arch, head))
        if owner is None and model.arch.nodes[self.name].axes[-1] == "V":  # drawn for the most likely tokens alone
            there = replace(there, lock=screen.shown.cropped + col)
            likely = screen.shown.likely(col, MOST_TOKENS)
            if row not in likely:
                return there
            row = likely.index(row)
        return replace(there, pin=(row, col), trail=self.trail)


def _at(screen: Screen, model: Model, location: Location) -> Screen:
    """Return the screen at another place. A pinned cell stays where queries and keys are the same before and after."""
    before = screen.location
    square = {location.selected, before.selected} <= model.square and location.weight is before.weight is None
    stays = square or (location.selected, location.weight) == (before.selected, before.weight)
    return replace(screen, location=location, pin=screen.pin if stays else None, trail=screen.trail if stays else ())
