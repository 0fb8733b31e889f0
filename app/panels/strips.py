"""Tensors as strips of the map: one column a token, a few rows of pooled channels. This file knows no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from app.components.matrix.heatmap import encode, pool
from app.panels.growing import PIECE, common
from gptcore import Architecture, Trace, architecture
from gptcore.graph.node import INSIDE, MLP, Role

ROWS: Final = 16
"""Largest number of a strip's rows: each stands for a block of channels."""
COLUMNS: Final = 256
"""Largest number of a strip's columns: beyond, each stands for a block of tokens."""
LIKELY: Final = 16
"""Rows of the logits: the most likely next tokens of the position that is followed."""
Kind = Literal["embedding", "position", "norm", "residual", "mlp", "logits"]
Scales = Mapping[Kind, tuple[float, float]]
"""The values of both ends of each kind's colours."""
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """A line of the map."""

    id: str
    """The node that it stands for, and selects."""
    tensor: str
    """The tensor that it draws."""
    label: str
    kind: Kind | None
    """The kind of its scale; None for a pattern, which is drawn as arcs."""
    inside: bool = False
    """True within the opened block."""
    says: bool = False
    """True where the residual stream can be asked what it would say."""
    block: int | None = None
    """The block that the line opens, or of the opened one the block that its first line names."""

    @property
    def pooled(self) -> bool:
        """True where its channels are pooled to pixels."""
        return self.kind is not None and self.kind != "logits"


@lru_cache(maxsize=64)
def lines(arch: Architecture, opened: int) -> tuple[Line, ...]:
    """Return the lines of the map from the embedding to the logits, with one block opened in its place."""
    token, position, start = (arch.named(role) for role in ("token embedding", "position embedding", "embedding"))
    final, logits = arch.named("final norm"), arch.named("logits")
    found = [
        Line(token, token, "embedding", "embedding"),
        Line(position, position, "position", "position"),
        Line(start, start, "residual", "residual", says=True),
    ]
    for layer in range(arch.config.n_layer):
        end = arch.named("residual", layer)
        if layer != opened:
            block = next(node.id for node in arch.nodes if node.layer == layer and node.output == end)
            found.append(Line(block, end, f"block {layer}", "residual", says=True, block=layer))
            continue
        norm = arch.nodes[arch.named("attention", layer)].inputs[0]
        middle, hidden = arch.named("residual between", layer), arch.named("mlp hidden", layer)
        found += [
            Line(norm, norm, "LN", "norm", inside=True, block=layer),
            Line(arch.named("pattern", layer), arch.named("pattern", layer), "attention", None, inside=True),
            Line(middle, middle, "+ attention", "residual", inside=True, says=True),
            Line(hidden, hidden, "MLP hidden", "mlp", inside=True),
            Line(end, end, "+ MLP", "residual", inside=True, says=True),
        ]
    found += [Line(final, final, "final LN", "norm"), Line(logits, logits, "logits", "logits", says=True)]
    return tuple(found)


def line_of(arch: Architecture, opened: int, tensor: str) -> str | None:
    """Return the id of the line that shows a tensor, or the step that it is a part of; None where no line does.

    >>> from gptcore import GPTConfig
    >>> arch = architecture(GPTConfig.preset("gpt2"))
    >>> line_of(arch, 2, "transformer.h.2.attn.q"), line_of(arch, 2, "transformer.h.3.mlp.c_fc")
    ('transformer.h.2.attn.pattern', 'transformer.h.3')
    """
    shown = lines(arch, opened)
    for line in shown:
        if tensor in (line.id, line.tensor):
            return line.id
    node = arch.nodes[tensor]
    if node.layer is None:
        return None
    if node.layer != opened:
        return next(line.id for line in shown if line.block == node.layer)
    if node.role == "residual in":  # it is what stands before the block
        return shown[next(i for i, line in enumerate(shown) if line.inside) - 1].id
    added: dict[Role | None, Role] = {"attention": "residual between", "mlp": "residual"}
    step: Role = "mlp hidden" if node.view in (INSIDE, MLP) else "pattern"
    return arch.named(added.get(node.role, step), opened)


def whole_pass(arch: Architecture) -> list[tuple[str, str]]:
    """Return (node, sentence) of the tensors that one forward pass goes through, each block opened as it is passed."""
    opened = [lines(arch, layer) for layer in range(arch.config.n_layer)]
    inside = [line for of_layer in opened for line in of_layer if line.inside]
    nodes = [arch.nodes[line.id] for line in (*opened[0][:3], *inside, *opened[0][-2:])]
    blocks = ["" if node.layer is None else f"block {node.layer}, " for node in nodes]
    return [(node.id, f"{block}{node.label}: {node.summary}") for node, block in zip(nodes, blocks, strict=True)]


def scales_of(trace: Trace) -> Scales:
    """Return a scale for each kind, by the run of a prompt: the size that 98 % of its pixels do not pass."""
    arch = architecture(trace.config)
    layers = range(trace.config.n_layer)
    of: dict[Kind, list[str]] = {
        "embedding": [arch.named("token embedding")],
        "position": [arch.named("position embedding")],
        "norm": [arch.named("final norm")],
        "residual": [arch.named("embedding"), *(arch.named("residual", layer) for layer in layers)],
        "mlp": [arch.named("mlp hidden", layer) for layer in layers],
    }
    drawn = update(None, trace, None, tuple(name for names in of.values() for name in names)).pooled
    sizes = {kind: size_of(np.concatenate([drawn[name].ravel() for name in names])) for kind, names in of.items()}
    sizes["logits"] = size_of(trace.rows(arch.named("logits"), trace.T - 1, trace.T).float().cpu().numpy())
    return {kind: (-size, size) for kind, size in sizes.items()}


