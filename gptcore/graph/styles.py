"""Differences that a drawing of the map shows, in DOT and in Mermaid alike: additions, the residual stream, targets."""

from __future__ import annotations

from gptcore.graph.node import Node
from gptcore.graph.subgraph import Edge


def axes_text(node: Node) -> str:
    """Return the node's symbolic shape as people write it: `(B, T, C)`."""
    return f"({', '.join(node.axes)})"


def is_add(node: Node) -> bool:
    """Return True where the node adds two tensors on the residual stream."""
    return node.kind == "residual" and len(node.inputs) > 1


def is_spine(source: Node, target: Node) -> bool:
    """Return True where the residual stream flows along this edge."""
    return source.concept == target.concept == "residual"


def is_target(edge: Edge) -> bool:
    """Return True for the edge that brings the loss its targets."""
    return edge == ("idx", "loss")
