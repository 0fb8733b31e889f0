"""Changes of the run on the screen as values, and as a short text that a link can carry. No Streamlit.

`2.attn.z_zero_h1 0.mlp_zero_off` is head 1 of block 2 switched off, and the MLP of block 0, which is not on at present.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gptcore import Architecture, Edit
from gptcore.graph.node import Node, Role

MOST: Final = 64
"""Changes of one screen at most."""
LARGEST: Final = 2.0
"""Largest factor of a scale."""
BLOCKS: Final = "transformer.h."
"""Start of the names of all that lies in a block; a text leaves it out."""
WHOLE: Final[tuple[Role, ...]] = ("attention", "mlp")
"""Tensors that are switched off as a whole."""
LETTERS: Final = {"h": "head", "p": "position", "k": "key"}
KINDS: Final = (
    "a change switches a head (attn.z), an attention (attn) or an MLP (mlp) off, scales it by 0 to 2, "
    "or cuts an edge (attn.masked, set to -inf)"
)


@dataclass(frozen=True)
class Change:
    """A change of the run."""

    edit: Edit
    on: bool = True
    """False while it waits in the list."""

    @property
    def key(self) -> str:
        """The part of the run that it changes: each has one change at most."""
        return "_".join([self.edit.name.removeprefix(BLOCKS), *_selectors(self.edit)])

    @property
    def text(self) -> str:
        """The change as a link carries it.

        >>> Change(Edit("transformer.h.1.attn.masked", "set", -math.inf, head=0, position=7, key=3)).text
        '1.attn.masked_set-inf_h0_p7_k3'
        """
        edit = self.edit
        how = edit.how if edit.value is None else f"{edit.how}{edit.value:g}"
        name, *chosen = self.key.split("_")
        return "_".join([name, how, *chosen, *([] if self.on else ["off"])])


def _selectors(edit: Edit) -> list[str]:
    return [f"{letter}{getattr(edit, name)}" for letter, name in LETTERS.items() if getattr(edit, name) is not None]


def to_text(changes: Sequence[Change]) -> str:
    """Return changes as a text without any character that a link would have to quote, but for the spaces between."""
    return " ".join(change.text for change in changes)


def of_text(text: str) -> tuple[Change, ...]:
    """Return the changes that `to_text` has written. Whether a model has such tensors only the model can tell.

    Raises:
        ValueError: the text holds something else.

    >>> of_text("2.attn.z_zero_h1 0.mlp_zero_off")[1]
    Change(edit=Edit('transformer.h.0.mlp', 'zero'), on=False)
    """
    parts = text.split(" ") if text else []
    if len(parts) > MOST:
        raise ValueError(f"a screen has {MOST} changes at most, got {len(parts)}; leave some out")
    changes = tuple(_of_part(part) for part in parts)
    twice = [key for key, count in Counter(change.key for change in changes).items() if count > 1]
    if twice:
        raise ValueError(f"each part of a run has one change at most, got two of {twice[0][:60]!r}; leave one out")
    return changes


PART: Final = re.compile(
    r"(?P<name>[A-Za-z0-9.]{1,100})_(?P<how>zero|scale|set)(?P<value>-inf|[0-9.]{1,12})?"
    r"(_h(?P<head>\d{1,6}))?(_p(?P<position>\d{1,6}))?(_k(?P<key>\d{1,6}))?(?P<off>_off)?",
    re.ASCII,
)


def _of_part(part: str) -> Change:
    found = PART.fullmatch(part)
    if found is None:
        raise ValueError(f"a change is written like 2.attn.z_zero_h1, got {part[:60]!r}; take the link as it was given")
    name = f"{BLOCKS}{found['name']}" if found["name"][0].isdigit() else found["name"]
    chosen: dict[str, Any] = {which: int(found[which]) for which in LETTERS.values() if found[which] is not None}
    how: Any = found["how"]
    try:
        value = None if found["value"] is None else float(found["value"])
        edit = Edit(name, how, value, **chosen)
    except (TypeError, ValueError):
        wanted = "zero takes no number; scale and set take one"
        raise ValueError(f"{wanted}, got {part[:60]!r}; take the link as it was given") from None
    return Change(edit, not found["off"])


def check(changes: Sequence[Change], arch: Architecture) -> None:
    """Refuse what the model does not have, and what would leave a token nothing to read.

    Raises:
        ValueError: what was wanted, what came, what to do.
    """
    if len(changes) > MOST:
        raise ValueError(f"a screen has {MOST} changes at most; take one away before")
    for change in changes:
        _check(change.edit, arch)
    cut = Counter(
        (edit.name, edit.head, edit.position)
        for edit in (change.edit for change in changes if change.on)
        if edit.how == "set" and isinstance(edit.head, int) and isinstance(edit.position, int)
    )
    for (_, _, position), count in cut.items():
        if count > position:  # type: ignore[operator]
            raise ValueError(f"the token at position {position} would read nothing at all; leave it one edge")


def _check(edit: Edit, arch: Architecture) -> None:
    config = arch.config
    if edit.name not in arch.nodes.names():
        raise ValueError(f"this model has no tensor {edit.name[:60]!r}; {KINDS}")
    node = arch.nodes[edit.name]
    chosen = {which for which in (*LETTERS.values(), "channel") if getattr(edit, which) is not None}
    wanted = _wanted(node, edit)
    if wanted is None or chosen != wanted or not all(type(getattr(edit, which)) is int for which in chosen):
        raise ValueError(f"{KINDS}; got {Change(edit).text[:80]}")
    if edit.how == "scale" and not (type(edit.value) is float and 0 <= edit.value <= LARGEST):
        raise ValueError(f"a factor is a number from 0 to {LARGEST:g}, got {edit.value:g}; choose another")
    if "head" in chosen and not 0 <= edit.head < config.n_head:  # type: ignore[operator]
        raise ValueError(f"this model has heads 0 to {config.n_head - 1}, got {edit.head}; choose one of them")
    if "key" in chosen and not 0 <= edit.key <= edit.position < config.block_size:  # type: ignore[operator]
        raise ValueError(
            f"an edge goes from a token to itself or one before it, at positions below {config.block_size}; got "
            f"{edit.position} to {edit.key}: choose a cell on or below the diagonal"
        )


def _wanted(node: Node, edit: Edit) -> set[str] | None:
    """Return the selectors that a change of this tensor has; None if there is none of this kind."""
    if edit.how in ("zero", "scale"):
        return {"head"} if node.role == "weighted values" else set() if node.role in WHOLE else None
    cut = node.role == "masked scores" and edit.value == -math.inf
    return {"head", "position", "key"} if cut else None


def fits(edit: Edit, T: int) -> bool:
    """Tell whether a run of T tokens has what the edit changes: an edge of a token that is not there yet waits."""
    return not isinstance(edit.position, int) or edit.position < T


def switching_off(arch: Architecture, node: Node, head: int) -> Edit | None:
    """Return the edit that switches off what a node is a part of: its head, its attention, its MLP; None of others."""
    if node.layer is None:
        return None
    if "H" in node.axes:
        return Edit(arch.named("weighted values", node.layer), "zero", head=head)
    for role in WHOLE:
        name = arch.named(role, node.layer)
        if node.id == name or node.id.startswith(f"{name}."):
            return Edit(name, "zero")
    return None


def cutting(arch: Architecture, node: Node, head: int, query: int, key: int) -> Edit | None:
    """Return the edit that keeps a head's query from reading a key; None where the node has no such cells."""
    if node.layer is None or node.axes[-2:] != ("T", "T"):
        return None
    name = arch.named("masked scores", node.layer)
    return Edit(name, "set", -math.inf, head=head, position=query, key=key)


def words(edit: Edit, arch: Architecture) -> str:
    """Return a phrase for an edit, such as "head 2.1 off"."""
    node = arch.nodes[edit.name]
    if edit.how == "set":
        return f"head {node.layer}.{edit.head}: edge {edit.position} → {edit.key} cut"
    what = {"attention": f"attention {node.layer}", "mlp": f"MLP {node.layer}"}.get(
        str(node.role), f"head {node.layer}.{edit.head}"
    )
    return f"{what} off" if edit.how == "zero" else f"{what} × {edit.value:g}"
