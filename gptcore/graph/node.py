"""A row of the table, a node of the map, and a collection that finds nodes by id. Data only: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, SupportsIndex, TypeVar, overload

from gptcore.graph.near_names import near_names
from gptcore.graph.ops import Axes, Flops, Op
from gptcore.graph.source_lines import Source, Where, find

Kind = Literal["weight", "activation", "operation", "residual"]
"""Trained numbers; a tensor worth a look of its own; a fixed computation; the residual stream."""
How = Literal["input", "hook", "tap", "derived"]
"""The tensor's origin: given; a module's output; a named identity's output; computed on demand from those."""
Concept = Literal["q", "k", "v", "pattern", "residual", "mlp", "logits", "embedding", "norm", "plain"]
"""The concept of a node: the theme has one colour for each."""
Role = Literal[
    "tokens",
    "token embedding",
    "position embedding",
    "embedding",
    "residual in",
    "attention",
    "joint projection",
    "query",
    "key",
    "value",
    "scores",
    "masked scores",
    "pattern",
    "pattern after dropout",
    "weighted values",
    "residual between",
    "mlp",
    "mlp hidden",
    "residual",
    "final norm",
    "logits",
    "probabilities",
    "loss",
]
"""The part that a tensor plays, whatever a family of models calls it."""

BLOCK = "transformer.h.{i}"
MODEL, INSIDE, ATTENTION, SDPA, MLP = "model", "block", "self-attention", "scaled dot-product attention", "MLP"
VIEWS: dict[str, str | None] = {
    MODEL: None,
    INSIDE: BLOCK,
    ATTENTION: f"{BLOCK}.attn",
    SDPA: f"{BLOCK}.attn.sdpa",
    MLP: f"{BLOCK}.mlp",
}
"""Each view's name and the container whose inside it shows: an id with `{i}` for the layer."""

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Row:
    """One tensor of the table, before it is given a layer.

    Its ids may hold `{i}` (the layer), `{before}` (the block before, or the dropout) and `{last}` (the last block).
    """

    id: str
    view: str
    label: str
    kind: Kind
    concept: Concept
    how: How
    op: Op
    """The computation that makes it from `operands`."""
    axes: Axes
    inputs: tuple[str, ...]
    """Ids that the map draws an edge from."""
    formula: str
    summary: str
    where: Where
    output: str | None
    """A container's output: the id of the node inside, or right behind, that makes it. None for other nodes."""
    weights: Mapping[str, Axes]
    """Its own parameters and their axes, as in the state dict."""
    cached: bool
    """True where a run keeps the tensor; all others are derived from those that it keeps."""
    role: Role | None

    @property
    def operands(self) -> tuple[str, ...]:
        """Ids of the tensors that `op` computes it from: a container's is its output."""
        return (self.output,) if self.output else self.inputs


@dataclass(frozen=True)
class Node:
    """One tensor of the forward pass and what makes it."""

    id: str
    """The tensor's name: the path of its module, such as `transformer.h.0.attn.c_attn`."""
    label: str
    kind: Kind
    axes: Axes
    """Symbolic axes, such as ("B", "H", "T", "D")."""
    params: int
    """The parameters of the module of that name: a container's insides too, a tied `lm_head` its V * C."""
    flops: Flops
    """`flops(T=12, B=1)`: a container's insides and the product that makes its output."""
    formula: str
    """LaTeX; bold letters are tensors, plain capitals sizes."""
    inputs: tuple[str, ...]
    """Ids of the nodes it reads."""
    parent: str | None
    """The container it is drawn in; None at the model's level."""
    where: Where
    how: How
    concept: Concept
    view: str
    """The name of the view it is drawn in."""
    layer: int | None
    """Its block, from 0; None outside the blocks."""
    output: str | None
    """A container's output: the id of the node inside, or right behind, that makes it. None for other nodes."""
    op: Op
    """The computation that makes it from `operands`."""
    operands: tuple[str, ...]
    """Ids of the nodes that its tensor is computed from: `inputs`, but of a container its output."""
    cached: bool
    """True where a run keeps the tensor; all others are derived from those that it keeps."""
    role: Role | None
    weights: tuple[str, ...]
    """State-dict keys of its own parameters."""
    weight_axes: tuple[Axes, ...]
    """The axes of each of `weights`, such as ("3C", "C"); `block_size` stands for itself."""
    summary: str
    """One plain sentence for a newcomer."""

    @property
    def derived(self) -> bool:
        """True where no module of the model makes it, so that a trace computes it on demand."""
        return self.how == "derived"

    @property
    def is_dropout(self) -> bool:
        """True for a dropout, which changes nothing in eval mode."""
        return self.label == "Dropout"

    @property
    def source(self) -> Source:
        """The lines of `model.py` that make it, found in its text."""
        return find(self.where)


class Named(tuple[T_co, ...]):
    """A tuple whose items also go by their names.

    >>> Named({"one": 1, "two": 2})["two"]
    2
    >>> Named({"one": 1, "two": 2})["tow"]
    Traceback (most recent call last):
    KeyError: "'tow' is not here; did you mean two?"
    """

    _items: Mapping[str, T_co]

    def __new__(cls, items: Mapping[str, T_co]) -> Named[T_co]:
        self = super().__new__(cls, items.values())
        self._items = dict(items)
        return self

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self._items,)  # so that a copy or a pickle keeps the names

    def names(self) -> tuple[str, ...]:
        return tuple(self._items)

    def __contains__(self, item: object) -> bool:
        return item in self._items if isinstance(item, str) else super().__contains__(item)

    @overload
    def __getitem__(self, key: str | SupportsIndex, /) -> T_co: ...
    @overload
    def __getitem__(self, key: slice, /) -> tuple[T_co, ...]: ...
    def __getitem__(self, key: str | SupportsIndex | slice, /) -> T_co | tuple[T_co, ...]:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key in self._items:
            return self._items[key]
        near = near_names(key, self._items) or list(self._items)[:5]
        raise KeyError(f"{key!r} is not here; did you mean {', '.join(near)}?")
