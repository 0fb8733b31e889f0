"""The inspected node: its name, axes and formula, and the choice of a weight of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("node")


class NodeEvent(TypedDict):
    """The state of `explore_panels` after a choice of the parameter `weight` of node `id`, or of its output.

    Or after a click that switches it off and on, or takes another `tool`; or after Ctrl+Z. Act once per `seq`.
    """

    kind: Literal["weight", "off", "tool", "undo", "redo"]
    id: str
    seq: int
    weight: NotRequired[str | None]
    tool: NotRequired[str]


def node(
    *,
    id: str,
    label: str,
    axes: Sequence[str],
    summary: str,
    formula: str,
    formula_key: str,
    layer: int = 0,
    head: int = 0,
    n_head: int = 0,
    weights: Sequence[str] = (),
    weight: str | None = None,
    letters: Mapping[str, str] | None = None,
    drawer: str = "closed",
    width: str = "column",
    change: Mapping[str, Any] | None = None,
    undo: bool = False,
    redo: bool = False,
) -> Panel:
    """Return the node as a panel; a choice becomes a `NodeEvent`. It does not depend on the prompt.

    Args:
        id: id of the node.
        label: readable name of the node.
        axes: axes of the tensor on the screen, such as ("B", "H", "T", "T").
        summary: a sentence about the node.
        formula: LaTeX, for screen readers.
        formula_key: name of the formula's picture, an SVG that `explore_panels` keeps.
        layer: the node's block, for the names of heads.
        head: the head on the screen.
        n_head: number of heads of the tensor; 0 for none.
        weights: keys of the parameters to choose from, beside the output.
        weight: the parameter on the screen; None is the output.
        letters: what each axis is, and its number here.
        drawer: "code" while the drawer with the code is open.
        width: "window" while the stage has the whole window.
        change: the "tool" that is taken, "cut", "draw", "form" or ""; "what" can
            be switched off here, and whether it is "off"; "cuts" where cells are pairs of tokens, and "draws" where
            rows can be drawn. None where nothing can be changed.
        undo: True where Ctrl+Z takes a change of the run back.
        redo: True where Ctrl+Shift+Z brings one back.
    """
    data: dict[str, Any] = {
        "id": id,
        "label": label,
        "axes": list(axes),
        "summary": summary,
        "formula": formula,
        "formula_key": formula_key,
        "layer": layer,
        "head": head,
        "n_head": n_head,
        "weights": list(weights),
        "weight": weight,
        "letters": dict(letters or {}),
        "drawer": drawer,
        "width": width,
    }
    if change is not None:
        data["change"] = dict(change)
    if undo:
        data["undo"] = True
    if redo:
        data["redo"] = True
    return Panel("node", data)
