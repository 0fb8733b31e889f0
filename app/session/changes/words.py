"""Changes in words, such as "head 2.1 off"."""

from __future__ import annotations

from app.session.changes.change import Other, Wish, is_cut, is_layer, is_pattern, is_row
from gptcore import Architecture

LONGEST = 24
"""Letters of another text that a phrase repeats."""


def words(wish: Wish, arch: Architecture) -> str:
    """Return a phrase for a change."""
    what = phrase(wish, arch)
    if is_cut(wish):
        return f"head {arch.nodes[wish.name].layer}.{wish.head}: edge {wish.position} → {wish.key} cut"
    if isinstance(wish, Other):
        return f"{what} {_from(wish)}"
    if is_row(wish):
        return f"{what} drawn"
    return f"{what} off" if wish.how == "zero" else f"{what} {'×' if wish.how == 'scale' else '='} {wish.value:g}"


def phrase(wish: Wish, arch: Architecture) -> str:
    """Return what it changes, such as "head 2.1", "neuron 1.17", "residual 2, position 5"."""
    node, position = arch.nodes[wish.name], wish.position
    if is_layer(wish.name):
        return f"layer {node.layer}"
    if node.axes[-2:] == ("T", "T"):
        if is_pattern(node.id) and position is None:
            return f"head {node.layer}.{wish.head}: pattern"
        what = "row" if is_row(wish) else node.label
        keys = "" if is_row(wish) else f" → {wish.key}"
        return f"head {node.layer}.{wish.head}: {what} {position}{keys}"
    name = {"attention": f"attention {node.layer}", "mlp": f"MLP {node.layer}"}.get(str(node.role), "")
    if node.role == "weighted values":
        name = f"head {node.layer}.{wish.head}"
    elif node.role == "mlp hidden" and wish.channel is not None:
        return f"neuron {node.layer}.{wish.channel}" + ("" if position is None else f", position {position}")
    elif not name:
        of = "" if wish.head is None else f", head {wish.head}"
        name = f"{wish.name.removeprefix('transformer.')}{of}"
    places = [("position", position), ("channel", wish.channel)]
    return ", ".join([name, *(f"{which} {place}" for which, place in places if place is not None)])


def _from(wish: Other) -> str:
    text = wish.text if len(wish.text) <= LONGEST else f"{wish.text[: LONGEST - 1]}…"
    if wish.how == "patch":
        where = ([wish.of.removeprefix("transformer.")] if wish.of else []) + (
            [] if wish.at is None else [f"position {wish.at}"]
        )
        return f"from {', '.join(where)} of “{text}”" if where else f"from “{text}”"
    of = f"“{text}”" if text else "the model's own text"
    return f"mean of {of}" if wish.how == "mean" else f"from draw {wish.draw} of {of}"
