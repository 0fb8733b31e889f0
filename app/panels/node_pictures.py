"""A small picture for each node of the diagram: x is the token, as on the strips. This file knows no Streamlit.

What has channels is drawn like a strip; of a tensor whose cells are pairs of a query and a key, the row of the followed
token; of the logits and probabilities, those of the most likely next tokens.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from app.components.matrix.heatmap import Scale, pool
from app.panels import strips
from app.panels.strips import Pixels
from gptcore import Architecture, GPTConfig, Trace
from gptcore.graph.architecture import FOLDED
from gptcore.graph.node import Node

QUICK: Final = 3e7
"""Multiplications that a key can wait for: probabilities and losses of all tokens need all logits."""
UNIT: Final = {"pattern", "pattern after dropout", "probabilities"}
"""Roles of the tensors whose values are shares, from 0 to 1."""
KINDS: Final[Mapping[str | None, strips.Kind]] = {
    "token embedding": "embedding",
    "position embedding": "position",
    "embedding": "residual",
    "residual in": "residual",
    "residual between": "residual",
    "residual": "residual",
    "mlp hidden": "mlp",
    "logits": "logits",
}
"""The kind of a role's scale, where the strips have one."""
Scales = Mapping[str, tuple[float, float]]
"""The values of both ends of the colours of a tensor, by its name: the same in every block."""


@dataclass(frozen=True)
class Picture:
    """The picture of a node."""

    id: str
    tensor: str
    """The tensor that it draws: of a container, what is made inside."""
    pixels: Pixels
    """(rows, columns); a column is a token, or as many as on the strips."""
    scale: Scale
    low: float
    high: float


@dataclass(frozen=True)
class Pictures:
    """The pictures of a view."""

    of: tuple[Picture, ...]
    block: int
    """Number of tokens in a column."""


@lru_cache(maxsize=256)
def places(arch: Architecture, view: str, layer: int) -> tuple[tuple[str, str], ...]:
    """Return (node, tensor) of all that a view draws but ids, which are names, and dropouts, which change nothing."""
    nodes = [node for node in arch.graph(view, layer).nodes if node.role != "tokens" and not node.is_dropout]
    return tuple((node.id, strips.made_by(arch, node.id)) for node in nodes)


def pooled(arch: Architecture, view: str, layer: int) -> tuple[str, ...]:
    """Return the tensors of a view that are drawn like strips."""
    return tuple(tensor for _, tensor in places(arch, view, layer) if _has_channels(arch.nodes[tensor]))


def pictures(
    arch: Architecture, view: str, layer: int, drawn: strips.Strips, position: int, likely: list[int], scales: Scales
) -> Pictures:
    """Return the pictures of a view.

    Args:
        arch: the map.
        view: the name of the view.
        layer: its block.
        drawn: the strips of `pooled`, with the run that they are of.
        position: the position that is followed.
        likely: the most likely tokens after it.
        scales: of all tensors, see `scales_of`.
    """
    found = []
    for name, tensor in places(arch, view, layer):
        pixels = _pixels(arch.nodes[tensor], drawn, position, likely)
        if pixels is not None:
            low, high = scales[tensor]
            found.append(Picture(name, tensor, pixels, _scale(arch.nodes[tensor]), low, high))
    return Pictures(tuple(found), drawn.block)


def _pixels(node: Node, drawn: strips.Strips, position: int, likely: list[int]) -> Pixels | None:
    """Return the values of one picture; None where a key cannot wait for them."""
    trace = drawn.trace
    if _has_channels(node):
        return drawn.pooled[node.id]
    if node.role == "logits":
        cells = strips.logits_of(trace, likely, trace.weight(node.id))
    elif node.axes[-2:] == ("T", "T"):
        cells = trace.rows(node.id, position, position + 1)[0, drawn.head].float().cpu().numpy()
    elif not _is_quick(trace.config, trace.T):
        return None
    else:  # the probabilities (1, T, V) or the losses (1, T)
        values = trace[node.id][0]
        cells = (values[:, likely].T if values.ndim == 2 else values[None]).float().cpu().numpy()
    return pool(cells, 1, drawn.block, _scale(node)).astype(np.float32)


def scales_of(trace: Trace, arch: Architecture, known: strips.Scales) -> Scales:
    """Return the scale of every tensor: fixed by the run of a prompt, and the same in every block.

    Args:
        trace: the run.
        arch: the map.
        known: the scales of the strips, which hold here too.
    """
    groups: dict[str, list[str]] = {}
    for node in arch.nodes:
        if not node.output:
            groups.setdefault(node.id.replace(f"{FOLDED}.{node.layer}.", "", 1), []).append(node.id)
    return {name: scale for group in groups.values() for name, scale in _group(trace, arch, known, group).items()}


def _group(trace: Trace, arch: Architecture, known: strips.Scales, names: list[str]) -> Scales:
    """Return the one scale of tensors that stand at the same place of every block."""
    node = arch.nodes[names[0]]
    if node.role in UNIT:
        ends = (0.0, 1.0)
    elif node.role == "loss":
        ends = (0.0, math.log(trace.config.vocab_size))  # that of a blind guess
    elif node.role in KINDS or node.concept == "norm":
        ends = known[KINDS.get(node.role, "norm")]
    elif node.role == "tokens":
        return {}
    else:
        size = strips.size_of(np.concatenate([_values(trace, arch.nodes[name]) for name in names]))
        ends = (-size, size)
    return dict.fromkeys(names, ends)


def _values(trace: Trace, node: Node) -> Pixels:
    """Return the values that a picture of a tensor may show, of all heads, flat."""
    if node.axes[-2:] == ("T", "T"):
        return trace[node.id].float().cpu().numpy().ravel()
    heads = range(trace.config.n_head if "H" in node.axes else 1)
    drawn = [strips.update(None, trace, None, (node.id,), head).pooled[node.id] for head in heads]
    return np.concatenate([pixels.ravel() for pixels in drawn])


def _has_channels(node: Node) -> bool:
    return node.axes[-1] not in ("T", "V") or node.axes[-2:] == ("D", "T")


def _scale(node: Node) -> Scale:
    return "sequential" if node.role in UNIT or node.role == "loss" else "diverging"


def _is_quick(config: GPTConfig, T: int) -> bool:
    return T * config.n_embd * config.vocab_size <= QUICK
