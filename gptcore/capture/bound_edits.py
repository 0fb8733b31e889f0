"""Edits of one run: checked against its sizes, applied to its rows, and compared with another run's.

No model is run here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptcore.capture import stored
from gptcore.capture.edits import SELECTORS, Edit, shown
from gptcore.config import GPTConfig
from gptcore.graph.near_names import near_names
from gptcore.graph.node import Node
from gptcore.graph.ops import CausalMask, CrossEntropy, Given, Rows, Same, Softmax


@dataclass(frozen=True)
class Bound:
    """An edit of a run of a certain length, checked against the tensor that it changes."""

    edit: Edit
    node: Node
    chosen: tuple[tuple[int, ...] | None, ...]
    """For each axis the places that are chosen, in the order given; None for all."""
    dropped: tuple[int, ...]
    """Axes that a single int chose, which a value need not have."""
    time_axis: int

    @property
    def positions(self) -> tuple[int, ...] | None:
        """The rows that are changed; None for all."""
        return self.chosen[self.time_axis]

    @property
    def first(self) -> int:
        """The first row that is changed."""
        return 0 if self.positions is None else min(self.positions)

    @property
    def opens_the_future(self) -> bool:
        """True where a row may come to depend on later positions, so that no row can be reused when others follow."""
        edit, key, op = self.edit, self.chosen[-1], self.node.op
        if self.node.axes[-2:] != ("T", "T") or not isinstance(op, CausalMask | Softmax | Same):
            return False  # before the mask, which hides what the edit changed there
        if key is not None and max(key) <= self.first:
            return False
        if not isinstance(op, CausalMask):  # weights, which are 0 where the future is hidden
            return edit.how not in ("zero", "scale")
        number = edit.value if isinstance(edit.value, float) else None
        harmless = {"set": number == -math.inf, "scale": number is not None and number > 0, "add": number is not None}
        return not harmless.get(edit.how, False)

    def apply(self, rows: Rows, tensor: Tensor, T: int) -> Tensor:
        """Return these rows of the tensor, changed; the tensor itself where nothing of them was chosen."""
        here = range(rows.start, rows.stop)
        taken = [i for i, p in enumerate(self.positions or ()) if p in here]
        if self.positions is not None and not taken:
            return tensor
        chosen = list(self.chosen)
        if self.positions is not None:
            chosen[self.time_axis] = tuple(self.positions[i] - rows.start for i in taken)
        index = _index(chosen, tensor)
        changed = tensor.clone()
        changed[index] = self._new(tensor[index], rows, index, taken, T)
        return changed

    def _new(self, old: Tensor, rows: Rows, index: tuple[Any, ...], taken: list[int], T: int) -> Tensor:
        edit = self.edit
        if edit.how == "zero":
            return torch.zeros_like(old)
        if edit.how == "patch":
            return edit.value.rows(edit.name, rows.start, rows.stop).to(old)[index]
        value = edit.value
        if isinstance(value, Tensor):
            value = self._value_rows(value.to(old), rows, taken, old.shape, T)
        if edit.how == "set":
            return torch.full_like(old, value) if isinstance(value, float) else value.expand_as(old)
        return old * value if edit.how == "scale" else old + value

    def _value_rows(self, value: Tensor, rows: Rows, taken: list[int], shape: torch.Size, T: int) -> Tensor:
        """Return the part of a value that belongs to these rows, with all axes of the tensor."""
        value = self.with_axes(value)
        if value.size(self.time_axis) == 1:
            return value
        if self.positions is None:
            return value.narrow(self.time_axis, rows.start, rows.stop - rows.start)
        return value.index_select(self.time_axis, torch.tensor(taken, device=value.device))

    def with_axes(self, value: Tensor) -> Tensor:
        """Return a value with one axis for each of the tensor's, as broadcasting would give it."""
        missing = len(self.node.axes) - len(self.dropped) - value.dim()
        if missing >= 0:  # as `tensor[index]` has it: without the axes that an int chose
            value = value.reshape((1,) * missing + tuple(value.shape))
            for axis in self.dropped:
                value = value.unsqueeze(axis)
            return value
        return value.reshape((1,) * (len(self.node.axes) - value.dim()) + tuple(value.shape))