def size_of(values: NDArray[np.floating[Any]]) -> float:
    """Return what 98 % of the sizes do not pass, with two digits: it is told to people."""
    known = np.abs(values[np.isfinite(values)])
    size = float(np.quantile(known, 0.98)) if known.size else 0.0
    return float(f"{size:.2g}") or 1.0


def made_by(arch: Architecture, name: str) -> str:
    """Return the tensor that a node hands on: of a container, the one that is made inside, in no other container."""
    node = arch.nodes[name]
    return made_by(arch, node.output) if node.output else name


@dataclass(frozen=True)
class Strips:
    """The pooled values of tensors: each pixel is the value farthest from 0 of a block of channels and tokens."""

    pooled: Mapping[str, Pixels]
    """(rows, columns) by the tensor's name."""
    block: int
    """Number of tokens in a column, a power of two."""
    trace: Trace
    weights: object
    head: int = 0
    """The head of tensors that have heads."""

    def value_at(self, name: str, row: int, column: int) -> tuple[int, int, float, int] | None:
        """Return (channel, position, value) of the cell that a pixel shows, and the number of cells that it stands for.

        None where there is no such pixel.
        """
        pixels = self.pooled.get(name)
        if pixels is None or not (0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]):
            return None
        start = column * self.block
        cells = _cells(self.trace, name, self.head, start, min(start + self.block, self.trace.T))
        down = _channels_in_a_row(cells.shape[0])
        part = cells[row * down : (row + 1) * down]
        channel, token = np.unravel_index(int(np.argmax(np.abs(part))), part.shape)
        return row * down + int(channel), start + int(token), float(part[channel, token]), part.size


def update(previous: Strips | None, trace: Trace, weights: object, names: tuple[str, ...], head: int = 0) -> Strips:
    """Return the strips of these tensors; only columns with new tokens are computed, where `previous` has the rest.

    Args:
        previous: strips that were drawn before, of whatever run.
        trace: the run.
        weights: what the run's weights belong to: strips of others are of no use.
        names: tensors with a vector for each token, or one for each token and head.
        head: the head of the latter.
    """
    block = 1
    while -(-trace.T // block) > COLUMNS:
        block *= 2
    keep = 0
    if previous is not None and (previous.weights, previous.block, previous.head) == (weights, block, head):
        keep = common(previous.trace, trace)
        keep = keep if keep == trace.T == previous.trace.T else keep // block * block
    pooled = {}
    for name in names:
        old = previous.pooled.get(name) if previous is not None and keep else None
        pooled[name] = _extended(old, trace, name, head, keep, block)
    return Strips(pooled, block, trace, weights, head)


def _extended(old: Pixels | None, trace: Trace, name: str, head: int, keep: int, block: int) -> Pixels:
    start = 0 if old is None else keep
    if old is not None and start >= trace.T:
        return old[:, : -(-trace.T // block)]
    parts = [] if old is None else [old[:, : start // block]]
    at_once = max(1, PIECE // (4 * trace.config.n_embd) // block) * block
    for at in range(start, trace.T, at_once):
        cells = _cells(trace, name, head, at, min(at + at_once, trace.T))
        parts.append(pool(cells, _channels_in_a_row(cells.shape[0]), block, "diverging"))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _cells(trace: Trace, name: str, head: int, start: int, stop: int) -> NDArray[np.floating[Any]]:
    """Return positions of a tensor as (channels, tokens), of one of its heads where it has heads."""
    axes, rows = architecture(trace.config).nodes[name].axes, trace.rows(name, start, stop)
    rows = rows[0] if axes[0] == "B" else rows
    rows = rows[head] if "H" in axes else rows
    return (rows if axes[-1] == "T" else rows.T).float().cpu().numpy()  # Kᵀ has its tokens last


def _channels_in_a_row(channels: int) -> int:
    return -(-channels // ROWS)


def encoded(drawn: Sequence[tuple[Pixels, tuple[float, float]]]) -> NDArray[np.uint8]:
    """Return the codes of the pixels of several strips with their scales, flat, one behind the other.

    They are those of a diverging heatmap; all at once, because a call costs more than the few pixels of a strip.
    """
    highs = np.concatenate([np.full((len(pixels), 1), scale[1], np.float32) for pixels, scale in drawn])
    return encode(np.concatenate([pixels for pixels, _ in drawn]) / highs, -1.0, 1.0, "diverging").ravel()


def logits_of(trace: Trace, tokens: list[int], unembedding: torch.Tensor) -> Pixels:
    """Return the logits of some tokens at every position, (tokens, T), without those of the whole vocabulary.

    Args:
        unembedding: the weight of the LM head, (V, C).
    """
    final = trace[architecture(trace.config).named("final norm")][0]  # (T, C)
    return (unembedding[tokens].to(final) @ final.T).float().cpu().numpy()  # type: ignore[no-any-return]
