"""`explain`: the origin of one number of a run. The op of its row says what it is made from, and how."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gptcore.capture import stored
from gptcore.capture.bound_edits import Bound
from gptcore.capture.edits import Edit
from gptcore.capture.trace import Trace
from gptcore.capture.values import NodeInputs, Values
from gptcore.graph.node import Node
from gptcore.graph.ops import Cell, Given, Index, Read, Rows
from gptcore.graph.ops.op import number
from gptcore.graph.source_lines import Source

NAMES = "abc"
"""Names of operands in the printed code."""


@dataclass(frozen=True, eq=False)
class Operand:
    """A slice that a number is made from."""

    name: str
    """The tensor's name in the map, or the weight's key in the state dict."""
    index: Index
    """The place of the slice in it: ints and slices."""
    values: Tensor = field(repr=False)
    """The slice itself, a copy."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One number of a run, and how it is made from others."""

    name: str
    index: Cell
    value: float
    """The number as the trace has it."""
    recomputed: float
    """The number computed from the operands alone, in float64."""
    operands: tuple[Operand, ...]
    """The slices that it is made from; none for a token id, which is given."""
    edits: tuple[Edit, ...]
    """The edits of the run that changed this very number, after it was made from its operands."""
    formula: str = field(repr=False)
    """The equation in LaTeX, with the numbers in it."""
    source: Source = field(repr=False)
    """The lines of `model.py` that make the tensor."""
    code: str = field(repr=False)
    """Python that, given `ckpt` and `ids`, leaves the number in `value` and prints it."""

    def _repr_html_(self) -> str:
        from gptcore.capture.explanation_html import explanation_html  # imported here: only notebooks ask for it

        return explanation_html(self)


def explain(trace: Trace, name: str, index: Sequence[int]) -> Explanation:
    """Return where one number of a trace comes from.

    Each operand is a slice of a tensor that can be explained itself, or of a weight: so any number can be followed
    from a logit down to an entry of an embedding.

    Args:
        trace: a run.
        name: any tensor of it.
        index: one int for each axis of the tensor; negative ones count from the end.

    Raises:
        KeyError: no such name in this trace.
        IndexError: an index that is not one cell of the tensor.
        ValueError: the trace was captured without what the number is made from.
        RuntimeError: the model's weights have changed since the run.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = explain(capture(model, [3, 1, 4]), "transformer.h.1.attn.scores", (0, 1, 2, 0))
    >>> [(operand.name, operand.index) for operand in found.operands]  # doctest: +NORMALIZE_WHITESPACE
    [('transformer.h.1.attn.q', (0, 1, 2, slice(None, None, None))),
     ('transformer.h.1.attn.k_t', (0, 1, slice(None, None, None), 0))]
    >>> abs(found.value - found.recomputed) < 1e-6
    True
    """
    if name not in trace:
        trace.rows(name, 0, 1)  # raises the KeyError that lists near names
    node = stored.nodes(trace.config)[name]
    cell = _cell(trace, name, index)
    missing = [operand for operand in node.operands if operand not in trace]
    if missing:
        raise ValueError(
            f"{name} is made from {', '.join(missing)}, which this trace was captured without; capture with names=None"
        )
    with trace._as_run():
        values = _Remembering(trace._model, trace._bound, trace.T, trace._at_hand, trace._check_weights)
        inputs = NodeInputs(values, node)
        value = _number(_slice(values, trace, name, cell))
        reads = node.op.reads(inputs, cell)
        operands = tuple(_operand(values, trace, node, read) for read in reads)
        slices = [operand.values for operand in operands]
        given = isinstance(node.op, Given)
        recomputed = value if given else node.op.value(slices, inputs, cell)
        touched = [edit for edit in trace._bound.get(name, ()) if _touches(edit, cell)]
        formula = number(value) if given else node.op.latex(slices, inputs, cell)
        if given:
            lines = [f'value = trace["{name}"][{_python(cell)}].item()']
        else:
            lines = [f"{a} = {_read(operand)}" for a, operand in zip(NAMES, operands, strict=False)]
            lines.append(f"value = {node.op.code(NAMES[: len(operands)], inputs, cell)}")
        captures = _Captures(trace)
        for edit in touched:
            changed = _changed(edit, recomputed, cell, trace.T)
            formula, line = _told(edit, formula, cell, trace.T, captures.name_of(edit.edit))
            lines.append(line)
            recomputed = changed
    symbol = _symbol(node, cell)
    return Explanation(
        name=name,
        index=cell,
        value=value,
        recomputed=recomputed,
        operands=operands,
        edits=tuple(edit.edit for edit in touched),
        formula=" = ".join([symbol, *([] if formula == number(value) else [formula]), number(value)]),
        source=node.source,
        code="\n".join(["import torch", "", "import gptcore", "", *captures.lines, *lines, "print(value)"]),
    )


class _Remembering(Values):
    """Values of which each range of rows is computed once: a row of logits costs milliseconds."""

    def pieces(self, name: str, rows: Rows) -> list[Tensor]:
        known: dict[tuple[str, Rows], list[Tensor]] = self.__dict__.setdefault("_known", {})
        key = (name, rows)
        if key not in known:
            known[key] = super().pieces(name, rows)
        return known[key]


def _cell(trace: Trace, name: str, index: Sequence[int]) -> Cell:
    axes, shape = trace.shapes()[name]
    wanted = f"{name} has the axes ({', '.join(axes)}) of {shape}: give one int for each"
    try:
        cell = tuple(operator.index(place) for place in index)
    except TypeError:
        raise IndexError(f"{wanted}; got {index!r}") from None
    if len(cell) != len(shape):
        raise IndexError(f"{wanted}; got {len(cell)} in {cell}")
    for axis, place, size in zip(axes, cell, shape, strict=True):
        if not -size <= place < size:
            raise IndexError(f"{wanted}; got {place} for {axis}, which goes from 0 to {size - 1}")
    return tuple(place % size for place, size in zip(cell, shape, strict=True))


