"""From what the browser reports to actions: the one place that knows both. No Streamlit.

A report is data from outside: one that is malformed, or that was sent before the screen became another, is no action.
"""

from __future__ import annotations

from collections.abc import Callable

from app.session import changes
from app.session.actions import (
    Action,
    Actions,
    ChooseLook,
    Lock,
    MoveInTime,
    Pin,
    SetSampling,
    SetTimelineScore,
    TakeExample,
    Type,
)
from app.session.change_actions import AddChange, RedoChange, TakeTool, UndoChange
from app.session.change_events import of_form, of_list, switched
from app.session.explorer import Explorer
from app.session.generating import Draw, Put, SetDrawing, Undo
from app.session.map_actions import Find, GoToLayer, Open, PickHead, PickWeight, Select, ShowHead, Up, Walk
from gptcore.graph.node import MODEL


def actions(panel: str, event: object, me: Explorer) -> Actions:
    """Return what a panel's event asks for, in the order in which to do it.

    Args:
        panel: the folder of its component.
        event: one of the component's `...Event`s, or anything else.
        me: what the event was reported about.
    """
    reader = _READERS.get(panel)
    return reader(event, me) if reader else ()


def cell(event: object, name: str) -> tuple[int, int] | None:
    """Return the (row, column) of the matrix `name` that its event asks the value of."""
    match event:
        case {"name": str(told), "hover": {"row": int(row), "col": int(col)}} if told == name and min(row, col) >= 0:
            return row, col
    return None


def part(event: object, name: str, rows: int, cols: int) -> tuple[int, int, int, int] | None:
    """Return the (row, column, rows, columns) that one has zoomed to in the matrix `name`, if that is a part of it."""
    match event:
        case {"name": str(told), "part": [int(row), int(col), int(tall), int(wide)]} if told == name:
            inside = min(row, col) >= 0 and min(tall, wide) > 0 and row + tall <= rows and col + wide <= cols
            return (row, col, tall, wide) if inside else None
    return None


def strip_cell(event: object) -> tuple[str, int, int] | None:
    """Return the (node, row, column) of the map's pixel whose value is asked for."""
    match event:
        case {"kind": "cell", "id": str(node), "row": int(row), "column": int(column)}:
            return node, row, column
    return None


def asked_file(event: object) -> tuple[str, int] | None:
    """Return the name and the number of the request for a file."""
    match event:
        case {"file": str(name), "seq": int(seq)}:
            return name, seq
    return None


def taken_file(event: object) -> int | None:
    """Return the number of the request whose file the browser has."""
    match event:
        case {"taken": int(seq)}:
            return seq
    return None


def _prompt(event: object, me: Explorer) -> Actions:
    match event:
        case {"example": True, "text": str(text), "rev": int(rev)} if rev == me.rev:
            return Type(text), TakeExample()
        case {"text": str(text), "rev": int(rev)} if rev == me.rev:
            return (Type(text),)
    return ()


def _follow(event: object, me: Explorer) -> Actions:
    match event:
        case {"token": int() | None as token, "text": str(text)} if text == me.shown.text:
            return (Lock(token),)
    return ()


def _look(event: object, me: Explorer) -> Actions:
    match event:
        case {"name": str(name), "word": str(word)}:
            return (ChooseLook(name, word),)
    return ()


def _explain(event: object, me: Explorer) -> Actions:
    match event:
        case {"cut": True, "name": str(name), "row": int(row), "col": int(col)} if name == me.slice().name:
            cut = changes.cutting(me.arch, me.node, me.location.head, row, col)
            return switched(cut, me)
        case {"drawn": list(weights), "name": str(name), "row": int(row)} if name == me.slice().name:
            numbers = [float(each) for each in weights if type(each) in (int, float)]
            whole = len(numbers) == len(weights) and row < me.shown.trace.T
            drawn = changes.row_drawn(me.arch, me.node, me.location.head, row, numbers) if whole else None
            return (AddChange(drawn),) if drawn else ()
        case {"name": str(name), "row": int(row), "col": int(col)} if name == me.slice().name:
            return (Pin((row, col)),)
        case {"row": None}:
            return (Pin(None),)
        case {"change": True}:
            return (TakeTool("form"),)
        case {"back": int(step)} if 0 <= step < len(me.trail):
            return (Walk(*me.trail[step], me.trail[:step]),)
        case {"open": str(name), "cell": list(index), **others} if all(type(at) is int for at in index):
            found = None if others.get("anew") is True else me.explanation() or me.weight_number()
            return (Walk(name, tuple(index), (*me.trail, (found.name, found.index)) if found else ()),)
        case {"open": str(name), **others} if name in me.arch.nodes.names():
            return () if "cell" in others else (Select(name),)
        case {"open": str(weight)}:
            owner = me.arch.owner(weight)
            return (Select(owner.id), PickWeight(weight)) if owner else ()
    return ()


