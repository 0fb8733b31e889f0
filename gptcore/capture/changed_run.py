"""A run of the model from a certain block and position on, under edits: modules where nothing is changed between them,
and stage by stage, by the table, where something is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.capture import hooks, stored
from gptcore.capture.bound_edits import Edits
from gptcore.capture.pauses import pause
from gptcore.capture.values import NodeInputs, Values
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Node
from gptcore.graph.ops import Rows
from gptcore.model import GPT, KeysValues, attend_to_past

EMBEDDINGS = ("token embedding", "position embedding")


class ChangedRun:
    """The tensors of such a run, as they are made: rows `start` to T of all that is made from block `layer` on.

    What lies before, earlier positions and blocks below, is read from the values of another run.
    """

    def __init__(
        self, model: GPT, tokens: Tensor, edits: Edits, before: Values | None, layer: int, start: int,
        stages_of: Collection[int] = (), leaves: bool = False,
    ) -> None:  # fmt: skip
        """Run nothing yet.

        Args:
            model: the model.
            tokens: all ids, (B, T).
            edits: the edits of the whole run.
            before: the other run; None where nothing of one is used.
            layer: the first block that is run, n_layer for what stands behind the blocks alone.
            start: the first position that is run.
            stages_of: blocks that are run stage by stage, every stage of them, although nothing in them is edited.
            leaves: whether the embeddings begin a graph, for gradients.
        """
        self._model, self._before, self._layer = model, before, layer
        self.config, self.rows = model.config, Rows(start, tokens.size(1))
        at_hand = _AtHand(model.config, self.rows, before, layer)
        self.made = at_hand.made
        self._opened, self._leaves = {*stages_of}, leaves
        self._nodes = stored.nodes(model.config)
        self._staged = {self._nodes[name].layer for name in edits} | self._opened
        self._values = Values(model, edits, tokens.size(1), at_hand)
        self.made[architecture(model.config).named("tokens")] = tokens[:, start:]

    def run(self) -> None:
        """Run all that is left of the model, up to the last norm."""
        if self._layer == 0:
            self.embed()
        for i in range(self._layer, self.config.n_layer):
            self.block(i)
        self.finish()

    def embed(self) -> None:
        """Make what stands before the blocks."""
        self._stage_by_stage(_order(self.config)[0])

    def block(self, i: int) -> None:
        """Run one block: stage by stage where something in it is edited, else as it is."""
        if self.opens(i):
            fused = frozenset[str]() if i in self._opened else _fused(self.config, i, self._values.edits)
            self._stage_by_stage(_order(self.config)[1][i], fused)
            return
        with hooks.recording() as recorder:
            self._model.transformer.h[i](*self.entering(i))
        self.passed(i, recorder.outputs)

    def finish(self) -> None:
        """Make what stands behind the blocks, up to the last norm."""
        self._stage_by_stage(_order(self.config)[2])

    def opens(self, i: int) -> bool:
        """Tell whether a block is run stage by stage."""
        return i in self._staged

    def entering(self, i: int) -> tuple[Tensor, list[KeysValues]]:
        """Return what block `i` is called with: its residual stream (B, t, C), and keys and values of the past."""
        x = self._values.joined(architecture(self.config).named("residual in", i), self.rows)
        return x, self._past(i) if self.rows.start else []

    def passed(self, i: int, outputs: Mapping[str, Tensor]) -> None:
        """Take over the outputs of the modules of block `i`, which was run as it is."""
        self.made |= outputs
        self._close(architecture(self.config).named("residual", i))

    def _close(self, name: str) -> None:
        """Make the edited containers whose output this is: what reads them then reads these very tensors."""
        made, edits = self.made[name], self._values.edits
        while (container := _containers(self.config).get(name)) is not None:
            for edit in edits.get(container, ()):
                made = edit.apply(self.rows, made, self.rows.stop)
            if container in edits:
                self.made[container] = made
            name = container

    def _past(self, i: int) -> list[KeysValues]:
        assert self._before is not None, "positions before the first are those of another run"
        rows = Rows(0, self.rows.start)
        keys, values = (self._before.pieces(name, rows) for name in stored.keys_values(self.config)[i])
        if [key.size(2) for key in keys] != [value.size(2) for value in values]:  # an edit has joined one of both
            keys, values = [torch.cat(keys, dim=2)], [torch.cat(values, dim=2)]
        return list(zip(keys, values, strict=True))

    def _stage_by_stage(self, order: tuple[Node, ...], fused: frozenset[str] = frozenset()) -> None:
        for node in order:
            if node.id in fused:
                continue
            made = self._make(node, attends=bool(fused) and node.role == "weighted values")
            for edit in self._values.edits.get(node.id, ()):
                made = edit.apply(self.rows, made, self.rows.stop)
            self.made[node.id] = made
            self._close(node.id)
            pause()

    def _make(self, node: Node, attends: bool) -> Tensor:
        """Compute a tensor before its edits, by its own module where it has one."""
        inputs = NodeInputs(self._values, node)
        if node.how == "hook" and not node.output:
            if node.role == "position embedding":
                x = torch.arange(*self.rows, device=self._model.lm_head.weight.device)
            else:
                x = inputs.rows(0, self.rows)
            made = self._model.get_submodule(node.id)(x)
            return made.detach().requires_grad_() if self._leaves and node.role in EMBEDDINGS else made
        made = self._attend(node) if attends else node.op.rows(inputs, self.rows)
        return self._model.get_submodule(node.id)(made) if node.how == "tap" else made

    def _attend(self, node: Node) -> Tensor:
        arch, i = architecture(self.config), node.layer
        q, k, v = (self.made[arch.named(role, i)] for role in ("query", "key", "value"))
        if self.rows.start:
            return attend_to_past(q, k, v, self._past(int(i or 0)))
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class _AtHand:
    """The tensors that such a run has made so far, behind the rows of the other run.

    It is not the run, which would hold itself then, and its tensors until Python's collector comes by.
    """

    def __init__(self, config: GPTConfig, made: Rows, before: Values | None, layer: int) -> None:
        self.made: dict[str, Tensor] = {}
        self._config, self._start, self._before, self._layer = config, made.start, before, layer

    def __call__(self, name: str, rows: Rows) -> list[Tensor] | None:
        made = self.made.get(name)
        if made is None:
            below = self._layer > 0 and name in stored.below(self._config, self._layer)
            return self._before.pieces(name, rows) if below and self._before is not None else None
        start, axis = self._start, stored.time_axes(self._config)[name]
        if rows.start >= start:
            return [made.narrow(axis, rows.start - start, rows.stop - rows.start)]
        assert self._before is not None, "rows before the first are those of another run"
        earlier = self._before.pieces(name, Rows(rows.start, min(rows.stop, start)))
        return [*earlier, made.narrow(axis, 0, rows.stop - start)] if rows.stop > start else earlier


@cache
def _containers(config: GPTConfig) -> dict[str, str]:
    """Return each container by its output."""
    return {node.output: name for name, node in stored.nodes(config).items() if node.output}


@cache
def _order(config: GPTConfig) -> tuple[tuple[Node, ...], tuple[tuple[Node, ...], ...], tuple[Node, ...]]:
    """Return the nodes that a run makes, operands first: before the blocks, of each block, behind them."""
    nodes = stored.nodes(config)
    seen: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in seen:
            for operand in nodes[name].operands:
                visit(operand)
            seen[name] = None

    arch = architecture(config)
    for layer in range(config.n_layer):
        visit(arch.named("residual", layer))
    visit(arch.named("final norm"))
    order = [nodes[name] for name in seen if nodes[name].how != "input"]
    behind = arch.downstream(arch.named("residual in", 0))
    first = tuple(node for node in order if node.layer is None and node.id not in behind)
    blocks = tuple(tuple(node for node in order if node.layer == i) for i in range(config.n_layer))
    last = tuple(node for node in order if node.layer is None and node not in first)
    return first, blocks, last


def _fused(config: GPTConfig, layer: int, edits: Edits) -> frozenset[str]:
    """Return the stages between queries, keys and values and their weighted sum, if none of them is edited."""
    arch = architecture(config)
    behind = arch.downstream(arch.named("key", layer)) | arch.downstream(arch.named("query", layer))
    z = arch.named("weighted values", layer)
    stages = behind - arch.downstream(z) - {z}
    return frozenset() if stages & edits.keys() else stages
