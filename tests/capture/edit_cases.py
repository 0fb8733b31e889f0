"""Changes for tests: each node with each `how` and each selector, and random ones; and how they become edits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

import gptcore
from gptcore import GPT, Trace
from tests.capture.reference_edits import AXES, AXES_IN_BLOCK, FIXED, Change, Selector, axes_of, axis_of, names

T = 9
IDS = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6, 53], [27, 18, 28, 18, 28, 45, 9, 0, 60]])
"""Two prompts without a common prefix."""
LONG = (16, 18, 0, 33, 9, 8, 49, 2, 5, 7, 7, 11, 12, 60, 1, 2, 3, 55, 4, 21, 30, 31, 8, 8, 42, 17, 6, 5, 5, 40, 39, 1)
"""A prompt of block_size tokens, of which patches take the first ones."""
SIZES = {"B": 1, "H": 4, "D": 8, "C": 32, "3C": 96, "4C": 128, "V": 61}
HOWS = ("zero", "set", "scale", "add", "patch")
NODES = [name for name in AXES if name not in FIXED] + [f"transformer.h.1.{rest}".rstrip(".") for rest in AXES_IN_BLOCK]
"""Every kind of node that can be edited; of the blocks the middle one."""


def other_prompt(length: int, B: int = 1) -> tuple[tuple[int, ...], ...]:
    """Return the prompt that a patch of this length comes from; the second row of a batch is turned around."""
    return (LONG[:length], LONG[length - 1 :: -1])[:B]


def edit_of(model: GPT, change: Change) -> gptcore.Edit:
    """Return the same change as gptcore takes it."""
    how: Any = change.how
    if how == "zero":
        return gptcore.Edit(change.name, how, **change.selectors)
    value: Any = change.value
    if isinstance(value, tuple):
        value = gptcore.capture(model, torch.tensor(value))
    return gptcore.Edit(change.name, how, value, **change.selectors)


def edited(model: GPT, ids: Tensor, changes: Sequence[Change], **options: Any) -> Trace:
    """Capture a run with these changes as edits."""
    return gptcore.capture(model, ids, edits=[edit_of(model, change) for change in changes], **options)


def number(how: str, name: str) -> float:
    """Return a value that moves what it touches; positive where minus infinities would become plus."""
    return 1.7 if how == "scale" and name.endswith(".masked") else {"set": 0.3, "scale": -1.7, "add": 0.6}[how]


def change(name: str, how: str, B: int = 1, **selectors: Selector) -> Change:
    """Return a change of this kind at this place, with a value that suits it."""
    value = None if how == "zero" else other_prompt(T, B) if how == "patch" else number(how, name)
    return Change(name, how, value, **selectors)


def lengths(name: str, T: int) -> dict[str, int]:
    """Return the selectors that a tensor has, each with the length of its axis."""
    axes = axes_of(name)
    there = [selector for selector, axis in (("head", "H"), ("position", "T")) if axis in axes]
    there.append("key" if axes.count("T") == 2 else "channel")
    return {selector: (SIZES | {"T": T})[axes[axis_of(name, selector)]] for selector in there}


def cases(name: str, B: int) -> Iterator[Change]:
    """Yield every `how` everywhere and at one place, and every selector as an int, a slice and a sequence."""
    there = lengths(name, T)
    last: dict[str, Selector] = {selector: length - 2 for selector, length in there.items()}
    mixed: dict[str, Selector] = {selector: [0, length - 1] for selector, length in there.items()}
    mixed["position"] = slice(2, -2)
    for how in HOWS:
        yield change(name, how, B)
        yield change(name, how, B, **last)
        yield change(name, how, B, **mixed)
    for selector, length in there.items():
        picks: list[Selector] = [length // 2, slice(1, None, 2), [2, 0], -1]
        for how, chosen in zip(("add", "scale", "set", "patch"), picks, strict=True):
            yield change(name, how, B, **{selector: chosen})


# ---- random ones ---------------------------------------------------------------------------------------------------


def selectors(length: int, least: int) -> st.SearchStrategy[Selector]:
    """Nothing, an int, a slice or a sequence, each with a place among the first `least` and, from the end, the last."""
    start = st.integers(0, least - 1)
    stop = st.none() | st.integers(least, length)
    several = st.lists(st.integers(0, least - 1), min_size=1, max_size=3, unique=True)
    slices = st.builds(slice, start, stop) | st.builds(slice, st.integers(-least, -1), st.none())
    return st.none() | st.integers(-least, least - 1) | slices | several


@st.composite
def changes(draw: st.DrawFn, n_layer: int = 3, T: int = T, least: int = T) -> Change:
    """Draw any change of a B = 1 run over T tokens that leaves all numbers finite but masked ones.

    Its ints lie inside a prompt of `least` tokens. Patches come from the first T tokens of `LONG`.
    """
    name = draw(st.sampled_from([name for name in names(n_layer) if name not in FIXED]))
    how = draw(st.sampled_from(HOWS))
    chosen = {}
    for selector, length in lengths(name, T).items():
        chosen[selector] = draw(selectors(length, least if selector in ("position", "key") else length))
    value: Any = None
    if how == "patch":
        value = other_prompt(T)
    elif how == "scale" and name.endswith(".masked"):
        value = draw(st.sampled_from([0.5, 1.5]))
    elif how != "zero":
        value = draw(st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.5]))
    return Change(name, how, value, **chosen)


def at_length(change: Change, T: int) -> Change:
    """Return the same change in a prompt of another length: a patch needs another run's first T tokens."""
    if change.how != "patch":
        return change
    return Change(change.name, change.how, other_prompt(T), **change.selectors)


CUT = -math.inf
"""The score, before the softmax, of an edge that is cut."""
