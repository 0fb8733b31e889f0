"""The way from a number to those that it is made from: which one of a slice to go to, and where it stands on the stage.

This file knows no Streamlit.
"""

from __future__ import annotations

import numpy as np

from gptcore import Architecture, Explanation
from gptcore.capture.explain import Operand
from gptcore.graph.ops import Linear, MatMul

Index = tuple[int, ...]


def next_cell(arch: Architecture, found: Explanation, operand: Operand) -> Index:
    """Return one place in an operand: that of the number itself where both have the same axes, else of its largest.

    Of a sum of products it is where the largest product stands.
    """
    axes = arch.nodes[operand.name].axes if operand.name in arch.nodes.names() else ()  # none of a weight
    starts = [part if isinstance(part, int) else part.start or 0 for part in operand.index]
    free = [place for place, part in enumerate(operand.index) if not isinstance(part, int)]
    values = operand.values.float().cpu().numpy()  # an axis for each of them
    products = isinstance(arch.nodes[found.name].op, Linear | MatMul) and values.ndim == 1
    if products:
        left, right = (each.values.float().cpu().numpy() for each in found.operands[:2])
        values = left * right
    elif axes == arch.nodes[found.name].axes:
        same = [found.index[place] - starts[place] for place in free]
        if all(0 <= at < size for at, size in zip(same, values.shape, strict=True)):
            return _at(starts, free, same)
    sizes = np.nan_to_num(np.abs(values), posinf=0.0)  # a masked score is no number to go to
    largest = np.unravel_index(int(sizes.argmax()), values.shape)
    return _at(starts, free, [int(offset) for offset in largest])


def _at(starts: list[int], free: list[int], offsets: list[int]) -> Index:
    found = list(starts)
    for place, offset in zip(free, offsets, strict=True):
        found[place] += offset
    return tuple(found)


def on_stage(arch: Architecture, name: str, index: Index) -> tuple[int | None, int, int]:
    """Return (head, row, column) of a place of a tensor or weight on the stage; the head is None where it has none.

    The row of a token's logit is the token itself: which row that is, depends on the position that is followed.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> arch = architecture(GPTConfig.preset("gpt2"))
    >>> on_stage(arch, "transformer.h.0.attn.pattern", (0, 2, 7, 5)), on_stage(arch, "transformer.h.0.ln_1", (0, 7, 5))
    ((2, 7, 5), (None, 5, 7))
    """
    if name not in arch.nodes.names():
        return None, *((0, index[0]) if len(index) == 1 else (index[0], index[1]))
    named = list(zip(arch.nodes[name].axes, index, strict=True))
    head = next((at for axis, at in named if axis == "H"), None)
    rest = [(axis, at) for axis, at in named if axis not in ("B", "H")]
    if len(rest) == 1:
        return head, 0, rest[0][1]
    (first, row), (second, col) = rest
    is_across = first == "T" and second != "T"  # drawn with a column a token
    return (head, col, row) if is_across else (head, row, col)
