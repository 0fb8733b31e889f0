"""An explanation as a notebook shows it: the number, the equation, its operands, the code that makes it again."""

from __future__ import annotations

import numpy as np

from gptcore.capture.explain import Explanation, Operand
from gptcore.graph.ops import Index
from gptcore.notebook.html_text import Html, card, element, folded, joined, table
from gptcore.notebook.picture import largest, picture, pooled

NUMBERS = 8
"""Numbers of an operand that are told; of a longer one the first."""
COLUMNS = 128
"""Most columns of an operand's picture."""


def explanation_html(explanation: Explanation) -> str:
    """Return the explanation as static HTML. The equation is LaTeX, which Jupyter draws."""
    place = ", ".join(map(str, explanation.index))
    told = element("div", f"value {explanation.value!r}, recomputed {explanation.recomputed!r}")
    edits = [element("div", "edited by ", element("code", repr(edit)[:300])) for edit in explanation.edits]
    operands = table(["operand", "index", "values"], map(_operand, explanation.operands))
    code = folded(f"code · {explanation.source}", element("pre", explanation.code))
    formula = element("div", f"${explanation.formula}$")
    return card(f"{explanation.name}[{place}]", told, *edits, formula, operands, code)


def _operand(operand: Operand) -> tuple[Html, str, Html]:
    values = operand.values.detach().double().cpu().numpy().reshape(1, -1)
    numbers = ", ".join(f"{value:.6g}" for value in values[0, :NUMBERS])
    more = f", … ({values.size:,} numbers)" if values.size > NUMBERS else ""
    parts: list[str] = [numbers + more]
    if values.size > 1:
        columns = pooled(values, 1, COLUMNS)
        scale = largest(columns)
        title = f"{operand.name}[{written(operand.index)}], from {-scale:.4g} to {scale:.4g}"
        parts += [element("br"), picture(np.repeat(columns, 3, axis=0), scale, title)]
        if columns.size < values.size:
            block = -(-values.size // COLUMNS)
            parts += [element("div", f"a column is the number farthest from 0 of {block}")]
    return element("code", operand.name), f"[{written(operand.index)}]", joined(parts)


def written(index: Index) -> str:
    """Return an index as it stands between brackets.

    >>> written((0, 2, slice(None), slice(None, 3)))
    '0, 2, :, :3'
    """
    return ", ".join(_slice(place) if isinstance(place, slice) else str(place) for place in index)


def _slice(place: slice) -> str:
    first, last = ("" if end is None else str(end) for end in (place.start, place.stop))
    return f"{first}:{last}" + ("" if place.step is None else f":{place.step}")