def _slice(values: Values, trace: Trace, name: str, index: Index) -> Tensor:
    """Return a slice of a tensor, of which no more rows are computed than it needs."""
    axis = stored.time_axes(trace.config)[name]
    place = index[axis]
    if isinstance(place, slice):
        return values.joined(name, Rows(0, trace.T))[index].clone()
    local = (*index[:axis], 0, *index[axis + 1 :])
    return values.joined(name, Rows(place, place + 1))[local].clone()


def _number(cell: Tensor) -> float:
    return float(cell.item())


def _operand(values: Values, trace: Trace, node: Node, read: Read) -> Operand:
    if isinstance(read.source, str):
        weight = values.weight(node, read.source)
        assert weight is not None
        return Operand(f"{node.id}.{read.source}", read.index, weight.detach()[read.index].clone())
    name = values.operand(node, read.source)
    return Operand(name, read.index, _slice(values, trace, name, read.index))


# ---- edits of the number itself --------------------------------------------------------------------------------------


def _touches(edit: Bound, cell: Cell) -> bool:
    return all(places is None or place in places for places, place in zip(edit.chosen, cell, strict=True))


def _changed(edit: Bound, value: float, cell: Cell, T: int) -> float:
    """Return what the edit makes of a number in this cell."""
    rows = Rows(cell[edit.time_axis], cell[edit.time_axis] + 1)
    shape = [place + 1 for place in cell]
    for axis, places in enumerate(edit.chosen):
        shape[axis] = max([shape[axis], *(place + 1 for place in places or ())])
    if isinstance(edit.edit.value, Tensor) or edit.edit.how == "patch":
        shape = _full(edit, shape, T)
    shape[edit.time_axis] = 1
    local = (*cell[: edit.time_axis], 0, *cell[edit.time_axis + 1 :])
    row = torch.zeros(shape, dtype=torch.float64)
    row[local] = value
    return _number(edit.apply(rows, row, T)[local])


def _full(edit: Bound, shape: list[int], T: int) -> list[int]:
    """Return the shape of the edited tensor, as its value or the other trace has it."""
    if edit.edit.how == "patch":
        return list(edit.edit.value.shapes()[edit.edit.name][1])
    value = edit.with_axes(edit.edit.value)
    return [
        size if places is not None else max(size, given)
        for size, given, places in zip(shape, value.shape, edit.chosen, strict=True)
    ]


def _told(edit: Bound, formula: str, cell: Cell, T: int, other: str) -> tuple[str, str]:
    """Return the equation and a line of code with the edit in them; it may patch from the trace named `other`."""
    how = edit.edit.how
    if how == "scale":
        by = _changed(edit, 1.0, cell, T)
        return rf"\left({formula}\right) \cdot {number(by)}\;(\text{{edited}})", f"value *= {_literal(by)}"
    if how == "add":
        by = _changed(edit, 0.0, cell, T)
        return rf"{formula} + ({number(by)})\;(\text{{edited}})", f"value += {_literal(by)}"
    new = _changed(edit, 0.0, cell, T)
    made = f'{other}["{edit.edit.name}"][{_python(cell)}].item()' if how == "patch" else _literal(new)
    return rf"{number(new)}\;(\text{{edited; was }} {formula})", f"value = {made}"


# ---- how it is written -----------------------------------------------------------------------------------------------


def _literal(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _symbol(node: Node, cell: Cell) -> str:
    name = node.id.split(f"h.{node.layer}.")[-1] if node.layer is not None else node.id
    upper = rf"^{{({node.layer})}}" if node.layer is not None else ""
    return rf"\mathrm{{{name}}}{upper}_{{{', '.join(map(str, cell))}}}".replace("_", r"\_").replace(r"\_{", "_{")


def _python(index: Index) -> str:
    """Write an index as it stands between brackets."""
    return ", ".join(":" if isinstance(place, slice) else str(place) for place in index)


def _read(operand: Operand) -> str:
    weight = operand.name.rpartition(".")[2] in ("weight", "bias")
    holder = f'ckpt.model.get_parameter("{operand.name}")' if weight else f'trace["{operand.name}"]'
    return f"{holder}[{_python(operand.index)}]"


class _Captures:
    """The lines that capture a trace anew, and before it those that its edits patch from, each under a name."""

    def __init__(self, trace: Trace) -> None:
        self.names: dict[Trace, str] = {}
        self.lines = [*self._patched_from(trace), f"trace = {self._call(trace, 'ids')}"]

    def _patched_from(self, trace: Trace) -> list[str]:
        lines: list[str] = []
        for edit in trace.edits:
            if edit.how == "patch" and edit.value not in self.names:
                lines += self._patched_from(edit.value)
                name = self.names[edit.value] = f"other_{len(self.names) + 1}"
                lines.append(f"{name} = {self._call(edit.value, str(edit.value.ids.tolist()))}")
        return lines

    def _call(self, trace: Trace, ids: str) -> str:
        edits = ", ".join(f"gptcore.{edit.code(self.name_of(edit))}" for edit in trace.edits)
        return f"gptcore.capture(ckpt.model, {ids}{f', edits=[{edits}]' if edits else ''})"

    def name_of(self, edit: Edit) -> str:
        """Return the name of the trace that an edit patches from; empty for other edits."""
        return self.names[edit.value] if edit.how == "patch" else ""
