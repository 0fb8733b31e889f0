"""Tensors of a run as texts of a page: each number once, lossless, however many tensors hold it."""

from __future__ import annotations

import base64
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptcore.capture.trace import Trace
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Named, Node
from gptcore.graph.ops import Concat, Same, SplitHeads, Transpose

Array = NDArray[Any]
Shape = tuple[int, ...]
EXPANSION = 1.25
"""Bytes of the page for each byte of a tensor, about: its bytes shrink little, and base64 writes 4 for 3."""
HALF = ("masked scores", "pattern")
"""Roles of tensors of which half is one number, again and again, that takes no room: the keys that are hidden."""
VIEWS = (Same, SplitHeads, Transpose, Concat)
"""Operations whose result is, but for an edit, in what it is made from."""
LEVEL = 1
"""zlib's. Higher ones take longer, and make numbers that look random no smaller."""


@dataclass(frozen=True)
class View:
    """The place of a tensor's numbers: number (i, j, ...) lies at `offset + i * strides[0] + j * strides[1] + ...`."""

    store: str
    """The tensor whose numbers are stored."""
    offset: int
    shape: Shape
    strides: Shape


@dataclass(frozen=True)
class Store:
    """The numbers of one tensor, ready for the page."""

    kind: str
    """The type of its numbers: "f4", "f8" or "i4", little-endian."""
    text: str
    """base64 of zlib of the first bytes of all numbers, then the second bytes, and so on."""
    size: float
    """The size that 98 % of its finite numbers do not pass; 0 without any."""

    @classmethod
    def of(cls, numbers: Array) -> Store:
        """Encode a flat array.

        >>> Store.of(np.zeros(3, np.float32)).kind
        'f4'
        """
        flat = np.ascontiguousarray(numbers, numbers.dtype.newbyteorder("<"))
        planes = flat.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes()
        text = base64.b64encode(zlib.compress(planes, LEVEL)).decode()
        finite = np.abs(flat[np.isfinite(flat)])
        size = float(np.quantile(finite, 0.98)) if finite.size else 0.0
        return cls(f"{flat.dtype.kind}{flat.itemsize}", text, size)


@dataclass(frozen=True)
class Stores:
    """The tensors of one sequence of a run, as far as they are in the page."""

    views: Mapping[str, View]
    stores: Mapping[str, Store]
    left_out: tuple[str, ...]
    """Tensors that are too large for the page."""

    @property
    def nbytes(self) -> int:
        """The bytes of all texts."""
        return sum(len(store.text) for store in self.stores.values())


def stores_of(trace: Trace, sequence: int, most_bytes: int) -> Stores:
    """Return the tensors that fit, the largest left out first; what is left out is not computed, if that is known.

    Args:
        trace: the run.
        sequence: the one of the B that is taken.
        most_bytes: the most bytes of their texts.
    """
    views = dict(views_of(trace))
    roots = dict.fromkeys(view.store for view in views.values())
    nodes = architecture(trace.config).nodes
    sizes = {name: _expected(nodes[name], views[name].shape) for name in roots}
    gone = _largest(nodes, sizes, most_bytes)
    stores: dict[str, Store] = {}
    for name in sizes:
        if name in gone:
            continue
        flat = _flat(trace, views[name], sequence)
        stores[name] = Store.of(flat)
        for other, view in [*views.items()]:
            # an edit may have changed one of two tensors that are the same in other runs
            if view.store == name != other and not _holds(flat, view, numbers(trace, other, sequence)):
                views[other] = View(other, 0, view.shape, _contiguous(view.shape))
                stores[other] = Store.of(_flat(trace, views[other], sequence))
    gone |= _largest(nodes, {name: float(len(store.text)) for name, store in stores.items()}, most_bytes)
    kept = {name: view for name, view in views.items() if view.store not in gone}
    left = {name: store for name, store in stores.items() if name not in gone}
    return Stores(kept, left, tuple(name for name in views if name not in kept))


def expected_bytes(config: GPTConfig, T: int, most_bytes: int) -> float:
    """Return the bytes, about, of all texts of a run that keeps every tensor; known without the run.

    Args:
        config: the model's sizes.
        T: tokens of the run.
        most_bytes: the most bytes of the texts; the largest tensors are left out.

    >>> expected_bytes(GPTConfig.preset("gpt2"), 3, 15_000_000) < 5e6
    True
    """
    arch = architecture(config)
    sizes = arch.sizes(T=T)
    own = [node for node in arch.nodes if not isinstance(node.op, VIEWS)]
    found = {node.id: _expected(node, tuple(sizes[axis] for axis in node.axes if axis != "B")) for node in own}
    gone = _largest(arch.nodes, found, most_bytes)
    return sum(size for name, size in found.items() if name not in gone)


