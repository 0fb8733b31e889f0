"""The map of a GPT as data: what it computes, in which order, of what shape, at what cost. No torch, no geometry.

`architecture(config)` needs no weights, so GPT-3's map opens as fast as a toy's. A node's id is the name of the
tensor that it stands for: the path of the module that makes it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from gptcore.config import GPTConfig
from gptcore.graph.gpt_table import rows
from gptcore.graph.node import BLOCK, MODEL, VIEWS, Named, Node, Role, Row
from gptcore.graph.ops import Flops
from gptcore.graph.source_lines import Source
from gptcore.graph.subgraph import Edge, Graph, View, view_graph

__all__ = ["Architecture", "Edge", "Flops", "Graph", "Named", "Node", "Source", "View", "architecture"]

FOLDED = "transformer.h"
"""The id of all blocks in one."""


@dataclass(frozen=True, eq=False)
class Architecture:
    """Every node of a GPT, of every layer, and the five views that draw them. Made by `architecture(config)`."""

    config: GPTConfig
    nodes: Named[Node] = field(repr=False)
    """In the order of the forward pass, containers before their insides: `arch.nodes["lm_head"]`, or by number."""
    views: Named[View] = field(repr=False)
    """`arch.views["block"]`, or by number, from the model down."""

    def _repr_html_(self) -> str:
        from gptcore.graph.architecture_html import architecture_html  # imported here: only notebooks ask for it

        return architecture_html(self)

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every input of every node, as (source, target)."""
        return tuple(Edge(source, node.id) for node in self.nodes for source in node.inputs)

    def shapes(self, B: int = 1, T: int = 12) -> dict[str, tuple[int, ...]]:
        """Return the concrete shape of every node's tensor in a run over (B, T) token ids.

        Raises:
            ValueError: T is not in 1 to block_size, or B is not positive.

        >>> architecture(GPTConfig.preset("baby-gpt")).shapes(B=1, T=12)["transformer.h.0.attn.pattern"]
        (1, 6, 12, 12)
        """
        if not 1 <= T <= self.config.block_size:
            raise ValueError(
                f"T must be from 1 to block_size = {self.config.block_size}, got {T}; take at most the last "
                f"{self.config.block_size} tokens"
            )
        if B < 1:
            raise ValueError(f"B must be at least 1, got {B}; a batch holds one sequence or more")
        sizes = self.sizes(B, T)
        return {node.id: tuple(sizes[axis] for axis in node.axes) for node in self.nodes}

    def sizes(self, B: int = 1, T: int = 12) -> dict[str, int]:
        """Return the length of every symbolic axis in a run over B sequences of T tokens.

        >>> architecture(GPTConfig.preset("gpt2")).sizes(T=5)["D"]
        64
        """
        return axis_sizes(self.config) | {"B": B, "T": T}

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight, by its state-dict key; tied weights have both keys, as in the state dict.

        >>> architecture(GPTConfig.preset("baby-gpt")).weight_shapes()["transformer.h.0.attn.c_attn.weight"]
        (1152, 384)
        """
        sizes = axis_sizes(self.config)
        return {
            key: tuple(sizes[axis] for axis in axes)
            for node in self.nodes
            for key, axes in zip(node.weights, node.weight_axes, strict=True)
        }

    def num_params(self) -> int:
        """Count the trained numbers, the matrix of tied embeddings counted once.

        >>> architecture(GPTConfig.preset("gpt2")).num_params()
        124439808
        """
        shapes = self.weight_shapes()
        if self.config.tie_weights:
            del shapes["lm_head.weight"]
        return sum(math.prod(shape) for shape in shapes.values())

    def flops(self, T: int, B: int = 1) -> int:
        """Count the FLOPs of one forward pass over (B, T) token ids, logits at all positions.

        Matrix products only, 2 per multiply-add, attention over the full T x T; each node's share is `node.flops`.
        T may go beyond block_size: what such a pass would cost.

        >>> architecture(GPTConfig.preset("gpt2")).flops(T=1024)
        291648307200
        """
        return sum(self.nodes[name].flops(T, B) for name in (FOLDED, "lm_head"))

    def named(self, role: Role, layer: int | None = None) -> str:
        """Return the id of the tensor that has this role; of the one in block `layer` for roles that each block has.

        Raises:
            KeyError: no tensor has this role there.

        >>> architecture(GPTConfig.preset("gpt2")).named("pattern", layer=3)
        'transformer.h.3.attn.pattern'
        """
        found = self._by_role.get((role, layer))
        if found is None:
            where = "outside the blocks" if layer is None else f"in block {layer}"
            raise KeyError(f"no tensor has the role {role!r} {where}; arch.nodes lists every role")
        return found

    def owner(self, weight: str) -> Node | None:
        """Return the node that a parameter belongs to, by its state-dict key; None for no parameter of the model.

        >>> architecture(GPTConfig.preset("gpt2")).owner("transformer.h.3.mlp.c_fc.bias").id
        'transformer.h.3.mlp.c_fc'
        """
        return self._owners.get(weight)

    @cached_property
    def _owners(self) -> dict[str, Node]:
        return {weight: node for node in self.nodes for weight in node.weights}

    @cached_property
    def _by_role(self) -> dict[tuple[str, int | None], str]:
        return {(node.role, node.layer): node.id for node in self.nodes if node.role}

    def downstream(self, node_id: str) -> frozenset[str]:
        """Return the ids of all tensors that are computed from this one, directly or through others.

        >>> sorted(architecture(GPTConfig.preset("gpt2")).downstream("lm_head"))
        ['loss', 'probs']
        """
        found: set[str] = set()
        waiting = [self.nodes[node_id].id]
        while waiting:
            new = [reader for reader in self._computed_from.get(waiting.pop(), ()) if reader not in found]
            found.update(new)
            waiting += new
        return frozenset(found)

    @cached_property
    def _computed_from(self) -> dict[str, tuple[str, ...]]:
        direct = [(source, node.id) for node in self.nodes for source in node.operands]
        containers = {node.output: node.id for node in self.nodes if node.output}
        # a node outside that reads a container's output reads the container
        through = [(containers[made], reader) for made, reader in direct if containers.get(made, reader) != reader]
        return _readers([*direct, *through])

    def view_of(self, node_id: str) -> tuple[View, int | None]:
        """Return the view that draws the node, and its layer (None for the model's own nodes)."""
        node = self.nodes[node_id]
        return self.views[node.view], node.layer

    def inside(self, node_id: str) -> View | None:
        """Return the view that a container opens; None for a node that has no inside.

        The folded `transformer.h` opens the block view of any layer.

        >>> architecture(GPTConfig.preset("gpt2")).inside("transformer.h.3.mlp").name
        'MLP'
        """
        node = self.nodes[node_id]
        layer, name = (0, BLOCK.replace("{i}", "0")) if node.id == FOLDED else (node.layer or 0, node.id)
        return next((view for view in self.views if view.container_at(layer) == name), None)

    def path(self, node_id: str) -> tuple[str, ...]:
        """Return the containers that are opened on the way from the model's view down to the node, outermost first.

        >>> architecture(GPTConfig.preset("gpt2")).path("transformer.h.2.attn.pattern")
        ('transformer.h.2', 'transformer.h.2.attn', 'transformer.h.2.attn.sdpa')
        """
        parent = self.nodes[node_id].parent
        return () if parent in (None, FOLDED) else (*self.path(str(parent)), str(parent))

    def graph(self, view: str = MODEL, layer: int = 0, unfold: bool = False) -> Graph:
        """Return what a view draws of a layer: nodes, edges, and the nodes outside that it is connected with.

        Args:
            unfold: in the model's view, every block instead of the folded one.

        Raises:
            KeyError: there is no such view.
            IndexError: there is no such layer.

        >>> [node.id for node in architecture(GPTConfig.preset("gpt2")).graph("MLP", layer=3).entries]
        ['transformer.h.3.ln_2']
        """
        chosen = self.views[view]
        if not 0 <= layer < self.config.n_layer:
            raise IndexError(f"layer must be from 0 to {self.config.n_layer - 1}, got {layer}; count from 0")
        drawn = chosen.nodes_at(layer)
        if chosen.container is None:
            blocks = tuple(node.id for node in self.nodes if node.parent == FOLDED)
            drawn = tuple(new for name in drawn for new in (blocks if unfold and name == FOLDED else (name,)))
        return view_graph(self._by_id, self._readers, drawn, chosen.container_at(layer))

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _readers(self) -> dict[str, tuple[str, ...]]:
        return _readers(self.edges)


def _readers(edges: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return for each source of an edge its targets."""
    readers: dict[str, tuple[str, ...]] = {}
    for source, target in edges:
        readers[source] = (*readers.get(source, ()), target)
    return readers


@lru_cache(maxsize=16)
def architecture(config: GPTConfig) -> Architecture:
    """Return the map of a GPT of this config. Equal configs share one.

    >>> arch = architecture(GPTConfig.preset("gpt3-175b"))
    >>> arch.nodes["transformer.h.95.attn.pattern"].axes
    ('B', 'H', 'T', 'T')
    >>> arch.nodes["lm_head"].inputs
    ('transformer.ln_f',)
    """
    table = rows(config)
    costs = _costs(table, config)
    inner = [row for row in table if row.id.startswith(BLOCK)]
    nodes: dict[str, Node] = {}
    for row in table:
        if row.id == BLOCK:  # here every layer comes in, one after the other
            made = [_node(each, costs[each.id], layer, config) for layer in range(config.n_layer) for each in inner]
        else:
            made = [] if row in inner else [_node(row, costs[row.id], None, config)]
        nodes |= {node.id: node for node in made}
    templates = {name: tuple(row.id for row in table if row.view == name and row.id != BLOCK) for name in VIEWS}
    views = {name: View(name, container, templates[name]) for name, container in VIEWS.items()}
    return Architecture(config, Named(nodes), Named(views))


def axis_sizes(config: GPTConfig) -> dict[str, int]:
    """Return the length of every symbolic axis but B and T."""
    C = config.n_embd
    sizes = {"C": C, "3C": 3 * C, "4C": 4 * C, "H": config.n_head, "D": config.head_dim, "V": config.vocab_size}
    return sizes | {"block_size": config.block_size}


def _parent(row: Row) -> str | None:
    return FOLDED if row.id == BLOCK else VIEWS[row.view]


def _costs(table: tuple[Row, ...], config: GPTConfig) -> dict[str, tuple[int, Flops]]:
    """Return parameters and FLOPs by id, still with `{i}`: each row's own, summed up into its containers."""
    sizes = axis_sizes(config)
    params, flops = {}, {}
    parents = {row.id: _parent(row) for row in table}
    for row in table:
        shapes = {name: [sizes[axis] for axis in axes] for name, axes in row.weights.items()}
        params[row.id] = sum(math.prod(shape) for shape in shapes.values())
        flops[row.id] = row.op.flops(config, shapes.get("weight", ()))
    # what makes a container's output happens inside it, also where the output itself stands behind it (Z)
    makers = parents | {row.output: row.id for row in table if row.output in parents}
    for row in reversed(table):  # insides stand behind their container, so each is complete when it is passed on
        copies = config.n_layer if row.id == BLOCK else 1
        if parent := parents[row.id]:
            params[parent] += params[row.id] * copies
        if maker := makers[row.id]:
            flops[maker] += flops[row.id] * copies
    return {row.id: (params[row.id], flops[row.id]) for row in table}


def _node(row: Row, cost: tuple[int, Flops], layer: int | None, config: GPTConfig) -> Node:
    """Return the row's node in that layer."""

    values = {"i": layer, "last": f"{FOLDED}.{config.n_layer - 1}"}
    values["before"] = f"{FOLDED}.{layer - 1}" if layer else "transformer.drop"

    def fill(template: str) -> str:
        return template.format_map(values) if "{" in template else template

    name, parent = fill(row.id), _parent(row)
    params, flops = cost
    return Node(
        id=name,
        label=fill(row.label),
        kind=row.kind,
        axes=row.axes,
        params=params,
        flops=flops,
        formula=row.formula,
        inputs=tuple(fill(source) for source in row.inputs),
        parent=parent and fill(parent),
        where=row.where,
        how=row.how,
        concept=row.concept,
        view=row.view,
        layer=layer,
        output=row.output and fill(row.output),
        op=row.op,
        operands=tuple(fill(source) for source in row.operands),
        cached=row.cached,
        role=row.role,
        weights=tuple(f"{name}.{key}" for key in row.weights),
        weight_axes=tuple(row.weights.values()),
        summary=row.summary,
    )
