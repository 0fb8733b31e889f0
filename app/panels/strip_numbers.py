"""The number that a line of the map shows at a pixel, so that it can be explained. This file knows no Streamlit."""

from __future__ import annotations

from app.panels.strips import Line, Strips

Place = tuple[str, tuple[int, ...]]


def number_at(
    drawn: Strips, line: Line, row: int, position: int, arcs: tuple[int, int], likely: list[int]
) -> Place | None:
    """Return the (tensor, index) of the number at a line's pixel; None where the line has no such pixel.

    Of a pixel that stands for several numbers it is the one farthest from 0, which gives the pixel its colour; of the
    line of attention, the weight with which the followed position reads another.

    Args:
        drawn: the strips on the screen.
        line: the line.
        row: the row of the line's pixels, from the top.
        position: the position in the context, which stands for the column.
        arcs: the head whose arcs are drawn, and the position that they go out from.
        likely: ids of the tokens that the line of the logits shows, from the top.
    """
    head, followed = arcs
    if not 0 <= position < drawn.trace.T:
        return None
    if line.kind is None:
        return (line.tensor, (0, head, followed, position)) if position <= followed < drawn.trace.T else None
    if line.kind == "logits":
        return (line.tensor, (0, position, likely[row])) if 0 <= row < len(likely) else None
    cell = drawn.value_at(line.tensor, row, position // drawn.block)
    if cell is None:
        return None
    channel, token, _, _ = cell
    has_batch = len(drawn.trace.shapes()[line.tensor][1]) == 3
    return line.tensor, (0, token, channel) if has_batch else (token, channel)
