"""The map as a table of costs: a line for each tensor of the model, one block standing for all. No Streamlit."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from gptcore import Architecture, GPTConfig, architecture
from gptcore.graph.architecture import FOLDED
from gptcore.graph.costs import RunSize, activations, cache
from gptcore.graph.node import MODEL, Node

BLOCK_0 = f"{FOLDED}.0"


class CostLine(TypedDict):
    """A tensor and its costs; a container's are those of all inside it, one block's those of one block."""

    id: str
    label: str
    summary: str
    concept: str
    frames: list[str]
    """The concepts of the containers that it lies in, below the block, the outermost first."""
    depth: int
    opens: bool
    """True for a container, whose inside follows."""
    rail: str
    """Its place at the residual stream: "above" or "below" it, "on" it, "add" where it is added to, or "beside" it."""
    branch: str
    """For a line beside the residual stream: "first", "middle" or "last" of its branch."""
    copies: int
    """The number of such tensors in the model: L inside the block, else 1."""
    tied: bool
    """True where its parameters are those of another tensor, and counted there."""
    axes: list[str]
    shape: list[int]
    params: int
    flops: int
    activations: int
    cache: int


def cost_lines(config: GPTConfig, run: RunSize) -> list[CostLine]:
    """Return all lines, in the order of the forward pass.

    They are made of the map of one block, because blocks are equal: so many blocks cost no more time than one.

    Raises:
        ValueError: T is larger than block_size.
    """
    L = config.n_layer
    arch = architecture(replace(config, n_layer=1))
    shapes, taken, kept = arch.shapes(run.B, run.T), activations(arch, run), cache(arch, run)
    rails = [_rail(arch, node) for node in arch.nodes]
    lines: list[CostLine] = []
    for i, node in enumerate(arch.nodes):
        times = L if node.id == FOLDED else 1
        around = [arch.nodes[name] for name in arch.path(node.id)]
        lines.append(
            {
                "id": node.id,
                "label": _label(node, L),
                "summary": node.summary,
                "concept": node.concept,
                "frames": [each.concept for each in around if each.id != BLOCK_0],
                "depth": len(around) + (node.id == BLOCK_0 or bool(around)),
                "opens": node.output is not None,
                "rail": rails[i],
                "branch": _branch(rails, i) if rails[i] == "beside" else "",
                "copies": 1 if node.layer is None else L,
                "tied": node.role == "logits" and arch.config.tie_weights,
                "axes": list(node.axes),
                "shape": list(shapes[node.id]),
                "params": node.params * times,
                "flops": node.flops(run.T, run.B) * times,
                "activations": taken[node.id] * times,
                "cache": kept[node.id] * times,
            }
        )
    return lines


def _label(node: Node, L: int) -> str:
    if node.id == FOLDED:
        return f"Transformer Block × {L}"
    return "each block" if node.id == BLOCK_0 else node.label


def _rail(arch: Architecture, node: Node) -> str:
    """Return where the line stands: the residual stream goes from the embeddings' sum through the last block."""
    if node.concept == "residual":
        return "add" if len(node.inputs) > 1 else "on"
    if node.view != MODEL:
        return "beside"
    order = list(arch.nodes.names())
    return "above" if order.index(node.id) < order.index(FOLDED) else "below"


def _branch(rails: list[str], i: int) -> str:
    if rails[i - 1] != "beside":
        return "first"
    return "last" if rails[i + 1] != "beside" else "middle"