def _index(chosen: Sequence[tuple[int, ...] | None], tensor: Tensor) -> tuple[Any, ...]:
    """Return an index of the chosen places on each axis, in every combination."""
    parts: list[Any] = [_as_slice(places) for places in chosen]
    lists = [axis for axis, part in enumerate(parts) if not isinstance(part, slice)]
    if len(lists) > 1:  # several lists would be taken pair by pair: give each an axis of its own
        for axis, places in enumerate(chosen):
            full = torch.tensor(range(tensor.size(axis)) if places is None else places, device=tensor.device)
            parts[axis] = full.view([-1 if axis == other else 1 for other in range(tensor.dim())])
    elif lists:
        parts[lists[0]] = torch.tensor(parts[lists[0]], device=tensor.device)
    return tuple(parts)


def _as_slice(places: tuple[int, ...] | None) -> slice | tuple[int, ...]:
    if places is None:
        return slice(None)
    together = all(b == a + 1 for a, b in itertools.pairwise(places))
    return slice(places[0], places[-1] + 1) if together else places


Edits = Mapping[str, tuple[Bound, ...]]
"""The edits of a run, by the tensor that each changes."""


def bound(edits: Iterable[Edit], config: GPTConfig, B: int, T: int, model: object) -> Edits:
    """Return the edits of a run over (B, T) ids, in the order given, by the tensors that they change.

    Raises:
        ValueError: an edit that cannot be applied; it says what was wanted and got.
    """
    found: dict[str, tuple[Bound, ...]] = {}
    for edit in (edits,) if isinstance(edits, Edit) else edits:
        if not isinstance(edit, Edit):
            raise ValueError(f"edits is a list of gptcore.Edit, got {shown(edit)}")
        found[edit.name] = (*found.get(edit.name, ()), _bound(edit, config, B, T, model))
    return found


def _bound(edit: Edit, config: GPTConfig, B: int, T: int, model: object) -> Bound:
    node = stored.nodes(config).get(edit.name)
    if node is None:
        near = near_names(edit.name, stored.nodes(config))
        hint = f"near it: {', '.join(near)}" if near else "gptcore.architecture(config).nodes lists all"
        raise ValueError(f"no tensor {edit.name!r} can be edited; {hint}")
    if isinstance(node.op, Given | CrossEntropy) or node.role == "probabilities":
        raise ValueError(
            f"{edit.name} cannot be edited: no tensor is computed from it by the model; edit "
            f"{'transformer.wte or transformer.embed' if isinstance(node.op, Given) else 'lm_head'}"
        )
    shape = _shape(config, node, B, T)
    axes = _axes_of(node)
    chosen: list[tuple[int, ...] | None] = [None] * len(shape)
    dropped = []
    for which in SELECTORS:
        part = getattr(edit, which)
        if part is None:
            continue
        if axes.get(which) is None:
            raise ValueError(
                f"{edit.name} has the axes ({', '.join(node.axes)}), so it takes no {which}; got {which}={part!r}"
            )
        chosen[axes[which]] = _places(edit.name, which, part, shape[axes[which]])
        if isinstance(part, int):
            dropped.append(axes[which])
    made = Bound(edit, node, tuple(chosen), tuple(sorted(dropped)), stored.time_axes(config)[edit.name])
    _check_value(made, shape, B, T, model)
    return made


def _shape(config: GPTConfig, node: Node, B: int, T: int) -> tuple[int, ...]:
    C = config.n_embd
    sizes = {"B": B, "T": T, "C": C, "3C": 3 * C, "4C": 4 * C, "H": config.n_head, "D": config.head_dim}
    return tuple((sizes | {"V": config.vocab_size})[axis] for axis in node.axes)


