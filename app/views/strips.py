"""The strips of the map, as the map's component takes them."""

from __future__ import annotations

from typing import Any

from app.components import MapLine
from app.panels import strips
from app.session import events
from app.session.explorer import Explorer
from app.state import reports


def strips_of(me: Explorer) -> dict[str, Any]:
    """Return the arguments of the map that its strips need."""
    drawn, place, position = me.strips(), me.location, me.position
    lines = strips.lines(me.arch, place.layer)
    scaled = [(drawn.pooled[line.tensor], me.scales[line.kind]) for line in lines if line.kind and line.pooled]
    likely = me.shown.likely(position, strips.LIKELY)
    logits_at = me.arch.named("logits")
    logits = strips.logits_of(me.shown.trace, likely, me.shown.trace.weight(logits_at))
    pattern = me.shown.trace.rows(me.arch.named("pattern", place.layer), position, position + 1)
    label = me.checkpoint.tokenizer.label
    asked = events.strip_cell(reports.last("map"))
    return {
        "lines": [_line(me, line, drawn, len(likely)) for line in lines],
        "pixels": strips.encoded(scaled),
        "logits": logits.ravel(),
        "likely": [label(token) for token in likely],
        "weights": pattern[0, place.head, 0].float().cpu().numpy(),
        "head": f"{place.layer}.{place.head}",
        "columns": -(-me.shown.trace.T // drawn.block),
        "block": drawn.block,
        "cell": _cell(me, lines, drawn, *asked) if asked else None,
    }


def _line(me: Explorer, line: strips.Line, drawn: strips.Strips, likely: int) -> MapLine:
    node = me.arch.nodes[line.id]
    low, high = me.scales[line.kind] if line.kind else (0.0, 1.0)
    rows = likely if line.kind == "logits" else drawn.pooled[line.tensor].shape[0] if line.kind else 0
    return {
        "id": line.id,
        "tensor": line.tensor,
        "label": line.label,
        "title": f"{node.label}: {node.summary}",
        "kind": line.kind,
        "concept": node.concept,
        "inside": line.inside,
        "says": line.says,
        "block": line.block,
        "rows": rows,
        "low": low,
        "high": high,
    }


def _cell(me: Explorer, lines: tuple[strips.Line, ...], drawn: strips.Strips, name: str, row: int, column: int) -> Any:
    """Return the answer to a pointer that rests on a pixel; None where the pixel is no longer there."""
    tensor = next((line.tensor for line in lines if line.id == name), None)
    found = drawn.value_at(tensor, row, column) if tensor else None
    if found is None:
        return None
    channel, position, value, count = found
    return {
        "id": name,
        "row": row,
        "column": column,
        "channel": channel,
        "position": position,
        "value": value,
        "of": count,
    }