def views_of(trace: Trace) -> Mapping[str, View]:
    """Return where each tensor of the trace lies: copies, cuts and transposed ones in what they are made from.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> run = capture(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=2, n_embd=4)).eval(), [3, 1, 4])
    >>> views_of(run)["transformer.h.0.attn.v"]
    View(store='transformer.h.0.attn.c_attn', offset=8, shape=(2, 3, 2), strides=(2, 12, 1))
    """
    nodes, shapes = architecture(trace.config).nodes, trace.shapes()

    @cache
    def view_of(name: str) -> View:
        axes, shape = shapes[name]
        shape = shape[1:] if axes[0] == "B" else shape
        own = View(name, 0, shape, _by_head(shape) if axes[1:] == ("H", "T", "D") else _contiguous(shape))
        node = nodes[name]
        if not node.operands or node.operands[0] not in shapes:
            return own
        match node.op:
            case Same():
                return view_of(node.operands[0])
            case SplitHeads(third):
                made = view_of(node.operands[0])
                (H, _, D), width = shape, made.strides[0]
                return View(made.store, made.offset + third * H * D, shape, (D, width, 1))
            case Transpose():
                made = view_of(node.operands[0])
                return View(made.store, made.offset, shape, (*made.strides[:-2], *made.strides[:-3:-1]))
            case Concat():
                made = view_of(node.operands[0])
                if made.strides == _by_head(made.shape):
                    return View(made.store, made.offset, shape, _contiguous(shape))
        return own

    return {name: view_of(name) for name in shapes}


def numbers(trace: Trace, name: str, sequence: int) -> Array:
    """Return a tensor of one sequence, without B, in float32, float64 or int32, which hold its very numbers."""
    found: Tensor = trace[name]
    found = found[sequence] if architecture(trace.config).nodes[name].axes[0] == "B" else found
    if found.dtype == torch.int64:
        found = found.int()
    elif found.dtype != torch.float64:
        found = found.float()
    return found.cpu().numpy()


def general(name: str) -> str:
    """Return the name that a tensor shares with those of other layers.

    >>> general("transformer.h.3.attn.z")
    'transformer.h.{i}.attn.z'
    """
    return re.sub(r"\.h\.\d+", ".h.{i}", name)


def _expected(node: Node, shape: Shape) -> float:
    """Return the bytes that a tensor's text has, about."""
    return EXPANSION * 4 * math.prod(shape) / (2 if node.role in HALF else 1)


def _largest(nodes: Named[Node], sizes: Mapping[str, float], most: float) -> set[str]:
    """Return what must go so that the rest is not larger: the largest first; of equals a pattern last."""
    total = sum(sizes.values())
    gone: set[str] = set()

    def rank(name: str) -> tuple[float, bool, int]:
        node = nodes[name]
        return -sizes[name], node.role == "pattern", -(node.layer or 0)

    for name in sorted(sizes, key=rank):
        if total <= most:
            break
        total -= sizes[name]
        gone.add(name)
    return gone


def _contiguous(shape: Shape) -> Shape:
    return tuple(math.prod(shape[place + 1 :]) for place in range(len(shape)))


def _by_head(shape: Shape) -> Shape:
    """Return the strides of (H, T, D) whose heads lie side by side."""
    H, _, D = shape
    return D, H * D, 1


def _flat(trace: Trace, view: View, sequence: int) -> Array:
    """Return a stored tensor's numbers in the order of its strides."""
    found = numbers(trace, view.store, sequence)
    order = sorted(range(found.ndim), key=lambda axis: -view.strides[axis])
    return np.ascontiguousarray(found.transpose(order)).reshape(-1)


def _holds(flat: Array, view: View, wanted: Array) -> bool:
    """Tell if a store has the very bits of a tensor where its view says."""
    if flat.dtype != wanted.dtype:
        return False
    steps = [stride * flat.itemsize for stride in view.strides]
    there = np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, steps)
    return there.tobytes() == wanted.tobytes()