def _axes_of(node: Node) -> dict[str, int]:
    """Return the number of the axis that each selector chooses from."""
    times = [i for i, axis in enumerate(node.axes) if axis == "T"]
    found = dict(zip(("position", "key"), times, strict=False))
    if "H" in node.axes:
        found["head"] = node.axes.index("H")
    channels = [i for i, axis in enumerate(node.axes) if axis not in ("B", "T", "H")]
    if channels:
        found["channel"] = channels[-1]
    return found


def _places(name: str, which: str, part: int | slice | tuple[int, ...], size: int) -> tuple[int, ...]:
    if isinstance(part, slice):
        places = tuple(range(size)[part])
    else:
        asked = (part,) if isinstance(part, int) else part
        wrong = [place for place in asked if not -size <= place < size]
        if wrong:
            raise ValueError(
                f"{name} has {size} places for {which}, 0 to {size - 1}; got {wrong[0]}, take one of these"
            )
        places = tuple(place % size for place in asked)
    if not places:
        raise ValueError(f"{which}={part!r} chooses none of the {size} places of {name}; choose one at least")
    if len(set(places)) < len(places):
        raise ValueError(f"{which}={part!r} names a place of {name} twice; name each once")
    return places


def _check_value(made: Bound, shape: tuple[int, ...], B: int, T: int, model: object) -> None:
    edit = made.edit
    if edit.how == "patch":
        other = edit.value
        if other._model is not model:
            raise ValueError("a patch takes values from a trace of this very model, got one of another model")
        if (other.B, other.T) != (B, T):
            raise ValueError(
                f"a patch takes values from a trace of the same length, (B, T) = ({B}, {T}); got ({other.B}, "
                f"{other.T}): capture prompts of as many tokens"
            )
        if edit.name not in other:
            raise ValueError(
                f"the trace to patch from has no {edit.name}; capture it with names=None or with that name"
            )
    elif isinstance(edit.value, Tensor):
        part = [size if places is None else len(places) for size, places in zip(shape, made.chosen, strict=True)]
        try:
            torch.broadcast_shapes(made.with_axes(edit.value).shape, part)
            fits = all(a in (1, b) for a, b in zip(made.with_axes(edit.value).shape, part, strict=True))
        except (RuntimeError, ValueError):
            fits = False
        if not fits:
            wanted = tuple(size for axis, size in enumerate(part) if axis not in made.dropped)
            raise ValueError(
                f"the value of an edit of {edit.name} must broadcast to the chosen part, {wanted}; got "
                f"{tuple(edit.value.shape)}"
            )


def same_until(before: Edits, after: Edits, T: int) -> int:
    """Return how many of the first T rows the same edits change in the same way in two runs of different lengths."""
    for name, old in before.items():
        for one, other in zip(old, after[name], strict=True):
            if one.opens_the_future or other.opens_the_future:
                return 0
            T = min(T, _same_rows(one, other, T))
    return T


def _same_rows(one: Bound, other: Bound, T: int) -> int:
    for axis, (a, b) in enumerate(zip(one.chosen, other.chosen, strict=True)):
        if one.node.axes[axis] != "T" or a == b:
            continue
        assert a is not None and b is not None, "the same edit chooses on the same axes"
        spread = isinstance(one.edit.value, Tensor) and one.with_axes(one.edit.value).size(axis) > 1
        differing = {*a, *b} if spread else {*a} ^ {*b}
        T = min(T, *differing)
    return T


def first_difference(before: Edits, after: Edits) -> tuple[frozenset[str], int]:
    """Return the tensors that two runs of the same ids edit differently, and the first row that may differ."""
    names = frozenset(
        name
        for name in {*before, *after}
        if [one.edit for one in before.get(name, ())] != [one.edit for one in after.get(name, ())]
    )
    everything = [one for edits in (before, after) for group in edits.values() for one in group]
    if any(one.opens_the_future for one in everything):
        return names, 0
    return names, min((one.first for one in everything if one.node.id in names), default=0)
