"""The inspected node: its name, axes, what it does, its formula; which head of it is shown, and which weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from app.components._assets import deliver
from app.components.live import Panel

deliver("node")


class NodeEvent(TypedDict):
    """What the state of `live` holds after a choice; act once per `seq`.

    head: show `head` of node `id`. weight: show the parameter `weight` of node `id`, or its output where that is None.
    """

    kind: Literal["head", "weight"]
    id: str
    seq: int
    head: NotRequired[int]
    weight: NotRequired[str | None]


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
) -> Panel:
    """What is inspected; `NodeEvent` tells what was chosen. It depends on no prompt.

    Args:
        id: of the node.
        label: its name for people.
        axes: of the tensor that is shown, such as ("B", "H", "T", "T").
        summary: a sentence.
        formula: LaTeX, which is read aloud.
        formula_key: names the formula's picture, an SVG that `live` keeps.
        layer: the node's block, for the names of heads.
        head: the one that is shown.
        n_head: this many heads are offered; none for 0.
        weights: keys of the parameters that are offered beside the output.
        weight: the one of them that is shown; None is the output.
    """
    data = {
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
    }
    return Panel("node", data)
