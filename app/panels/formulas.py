"""Formulas as pictures: LaTeX to SVG, drawn once. No Streamlit.

The SVG holds its letters as shapes, so that it looks the same in every browser, whatever fonts there are.
"""

from __future__ import annotations

from functools import lru_cache

SIZE = 18
"""Pixels of a letter M's height."""


@lru_cache(maxsize=1024)
def formula_svg(latex: str) -> str:
    """Return the formula as SVG text, in the colour of the text around it.

    >>> formula_svg(r"\\mathbf{K}^\\top").startswith("<svg")
    True
    """
    from ziamath.zmath import Latex  # takes a moment, which the start of the app does not have

    return str(Latex(latex, size=SIZE, color="currentColor", inline=False).svg())
