"""Strangers' texts in Streamlit's Markdown."""

from __future__ import annotations


def escaped(text: str) -> str:
    """Return a stranger's text as Markdown that reads as itself.

    >>> print(escaped("a_b.pt"))
    a\\_b\\.pt
    """
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$:&" else c for c in text.replace("\n", " "))
