"""`Edit`: a change of a run as a value: which tensor, how, and which part of it. It knows no model and no length.

An edit is part of a trace's identity, so a trace under one edit is never taken for a trace under another.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor

How = Literal["zero", "set", "scale", "add", "patch"]
Selector = int | slice | Sequence[int] | None
Value = float | Tensor | None
SELECTORS = ("head", "position", "key", "channel")
LONGEST = 60
"""Letters of a value that an error repeats."""


@dataclass(frozen=True, eq=False, repr=False)
class Edit:
    """One change of one tensor, as everything that is computed from it will see it.

    `zero` sets the chosen cells to 0, `set` to the value, `scale` multiplies them by it, `add` adds it, and `patch`
    takes them from another trace of the same model and length. The selectors choose cells: `head`, `position` (the
    first T axis: the query of a pattern), `key` (the second T axis) and `channel` (the last axis that is not T). Each
    is an int, a slice or a sequence of ints, negative ones counted from the end; without one, the whole axis is meant.

    Args:
        name: any tensor of the map but the token ids, the probabilities and the loss.
        how: see above.
        value: for `set`, `scale` and `add` a number, or a tensor that broadcasts to the chosen part as
            `tensor[index]` would give it; for `patch` a `Trace`; for `zero` nothing.

    Raises:
        ValueError: a `how` that is not known, a value that does not go with it, a selector that is none.

    >>> Edit("transformer.h.2.attn.z", "zero", head=1)
    Edit('transformer.h.2.attn.z', 'zero', head=1)
    >>> Edit("transformer.h.0.mlp", "halve")
    Traceback (most recent call last):
    ValueError: how is one of zero, set, scale, add, patch; got 'halve'
    """

    name: str
    how: How
    value: Any = None
    _: KW_ONLY
    head: Selector = None
    position: Selector = None
    key: Selector = None
    channel: Selector = None

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise ValueError(f"how is one of {', '.join(get_args(How))}; got {self.how!r}")
        object.__setattr__(self, "value", _checked_value(self.how, self.value))
        for which in SELECTORS:
            object.__setattr__(self, which, _plain(which, getattr(self, which)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Edit):
            return NotImplemented
        same = all(getattr(self, name) == getattr(other, name) for name in ("name", "how", *SELECTORS))
        return same and _same_value(self.value, other.value)

    def __hash__(self) -> int:
        chosen = tuple(
            (part.start, part.stop, part.step) if isinstance(part, slice) else part
            for part in (getattr(self, which) for which in SELECTORS)
        )
        value = tuple(self.value.shape) if isinstance(self.value, Tensor) else self.value
        return hash((self.name, self.how, value if value == value else "nan", chosen))

    def __repr__(self) -> str:
        return self.code("other")

    def code(self, other: str) -> str:
        """Write the edit as Python; a trace that it patches from goes by the name `other`."""
        parts = [repr(self.name), repr(self.how)]
        if self.value is not None:
            parts.append(_code(self.value) or other)
        chosen = ((which, getattr(self, which)) for which in SELECTORS)
        return f"Edit({', '.join([*parts, *(f'{which}={part!r}' for which, part in chosen if part is not None)])})"


def _checked_value(how: How, value: Any) -> Any:
    """Return the value as the edit keeps it: a tensor is copied, so that nobody can change it later."""
    if how == "zero":
        if value is not None:
            raise ValueError(f"'zero' takes no value, got {shown(value)}; use 'set' to set cells to a value")
        return None
    if how == "patch":
        if not (hasattr(value, "rows") and hasattr(value, "ids")):
            raise ValueError(f"'patch' takes a Trace as its value, got {shown(value)}; capture one, or use 'set'")
        return value
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, bool) or not isinstance(value, int | float):
        try:
            return torch.as_tensor(value).detach().clone()
        except (TypeError, ValueError, RuntimeError):
            wanted = f"{how!r} takes a number or a tensor as its value"
            raise ValueError(f"{wanted}, got {shown(value)}") from None
    return float(value)


def _plain(which: str, part: Any) -> Selector:
    """Return a selector as an int, a slice or a tuple of ints."""
    if part is None or isinstance(part, slice):
        return part
    if isinstance(part, Tensor) or hasattr(part, "tolist"):
        part = part.tolist()
    try:
        if isinstance(part, bool | str):
            raise TypeError
        if isinstance(part, Iterable):
            return tuple(operator.index(each) for each in part)
        return operator.index(part)
    except TypeError:
        raise ValueError(f"{which} is an int, a slice or a sequence of ints; got {shown(part)}") from None


def _same_value(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape and one.device == other.device
        return same and torch.equal(one, other)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (one != one and other != other)
    return one is other


def shown(value: object) -> str:
    """Return a value as an error repeats it, in one line that is not too long."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _code(value: Any) -> str:
    """Write a value as Python that gives it back; nothing for a trace, which nothing short can give back."""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    return f"torch.tensor({value.tolist()}, dtype={value.dtype})" if isinstance(value, Tensor) else ""
