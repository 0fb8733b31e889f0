"""The look of the map and the stage: choices that change no number. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, get_args

Form = Literal["tensors", "diagram"]
Scale = Literal["weight", "row", "value"]
Plot = Literal["grid", "links", "heads"]
Width = Literal["column", "window"]
Drawer = Literal["closed", "code"]
Code = Literal["model", "teaching", "loss", "generation"]
Margin = Literal["says", "logit", "lead"]


@dataclass(frozen=True)
class Look:
    """The choices of one person; each field has a fixed set of words."""

    form: Form = "tensors"
    """The map as strips of tensors, or as a diagram."""
    scale: Scale = "weight"
    """Colours of a pattern: weights from 0 to 1, each row by its own largest, or weighted by the values' lengths."""
    plot: Plot = "grid"
    """The stage: cells, lines from queries to keys, or all heads."""
    width: Width = "column"
    """The stage in its column, or with the whole window."""
    drawer: Drawer = "closed"
    """The drawer below the stage."""
    code: Code = "model"
    """The tab of that drawer: the model's own file, the attention of lectures, the loss, how a text goes on."""
    margin: Margin = "says"
    """The margin of the map: what the model would say; what a part adds to a logit, or to its lead over another."""

    def choose(self, name: str, word: object) -> Look:
        """Return the look with one choice changed.

        Raises:
            ValueError: there is no such choice, or it has no such word.
        """
        words = CHOICES.get(name)
        if words is None:
            raise ValueError(f"there is no choice {name[:40]!r}; there are {', '.join(CHOICES)}")
        if word not in words:
            raise ValueError(f"{name} is one of {', '.join(words)}, got {str(word)[:40]!r}; choose one of them")
        changed: dict[str, Any] = {name: word}
        return replace(self, **changed)


CHOICES: Final[dict[str, tuple[str, ...]]] = {
    field.name: get_args(kind)
    for field, kind in zip(fields(Look), (Form, Scale, Plot, Width, Drawer, Code, Margin), strict=True)
}
"""The words of each choice, the usual one first."""

USUAL: Final = Look()
