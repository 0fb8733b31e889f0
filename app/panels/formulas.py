"""Formulas as pictures: LaTeX to SVG, drawn once. No Streamlit.

The SVG holds its letters as shapes, so that it looks the same in every browser, whatever fonts there are. An equation
with many numbers is drawn in pieces, which go on in the next line where there is no room.
"""

from __future__ import annotations

import re
from functools import lru_cache

NEGATIVE = re.compile(r"(?:^|(?<=[({])|(?<== ))-(?=\d|\\infty)")
"""The sign of a negative number; a minus between two terms has a space at both sides, this one has none."""
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


def pieces(latex: str) -> list[str]:
    """Split an equation before each of its equals signs, pluses and remarks, but in no fraction and in no brackets.

    >>> pieces(r"z = 0.5 \\cdot (-2) + (1 + 1) \\cdot 3 = \\frac{a + b}{2} \\quad (x = 1)")
    ['z', '= 0.5 \\\\cdot (-2)', '+ (1 + 1) \\\\cdot 3', '= \\\\frac{a + b}{2}', '(x = 1)']
    """
    found, start, depth = [], 0, 0
    for each in re.finditer(r"\\[{}]|[{(]|[})]| (?=[=+] )| \\quad ", latex):
        if each[0] in ("{", "("):
            depth += 1
        elif each[0] in ("}", ")"):
            depth -= 1
        elif each[0].startswith(" ") and depth == 0:
            found.append(latex[start : each.start()])
            start = each.end()
    return [*found, latex[start:]]


def equation_svgs(latex: str) -> list[str]:
    """Return the pieces of an equation, each as SVG text whose y = 0 is the line that they stand on.

    >>> [svg[:4] for svg in equation_svgs("x = 2")]
    ['<svg', '<svg']
    """
    signed = NEGATIVE.sub("{-}", latex)
    return [formula_svg(f"{{}} {piece}" if piece[:1] in "=+" else piece) for piece in pieces(signed)]
