"""Strangers' texts in Streamlit's Markdown: the only way in which they reach a label, a table or a toast."""

from __future__ import annotations

import re

from gptcore.tokenizer.bounded import one_line

MOST = 300
"""Characters of a stranger's text on a label."""
JOINER = "\u2060"
"""A character without width: it parts what Streamlit would otherwise make something of, escaped or not."""
_MADE_ANYWAY = re.compile(r"(?<=:)(?=[\w/+-])|(?<=@)|(?<=www)(?=\.)|(?<=[<>=~-])(?=[<>=~-])", re.IGNORECASE)
"""Places in addresses (which become links), icons (`:material/home:`) and arrows (`->`): these are looked for in the
text after its escapes were read."""


def escaped(text: str) -> str:
    """Return a stranger's text as Markdown that reads as itself, in one line.

    >>> print(escaped("a_b.pt"))
    a\\_b\\.pt
    """
    line = one_line(" ".join(text[: 2 * MOST].split()), MOST)
    parted = _MADE_ANYWAY.sub(JOINER, line)
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in parted)
