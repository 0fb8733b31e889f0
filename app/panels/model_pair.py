"""Two sets of weights on one prompt: what of them can be compared, as grids. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.components import Grid, Mark, heatmap
from app.panels import tensor_slice
from app.panels.tensor_slice import Slice
from gptcore import Architecture, GPTConfig, Trace
from gptcore.analysis.token_loss import Lesson
from gptcore.graph.architecture import Node, architecture
from gptcore.graph.ops import Same
from gptcore.tokenizer import Tokenizer

SHOWN: Final = 8
"""Most likely tokens of each model that are told."""
COPIES: Final = ("k_t", "scores", "scaled", "concat")
"""Ends of the names of tensors that hold the cells of a neighbour: transposed, divided, unmasked or moved."""
NO_TOKEN: Final = "no single token of this vocabulary"
FEW: Final = 8
"""Columns of a map that needs no line of its own."""
SIZES: Final = ("n_layer", "n_head", "n_embd", "vocab_size", "block_size", "bias", "tie_weights")


def unlike(one: GPTConfig, other: GPTConfig) -> list[str]:
    """Return the sizes in which two models differ, as sentences' ends; [] where every tensor has its counterpart.

    >>> unlike(GPTConfig.preset("gpt2"), GPTConfig.preset("gpt2-medium"))[0]
    'n_layer is 12 here and 24 there'
    """
    pairs = ((name, getattr(one, name), getattr(other, name)) for name in SIZES)
    return [f"{name} is {mine} here and {yours} there" for name, mine, yours in pairs if mine != yours]


def drawn_tensors(arch: Architecture) -> list[Node]:
    """Return the tensors of the maps: all that a run computes, without copies."""

    def is_drawn(node: Node) -> bool:
        copy = isinstance(node.op, Same) or node.id.rpartition(".")[2] in COPIES
        return not copy and node.role not in ("tokens", "loss")

    return [node for node in arch.nodes if is_drawn(node)]


@dataclass(frozen=True)
class Map:
    """Differences as a grid, and whose they are."""

    grid: Grid
    names: tuple[tuple[str, ...], ...]
    """The tensor or weight of each cell, [row][column]."""

    def mark(self, chosen: str) -> Grid:
        """Return the grid with the cell of a tensor or weight marked."""
        marks: list[Mark] = [
            {"row": row, "col": col, "word": "chosen"}
            for row, names in enumerate(self.names)
            for col, name in enumerate(names)
            if name == chosen
        ]
        return {**self.grid, "marks": marks}


def tensor_maps(arch: Architecture, found: Mapping[str, float], code: str) -> list[Map]:
    """Return the differences of tensors as maps: those of the blocks, a row a block, and those of the whole model."""
    nodes = [node for node in drawn_tensors(arch) if node.id in found]
    return _maps([(node.layer, node.id) for node in nodes], found, "Tensors of this prompt", "tensors", code)


def weight_maps(found: Mapping[str, float], code: str) -> list[Map]:
    """Return the differences of weights as maps, as `tensor_maps`."""
    places = [(int(name.split(".")[2]) if name.startswith("transformer.h.") else None, name) for name in found]
    return _maps(places, found, "Weights", "weights", code)


def _maps(
    places: Sequence[tuple[int | None, str]], found: Mapping[str, float], title: str, kind: str, code: str
) -> list[Map]:
    rows: dict[int | None, list[str]] = {}
    for layer, name in places:
        rows.setdefault(layer, []).append(name)
    layers = sorted(layer for layer in rows if layer is not None)
    maps = []
    if layers:
        names = [rows[layer] for layer in layers]
        labels = [f"block {layer}" for layer in layers]
        maps.append(_map(f"{kind} of blocks", f"{title}, in the blocks", labels, names, layers[0], found, code))
    if None in rows:
        maps.append(
            _map(
                f"{kind} of model", f"{title.split()[0]} outside the blocks", ["model"], [rows[None]], None, found, code
            )
        )
    return maps


def _map(
    key: str,
    title: str,
    rows: list[str],
    names: Sequence[Sequence[str]],
    layer: int | None,
    found: Mapping[str, float],
    code: str,
) -> Map:
    cols = [_short(name, layer) for name in names[0]]
    grid: Grid = {
        "id": key,
        "title": title,
        "rows": rows,
        "cols": cols,
        "values": [[found[name] for name in row] for row in names],
        "hints": [[f"{name}: {found[name]:.4g}" for name in row] for row in names],
        "scale": "sequential",
        "wide": len(rows) > 1 or len(cols) > FEW,
        "code": code,
    }
    return Map(grid, tuple(tuple(row) for row in names))


def _short(name: str, layer: int | None) -> str:
    inside = name.removeprefix(f"transformer.h.{layer}." if layer is not None else "transformer.")
    return inside.removesuffix(".weight").replace(".bias", " bias").replace("masked", "scores")


def name_at(maps: Sequence[Map], at: object) -> str | None:
    """Return the tensor or weight of a cell of the maps that was clicked; None for what is none of them."""
    match at:
        case [str(key), int(row), int(col)] if min(row, col) >= 0:
            names = next((each.names for each in maps if each.grid["id"] == key), ())
            return names[row][col] if row < len(names) and col < len(names[row]) else None
    return None


# ---- one tensor of both ----------------------------------------------------------------------------------------------


def difference(one: Trace, other: Trace, name: str, head: int, position: int) -> Slice:
    """Return a tensor of the second run minus that of the first, as a matrix; of logits those of the same tokens."""
    first = tensor_slice.of_trace(one, name, head, position=position)
    if first.tokens:
        second = other[name][0][:, list(first.tokens)].T.float().cpu().numpy()  # (tokens, T)
    else:
        second = tensor_slice.of_trace(other, name, head, position=position).matrix
    return _subtracted(first, second)


def weight_difference(name: str, axes: Sequence[str], one: Tensor, other: Tensor) -> Slice:
    """Return a weight of the second model minus that of the first, as a matrix."""
    return _subtracted(tensor_slice.of_weight(name, axes, one), tensor_slice.of_weight(name, axes, other).matrix)


def _subtracted(first: Slice, second: NDArray[np.floating]) -> Slice:
    masked = np.isneginf(first.matrix) & np.isneginf(second)
    with np.errstate(invalid="ignore"):
        matrix = np.where(masked, -np.inf, second - first.matrix)
    return Slice(first.name, matrix, first.rows, first.cols, heatmap(matrix), first.tokens, first.place)


def difference_code(part: Slice, name: str, weight: bool) -> str:
    """Write Python that leaves the matrix of a difference in `found`, given `ckpt`, `other` and `runs` of both.

    Numbers that are masked in both runs are -inf in the matrix; their difference is not a number.
    """
    if weight:
        return f"found = other.model.get_parameter({name!r}) - ckpt.model.get_parameter({name!r})"
    before = ", ".join(str(each) for each in part.place if isinstance(each, int))
    if part.tokens:
        index = f"[{before}][:, {list(part.tokens)}].T"
    else:
        index = (f"[{before}]" if before else "") + (".T" if part.place[-2:] == ("col", "row") else "")
    return f"found = runs[1][{name!r}]{index} - runs[0][{name!r}]{index}"


def farthest_head(one: Trace, other: Trace, name: str) -> int:
    """Return the head of a tensor of heads whose difference is largest."""
    away = (other[name] - one[name]).double().nan_to_num().flatten(2).norm(dim=-1)[0]  # (H,); -inf - -inf is NaN
    return int(away.argmax())


# ---- what both say ---------------------------------------------------------------------------------------------------


def predictions(
    one: Trace, other: Trace, tokenizers: Sequence[Tokenizer], names: Sequence[str], at: int, code: str
) -> Grid:
    """Return the most likely next tokens of both models with their probabilities, a column a token.

    Args:
        one: the run of the first.
        other: that of the second; its vocabulary may be another one.
        tokenizers: of each model.
        names: what each model is called.
        at: the position after which they are read, counted from the end.
        code: Python that leaves both runs in `runs`.
    """
    shares = [_shares(run, at) for run in (one, other)]
    columns: dict[str, list[float]] = {}
    ids: dict[str, list[int | None]] = {}
    for mine, tokenizer in enumerate(tokenizers):
        for token in shares[mine].topk(min(SHOWN, shares[mine].numel())).indices.tolist():
            pair = [_same_token(tokenizer, token, each) for each in tokenizers]
            found = [math.nan if i is None else share[i].item() for share, i in zip(shares, pair, strict=True)]
            columns.setdefault(tokenizer.label(token), found)
            ids.setdefault(tokenizer.label(token), pair)
    told = sorted(columns, key=lambda text: -max(value for value in columns[text] if value == value))
    values = [[columns[text][i] for text in told] for i in range(len(names))]
    return {
        "id": "predictions",
        "title": "Next token",
        "rows": list(names),
        "cols": told,
        "values": values,
        "texts": [["–" if value != value else f"{100 * value:.1f} %" for value in row] for row in values],
        "hints": [[f"{100 * value:.4f} %" if value == value else NO_TOKEN for value in row] for row in values],
        "scale": "sequential",
        "wide": True,
        "code": f"{code}\n{_shares_code([[ids[text][i] for text in told] for i in range(len(names))], at)}",
    }


def _shares_code(tokens: Sequence[Sequence[int | None]], at: int) -> str:
    """Write Python that leaves the probabilities in `found`, [model][token]; NaN for a token that a model has not."""
    shares = f"[run.logits[0, {at}].double().softmax(-1) for run in runs]"
    value = "each[i].item()"
    if any(None in each for each in tokens):
        value = f"float('nan') if i is None else {value}"
    if tokens[0] == tokens[1]:
        return f"found = [[{value} for i in {list(tokens[0])}] for each in {shares}]"
    return f"found = [[{value} for i in ids] for each, ids in zip({shares}, {[*map(list, tokens)]})]"


def _same_token(mine: Tokenizer, token: int, other: Tokenizer) -> int | None:
    """Return the id under which another tokenizer has the text of a token; None where it is not one token there."""
    if mine is other:
        return token
    try:
        found = other.encode(mine.decode([token]))
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def _shares(run: Trace, at: int) -> Tensor:
    position = at % run.T
    logits = run.rows(architecture(run.config).named("logits"), position, position + 1)[0, 0]
    return torch.softmax(logits.double(), dim=-1).cpu()


def losses(one: Lesson, other: Lesson, tokens: Sequence[str], names: Sequence[str], code: str) -> list[Grid]:
    """Return the loss of each target of the prompt under both models; and the second minus the first.

    Args:
        one: the losses of the first.
        other: those of the second.
        tokens: the labels of the prompt.
        names: what each model is called.
        code: Python that leaves both losses in `found`.
    """
    rows = [[math.nan if guess.loss is None else guess.loss for guess in told.guesses[:-1]] for told in (one, other)]
    known = [value for row in rows for value in row if value == value]
    away = [second - first for first, second in zip(*rows, strict=True)]
    far = [abs(value) for value in away if value == value]
    both: Grid = {
        "id": "losses",
        "title": "Loss of each token, in nats",
        "note": f"mean {one.mean:.3f} and {other.mean:.3f}",
        "rows": list(names),
        "cols": list(tokens[1:]),
        "first": 1,
        "values": rows,
        "scale": "sequential",
        "high": max([1e-9, *known]),
        "wide": True,
        "code": code,
    }
    difference: Grid = {
        "id": "loss difference",
        "title": f"What {names[1]} loses more than {names[0]}, in nats",
        "note": "blue: it loses less",
        "rows": ["difference"],
        "cols": list(tokens[1:]),
        "first": 1,
        "values": [away],
        "high": max([1e-9, *far]),
        "wide": True,
        "code": f"{code}\nfound = [[second - first for first, second in zip(*found)]]",
    }
    return [both, difference]
