"""The only place of colours: a colour per concept, in light and dark, and the ramps of the heatmaps.

This file knows no Streamlit and no tensor. A search found the colours: every two of them can be told apart with
protanopia, deuteranopia and tritanopia, and each has a contrast of at least 4.5 : 1 on its background. Components read
them as CSS custom properties (`css()`), figures as the constants below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pair:
    """One colour in both themes, as `#rrggbb`."""

    light: str
    dark: str


@dataclass(frozen=True)
class Ramp:
    """The stops of a colour scale at even distances, low to high, in both themes."""

    light: tuple[str, ...]
    dark: tuple[str, ...]


CONCEPTS: Final[dict[str, Pair]] = {
    "embedding": Pair("#483014", "#e08416"),
    "q": Pair("#073abb", "#6a93ff"),
    "k": Pair("#934b41", "#ffb58a"),
    "v": Pair("#0c7b6c", "#22ecb2"),
    "pattern": Pair("#9612ee", "#cb74bf"),
    "residual": Pair("#676c92", "#bce6f8"),
    "mlp": Pair("#6a6717", "#dde24c"),
    "norm": Pair("#163a42", "#1fbdfa"),
    "logits": Pair("#db031d", "#fb5585"),
}
"""Colours of the map's concepts, used by a node's class `concept-<name>`."""

BACKGROUND: Final = Pair("#ffffff", "#0e1117")
RAISED: Final = Pair("#f3f5f8", "#1b1f2a")
"""Background of raised parts. Both backgrounds are as in `.streamlit/config.toml`; the contrasts hold on both."""

TEXT: Final = Pair("#31333f", "#fafafa")
"""Streamlit's colour of text, for figures, which cannot use its CSS variables."""
LINE: Final = Pair("#e3e4e7", "#343740")

ACCENT: Final = Pair("#0b57d0", "#7cb0ff")
WARNING: Final = Pair("#8a4b00", "#ffc061")
ERROR: Final = Pair("#b3161f", "#ff8a8a")

SEQUENTIAL: Final = Ramp(
    light=("#f7f4fb", "#dcc6f0", "#b57be0", "#7d2fb4", "#3a0a5e"),
    dark=("#171320", "#45266b", "#8a4bb0", "#d391d6", "#fff1fb"),
)
"""Ramp from 0 to 1, for attention weights and probabilities. Lightness alone shows the order."""

DIVERGING: Final = Ramp(
    light=("#053f8f", "#5d9bdd", "#f7f7f7", "#f2a44b", "#8f4700"),
    dark=("#9fd0ff", "#2f78c9", "#14161c", "#c9721a", "#ffd39b"),
)
"""Ramp from negative over zero to positive: blue, the background, orange."""

MASKED: Final = Pair("#c9ccd4", "#3a3f4b")
NOT_A_NUMBER: Final = Pair("#e3a5a5", "#6b3a3f")


def _properties(dark: bool) -> str:
    def pick(pair: Pair) -> str:
        return pair.dark if dark else pair.light

    lines = [f"--gs-{name}: {pick(pair)};" for name, pair in CONCEPTS.items()]
    named = {
        "paper": BACKGROUND,
        "accent": ACCENT,
        "warning": WARNING,
        "error": ERROR,
        "masked": MASKED,
        "nan": NOT_A_NUMBER,
    }
    lines += [f"--gs-{name}: {pick(pair)};" for name, pair in named.items()]
    ends = DIVERGING.dark if dark else DIVERGING.light
    lines += [f"--gs-negative: {ends[1]};", f"--gs-positive: {ends[3]};"]
    for name, ramp in {"sequential": SEQUENTIAL, "diverging": DIVERGING}.items():
        stops = ramp.dark if dark else ramp.light
        lines.append(f"--gs-{name}: {', '.join(stops)};")
    return "\n".join(f"  {line}" for line in lines)


def css() -> str:
    """Return the custom properties of both themes for `.gs`, the root class of every component.

    >>> "--gs-q: #073abb;" in css()
    True
    """
    return f'.gs {{\n{_properties(dark=False)}\n}}\n.gs[data-theme="dark"] {{\n{_properties(dark=True)}\n}}\n'
