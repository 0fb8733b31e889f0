"""From the changes that are wished for to edits of one run. No run here but those of other texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.session.changes.change import Other, Wish, is_layer, is_pattern, is_row
from app.session.changes.references import References
from app.session.changes.rules import WHOLE
from app.stores.limits import Limits
from app.stores.speed import Cost
from gptcore import Edit, Trace, architecture
from gptcore.config import GPTConfig
from gptcore.graph.node import Role

OF_PATTERN: Final[tuple[Role, ...]] = ("masked scores", "scores", "pattern")
"""Tensors of a head that are changed for its pattern, which no other rule may take back."""


@dataclass(frozen=True)
class Made:
    """Changes of one run as edits."""

    here: tuple[Wish, ...]
    """The changes that this run has; the others wait, as it has no such token."""
    edits: tuple[Edit, ...]


def made_of(wishes: Sequence[Wish], T: int, references: References, kept: Trace | None = None) -> Made:
    """Return the edits that changes ask for.

    Args:
        wishes: the changes that are on.
        T: tokens that the model sees.
        references: where values of other texts come from, under the same weights.
        kept: the run without them, to keep every later pattern as it is there; None to let patterns follow.

    Raises:
        ValueError: another text that cannot be read.
    """
    here: list[Wish] = []
    edits: list[Edit] = []
    for wish in wishes:
        made = _edits(wish, T, references) if fits(wish, T) else []
        if made:
            here.append(wish)
            edits += made
    return Made(tuple(here), (*edits, *(_kept(edits, kept) if kept else ())))


def changed_names(wishes: Sequence[Wish], T: int, config: GPTConfig, keeps: bool) -> list[str]:
    """Return the tensors that changes set in a run of T tokens, without making any run: what they cost is known then.

    Args:
        wishes: the changes that are on.
        T: tokens that the model sees.
        config: the model's sizes.
        keeps: True to keep every later pattern.
    """
    names = [each.name for wish in wishes if fits(wish, T) for each in whole(wish, config)]
    if not names or not keeps:
        return names
    arch = architecture(config)
    patterns = [arch.named("pattern", layer) for layer in range(config.n_layer)]
    return [*names, *(pattern for pattern in patterns if any(pattern in arch.downstream(name) for name in names))]


def of_other_texts(wishes: Sequence[Wish], T: int, references: References, limits: Limits) -> Cost:
    """Return the cost of the runs of other texts that changes need in a run of T tokens, and that were not made yet.

    Raises:
        ValueError: another text that cannot be read.
        TooMuch: another text that is too long.
    """
    found = [each for wish in wishes if fits(wish, T) for each in whole(wish, references.checkpoint.config)]
    return sum((references.cost(each, limits) for each in found if isinstance(each, Other)), Cost())


def fits(wish: Wish, T: int) -> bool:
    """Tell whether a run of T tokens has what it changes: an edge of a token that is not there yet waits."""
    return not isinstance(wish.position, int) or wish.position < T


def overruled(wish: Wish, wishes: Sequence[Wish], references: References) -> bool:
    """Tell whether a row that is set leaves a change of the same row without any effect: it was drawn, or is another
    text's.

    A row is set behind its scores, and behind what was set before.

    Args:
        wish: the change.
        wishes: the changes of the run, in the order in which they are applied.
        references: where values of other texts come from.
    """
    if wish.key is None:
        return False
    attention, _, _ = wish.name.rpartition(".")
    later = wishes[wishes.index(wish) + 1 :] if is_row(wish) and wish in wishes else wishes
    for each in later:
        here = (each.name.rpartition(".")[0], each.head) == (attention, wish.head)
        if here and is_row(each) and not is_row(wish) and each.position == wish.position:
            return True
        taken = here and isinstance(each, Other) and is_pattern(each.name) and references.text(each).length
        if taken and wish.position < taken:  # type: ignore[operator]
            return True
    return False


def whole(wish: Wish, config: GPTConfig) -> list[Wish]:
    """Return the change of a layer as those of its attention and its MLP, any other one as it is."""
    if not is_layer(wish.name):
        return [wish]
    arch = architecture(config)
    return [replace(wish, name=arch.named(role, arch.nodes[wish.name].layer)) for role in WHOLE]


def _edits(wish: Wish, T: int, references: References) -> list[Edit]:
    found: list[Edit] = []
    for each in whole(wish, references.checkpoint.config):
        if isinstance(each, Edit):
            found.append(each)
            continue
        values = references.values(each, T)
        if values is None:
            return []
        found.append(_set(each, values))
    return found


def _set(wish: Other, values: object) -> Edit:
    """Return the edit that sets the part to values; positions that the other text does not have stay as they are."""
    if wish.position is not None:
        return Edit(wish.name, "set", values, head=wish.head, position=wish.position, channel=wish.channel)
    there = slice(0, len(values))  # type: ignore[arg-type]
    keys = there if is_pattern(wish.name) else None
    return Edit(wish.name, "set", values, head=wish.head, position=there, key=keys, channel=wish.channel)


def _kept(edits: Sequence[Edit], clean: Trace) -> list[Edit]:
    """Return the edits that keep every pattern behind the changes, but for the heads whose own pattern is changed.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (their ablation algorithm).
    """
    arch, heads = architecture(clean.config), range(clean.config.n_head)
    behind = frozenset[str]().union(*(arch.downstream(edit.name) for edit in edits))
    own = {(arch.nodes[e.name].layer, e.head) for e in edits if arch.nodes[e.name].role in OF_PATTERN}
    found = []
    for layer in range(clean.config.n_layer):
        name = arch.named("pattern", layer)
        free = [head for head in heads if (layer, head) not in own]
        if name in behind and free:
            found.append(Edit(name, "patch", clean, head=None if len(free) == len(heads) else free))
    return found
