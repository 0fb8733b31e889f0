"""Any tensor of a run, from those that are at hand: by the op of its row in the table, and the edits of the run.

`Values` knows where to look and what to compute. It runs no model but the one linear layer that makes logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from gptcore.capture import stored
from gptcore.capture.bound_edits import Edits
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Node, Role
from gptcore.graph.ops import Axes, Concat, Rows, Same, SplitHeads, Transpose
from gptcore.model import GPT

LAST: tuple[Role, Role] = ("final norm", "logits")
"""The modules that turn the residual stream into logits, by their roles."""
VIEWS = (Same, SplitHeads, Transpose, Concat)
"""Ops whose result may be a view of their input."""


class AtHand(Protocol):
    """The place of cached tensors."""

    def __call__(self, name: str, rows: Rows) -> list[Tensor] | None:
        """Return rows of a tensor as pieces that follow each other; None where it must be derived."""


class Values:
    """Every tensor of one run, computed when it is asked for."""

    def __init__(
        self, model: GPT, edits: Edits, T: int, at_hand: AtHand, weights_unchanged: Callable[[], None] = lambda: None
    ) -> None:
        """Take the model whose weights are read, after `weights_unchanged` has had its chance to raise."""
        self.config, self.T, self.edits = model.config, T, edits
        self._model, self._at_hand, self._weights_unchanged = model, at_hand, weights_unchanged
        self._nodes, self._axes = stored.nodes(model.config), stored.time_axes(model.config)
        # a container's edit is seen by whoever reads its output from outside
        self._outside = {str(node.output): name for name in edits if (node := self._nodes[name]).output}

    def joined(self, name: str, rows: Rows) -> Tensor:
        """Return rows of a tensor; it may share memory with what is cached."""
        found = self.pieces(name, rows)
        return torch.cat(found, dim=self._axes[name]) if len(found) > 1 else found[0]

    def copied(self, name: str, rows: Rows) -> Tensor:
        """Return rows of a tensor in memory of their own."""
        found = self.pieces(name, rows)
        if len(found) > 1:
            return torch.cat(found, dim=self._axes[name])
        computed = not self._nodes[name].cached and not isinstance(self._nodes[name].op, VIEWS)
        return found[0] if computed else found[0].clone()

    def pieces(self, name: str, rows: Rows) -> list[Tensor]:
        """Return rows of a tensor as pieces that follow each other along T."""
        found = self._at_hand(name, rows)
        if found is not None:
            return found
        node, edits = self._nodes[name], self.edits.get(name, ())
        if node.op.by_position and not node.weights and not edits:
            apart = self.pieces(self.operand(node, 0), rows)
            return [node.op.rows(Piece(self.config, piece), rows) for piece in apart]
        made = self._compute(node, rows)
        for edit in edits:
            made = edit.apply(rows, made, self.T)
        return [made]

    def unedited(self, name: str, rows: Rows) -> Tensor:
        """Compute rows of a tensor from its operands, before the edits of this very tensor."""
        return self._nodes[name].op.rows(NodeInputs(self, self._nodes[name]), rows)

    def unembedded(self, states: Tensor) -> Tensor:
        """Return what the final norm and the head make of any states (..., C), by the modules themselves; no edits."""
        self._weights_unchanged()
        for role in LAST:
            states = self._model.get_submodule(architecture(self.config).named(role))(states)
        return states

    def operand(self, node: Node, number: int) -> str:
        """Return the tensor that a node reads: what the container made of it, where that was edited."""
        name = node.operands[number]
        container = self._outside.get(name, name)
        return name if container == node.id else container

    def weight(self, node: Node, name: str) -> Tensor | None:
        """Return a parameter of a node's own, by the end of its key; None where it has none of that name."""
        key = f"{node.id}.{name}"
        if key not in node.weights:
            return None
        self._weights_unchanged()
        return self._model.get_parameter(key)

    def axes(self, name: str) -> Axes:
        """Return the axes of a tensor."""
        return self._nodes[name].axes

    def _compute(self, node: Node, rows: Rows) -> Tensor:
        inputs = NodeInputs(self, node)
        if node.weights:  # the module itself, so that what others have hooked to it is seen
            self._weights_unchanged()
            module = self._model.get_submodule(node.id)
            return module(inputs.rows(0, rows))
        return node.op.rows(inputs, rows)


class NodeInputs:
    """The inputs and weights of one node, as its op reads them."""

    def __init__(self, values: Values, node: Node) -> None:
        self._values, self._node = values, node
        self.config, self.T = values.config, values.T

    def axes(self, number: int) -> Axes:
        return self._values.axes(self._values.operand(self._node, number))

    def rows(self, number: int, rows: Rows) -> Tensor:
        return self._values.joined(self._values.operand(self._node, number), rows)

    def pieces(self, number: int, rows: Rows) -> list[Tensor]:
        return self._values.pieces(self._values.operand(self._node, number), rows)

    def weight(self, name: str) -> Tensor | None:
        return self._values.weight(self._node, name)


class Piece:
    """One tensor as the only input of an op."""

    T = 0

    def __init__(self, config: GPTConfig, piece: Tensor) -> None:
        self.config, self._piece = config, piece

    def axes(self, number: int) -> Axes:
        raise LookupError("an op by position reads rows alone")

    def rows(self, number: int, rows: Rows) -> Tensor:
        return self._piece

    def pieces(self, number: int, rows: Rows) -> list[Tensor]:
        return [self._piece]

    def weight(self, name: str) -> Tensor | None:
        return None