def _map(event: object, me: Explorer) -> Actions:
    match event:
        case {"kind": "select", "id": str(node)}:
            return (Select(node),)
        case {"kind": "find", "id": str(node)}:
            return (Find(node),)
        case {"kind": "open", "id": str(node), "layer": int(layer)}:
            return (Open(node, layer),)
        case {"kind": "open", "id": str(node)}:
            return (Open(node),)
        case {"kind": "up", "id": str(crumb)}:
            return (Up(crumb),)
        case {"kind": "layer", "layer": int(layer)}:
            return (GoToLayer(layer),)
        case {"kind": "off", "id": str(node)} if node in me.arch.nodes.names():
            return switched(changes.switching_off(me.arch, me.arch.nodes[node], me.location.head), me)
        case {"kind": "change", "id": str(node)} if node in me.arch.nodes.names():
            return (Select(node), TakeTool("form")) if changes.changeable(me.arch, me.arch.nodes[node]) else ()
        case {"kind": "why", "id": str(line), "text": str(text), **at} if text == me.shown.text:
            match at:
                case {"row": int(row), "position": int(position), "followed": int(followed)}:
                    place = me.number_at(line, row, position, followed)
                    return (Walk(*place),) if place else ()
    return ()


def _heads(event: object, me: Explorer) -> Actions:
    match event:
        case {"layer": int(layer), "head": int(head), "off": True} if 0 <= layer < me.arch.config.n_layer:
            node = me.arch.nodes[me.arch.named("weighted values", layer)]
            return switched(changes.switching_off(me.arch, node, head), me)
        case {"layer": int(layer), "head": int(head)}:
            here = me.node.layer == layer and "H" in me.node.axes and me.location.weight is None
            return (ShowHead(head),) if here else (PickHead(layer, head),)
    return ()


def _node(event: object, me: Explorer) -> Actions:
    match event:
        case {"id": str(node)} if node != me.location.selected:
            return ()
        case {"kind": "weight", "id": _, "weight": str() | None as weight}:
            return (PickWeight(weight),)
        case {"kind": "off"}:
            return switched(changes.switching_off(me.arch, me.node, me.location.head), me)
        case {"kind": "tool", "tool": str(tool)}:
            return (TakeTool(tool),)  # type: ignore[arg-type]
        case {"kind": "undo"}:
            return (UndoChange(),) if me.undoable else ()
        case {"kind": "redo"}:
            return (RedoChange(),) if me.redoable else ()
    return ()


def _prediction(event: object, me: Explorer) -> Actions:
    found: list[Action] = []
    match event:
        case {"temperature": int() | float() as temperature, "top_k": int(top_k)}:
            found.append(SetSampling(temperature, top_k))
    match event:
        case {"append": {"id": int(token), "text": str(text)}}:
            found.append(Put(token, text))
    return tuple(found)


def _generate(event: object, me: Explorer) -> Actions:
    match event:
        case {"kind": "draw", "text": str(text)}:
            return (Draw(text),)
        case {"kind": "undo"}:
            return (Undo(),)
        case {
            "kind": "set",
            "temperature": int() | float() as temperature,
            "top_k": int() | None as k,
            "top_p": int() | float() | None as p,
            "seed": int(seed),
        }:
            return SetDrawing(k, p, seed), SetSampling(temperature, me.top_k)
    return ()


def _code(event: object, me: Explorer) -> Actions:
    match event:
        case {"kind": "find", "id": str(node)}:
            return (Find(node),)
    return ()


def _lens(event: object, me: Explorer) -> Actions:
    match event:
        case {"kind": "select", "id": str(node)}:
            return (Select(node),)
    return ()


def _words(event: object, me: Explorer) -> Actions:
    """Bring the screen to the place that is told, then to what was clicked there."""
    place = me.location
    found: list[Action] = []
    match event:
        case {"view": str(view)} if view in me.arch.views.names() and view != place.view:
            found.append(Up(me.arch.views[view].container_at(place.layer) or MODEL))
    match event:
        case {"layer": int(layer)} if layer != place.layer:
            found.append(GoToLayer(layer))
    match event:
        case {"head": int(head)} if head != place.head:
            found.append(ShowHead(head))
    match event:
        case {"token": int(position)} if position != me.position:
            found.append(Lock(me.shown.cropped + position))
    match event:
        case {"kind": "find", "id": str(node)}:
            found.append(Find(node))
        case {"kind": "cell", "id": str(name), "cell": [_, *_] as index} if all(type(at) is int for at in index):
            found.append(Walk(name, tuple(index)))
    return tuple(found)


def _timeline(event: object, me: Explorer) -> Actions:
    found: list[Action] = []
    match event:
        case {"source": str(source), "kind": str(kind), "step": int() | None as step} if source == me.source:
            found = [SetTimelineScore(kind), MoveInTime(step)]
            match event:
                case {"pick": {"layer": int(layer), "head": int(head)}}:
                    found.append(PickHead(layer, head))
    return tuple(found)


_READERS: dict[str, Callable[[object, Explorer], Actions]] = {
    "timeline": _timeline,
    "prompt": _prompt,
    "follow": _follow,
    "look": _look,
    "explain": _explain,
    "map": _map,
    "heads": _heads,
    "node": _node,
    "prediction": _prediction,
    "lens": _lens,
    "code": _code,
    "generate": _generate,
    "in_words": _words,
    "changes": of_list,
    "change_form": of_form,
}
"""The reader of each panel's events, in the order in which panels are heard."""
PANELS = tuple(_READERS)
