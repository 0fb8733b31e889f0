"""The parts of a model that can be changed, and to what."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.session.changes.change import (
    FARTHEST,
    LARGEST,
    MOST,
    MOST_TEXT,
    PARTS_OF_ONE,
    Change,
    Other,
    Wish,
    is_cut,
    is_layer,
    is_row,
    selectors,
    thousandths,
)
from gptcore import Architecture, Edit
from gptcore.graph.node import Node, Role

WHOLE: Final[tuple[Role, ...]] = ("attention", "mlp")
"""Tensors that are changed as a whole."""
GIVEN: Final[tuple[Role, ...]] = ("tokens", "probabilities", "loss")
"""Tensors that no other is computed from, or that are not computed."""
SCORES: Final[tuple[Role, ...]] = ("scores", "masked scores")
"""Pairs of positions of which a cell can be set: before the softmax, which has each row add up to 1."""
OF_HEAD: Final[tuple[Role, ...]] = ("weighted values", "value")
"""Tensors that are changed as a whole for one head."""
KINDS: Final = (
    "a change switches a head (attn.z), an attention (attn), an MLP (mlp), a layer, a neuron (mlp.gelu) or a position "
    "off, scales it by 0 to 2, sets it to a number or takes it from another text; or it takes a head's pattern from "
    "another text, sets a cell, cuts an edge (attn.masked, set to -inf), or draws a row of a pattern"
)


def check(changes: Sequence[Change], arch: Architecture) -> None:
    """Refuse what the model does not have, and what would leave a token nothing to read.

    Raises:
        ValueError: what was wanted, what came, what to do.
    """
    if len(changes) > MOST:
        raise ValueError(f"a screen has {MOST} changes at most; take one away before")
    for change in changes:
        _check(change.edit, arch)
    wishes = [change.edit for change in changes if change.on and is_cut(change.edit)]
    cut = Counter((wish.name, wish.head, wish.position) for wish in wishes)
    for (_, _, position), count in cut.items():
        if count > position:  # type: ignore[operator]
            raise ValueError(f"the token at position {position} would read nothing at all; leave it one edge")


def _check(wish: Wish, arch: Architecture) -> None:
    config = arch.config
    if wish.name not in arch.nodes.names() or wish.name == "transformer.h":
        raise ValueError(f"this model has no tensor {wish.name[:60]!r}; {KINDS}")
    node = arch.nodes[wish.name]
    chosen = {which for which in ("head", "position", "key", "channel") if getattr(wish, which) is not None}
    places = [getattr(wish, which) for which in chosen if not (which == "key" and is_row(wish))]
    if chosen not in _choices(node, wish) or not all(type(place) is int for place in places):
        raise ValueError(f"{KINDS}; got {wish.how} of {'_'.join([wish.name[:60], *selectors(wish)])[:80]}")
    _check_value(wish, arch)
    if "head" in chosen and not 0 <= wish.head < config.n_head:  # type: ignore[operator]
        raise ValueError(f"this model has heads 0 to {config.n_head - 1}, got {wish.head}; choose one of them")
    width = arch.sizes().get(node.axes[-1], 0)
    if "channel" in chosen and not 0 <= wish.channel < width:  # type: ignore[operator]
        raise ValueError(f"{wish.name} has channels 0 to {width - 1}, got {wish.channel}; choose one of them")
    if "key" in chosen and not is_row(wish):
        _check_edge(wish, config.block_size)
    elif "position" in chosen and not 0 <= wish.position < config.block_size:  # type: ignore[operator]
        raise ValueError(f"positions are from 0 to {config.block_size - 1}, got {wish.position}; choose one of them")


def _check_edge(wish: Wish, block_size: int) -> None:
    if not 0 <= wish.key <= wish.position < block_size:  # type: ignore[operator]
        raise ValueError(
            f"an edge goes from a token to itself or one before it, at positions below {block_size}; got "
            f"{wish.position} to {wish.key}: choose a cell on or below the diagonal"
        )


def _choices(node: Node, wish: Wish) -> list[set[str]]:
    """Return the sets of selectors that a change of this kind may have for this tensor; none if there is no such."""
    if node.axes[-2:] == ("T", "T"):
        if is_row(wish):
            return [{"head", "position", "key"}] if node.role == "pattern" else []
        if isinstance(wish, Other):  # with rows that add up to 1, as those of the model do
            return [{"head"}] if node.role == "pattern" else []
        cell = wish.how == "set" and (node.role == "masked scores" or (node.role in SCORES and not is_cut(wish)))
        return [{"head", "position", "key"}] if cell else []
    if node.role in GIVEN or node.axes[:1] != ("B",) or is_row(wish) or is_cut(wish) or node.axes[-1] == "T":
        return []
    if "H" in node.axes:
        whole = [{"head"}] if node.role in OF_HEAD else []
        return [*whole, {"head", "position"}, {"head", "position", "channel"}]
    whole = [set[str]()] if node.role in WHOLE or is_layer(node.id) else []
    if is_layer(node.id):
        return whole
    neuron = [{"channel"}] if node.role == "mlp hidden" else []
    return [*whole, *neuron, {"position"}, {"position", "channel"}]


def _check_value(wish: Wish, arch: Architecture) -> None:
    if isinstance(wish, Other):
        _check_source(wish, arch)
        if len(wish.text) > MOST_TEXT:
            raise ValueError(f"another text has {MOST_TEXT:,} characters at most, got {len(wish.text):,}; take a part")
        if wish.how == "patch" and not wish.text:
            raise ValueError("a patch takes values from another prompt, got none; type one")
        try:
            wish.text.encode()
        except UnicodeEncodeError as error:
            half = error.object[error.start]
            raise ValueError(f"a text holds whole characters, got {half!r}, which is half of one") from None
        return
    if is_row(wish):
        weights, position = thousandths(wish), int(wish.position)  # type: ignore[arg-type]
        if len(weights) != position + 1:
            raise ValueError(f"position {position} reads {position + 1} keys, got {len(weights)} weights")
        if min(weights) < 0 or sum(weights) != PARTS_OF_ONE:
            raise ValueError(f"the weights of a row are thousandths that add up to {PARTS_OF_ONE}; got {sum(weights)}")
        return
    _check_number(wish)


def _check_source(wish: Other, arch: Architecture) -> None:
    """Refuse another place of the other prompt for all but a position of the stream or of what is added to it."""
    if not wish.of and wish.at is None:
        return
    named = {which for which in ("head", "position", "channel") if getattr(wish, which) is not None}
    if wish.how != "patch" or wish.at is None or named != {"position"}:
        raise ValueError("only a patch of one position takes its value from another place; leave that out")
    shapes = [arch.nodes[name].axes for name in (wish.name, wish.source) if name in arch.nodes.names()]
    if len(shapes) != 2 or shapes[0] != shapes[1]:
        raise ValueError(f"{wish.source[:60]!r} is no tensor like {wish.name!r}; choose one with the same axes")
    if not 0 <= wish.at < arch.config.block_size:
        raise ValueError(f"positions are from 0 to {arch.config.block_size - 1}, got {wish.at}; choose one of them")


def _check_number(edit: Edit) -> None:
    value = edit.value
    if edit.how not in ("zero", "scale", "set"):
        raise ValueError(f"{KINDS}; got {edit.how}")
    if edit.how == "scale" and not (type(value) is float and 0 <= value <= LARGEST):
        raise ValueError(f"a factor is a number from 0 to {LARGEST:g}, got {value:g}; choose another")
    finite = type(value) is float and math.isfinite(value) and abs(value) <= FARTHEST
    if edit.how == "set" and not finite and not is_cut(edit):
        raise ValueError(f"a cell is set to a number from -{FARTHEST:g} to {FARTHEST:g}, got {value:g}; choose another")
