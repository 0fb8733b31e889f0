"""A matrix as a small picture in the page itself: a PNG in a data URI. Arrays in, HTML out; it knows no model."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from gptcore.notebook.html_text import Html, element

NOT_FINITE = (227, 165, 165)
"""Colour of a cell that is no finite number."""


def pooled(values: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.float64]:
    """Return a matrix of at most so many rows and columns: of each block of cells the number farthest from 0.

    Every block is of the same size, but for those at the end.

    >>> pooled(np.array([[1.0, -3.0, 2.0]]), 1, 2)
    array([[-3.,  2.]])
    """
    found = np.asarray(values, np.float64)
    for axis, most in enumerate((rows, columns)):
        starts = np.arange(0, found.shape[axis], -(-found.shape[axis] // most))
        high, low = np.maximum.reduceat(found, starts, axis=axis), np.minimum.reduceat(found, starts, axis=axis)
        found = np.where(high >= -low, high, low)
    return found


def largest(values: NDArray[np.floating]) -> float:
    """Return the largest distance from 0 of all finite numbers; 0 where there are none."""
    return float(np.abs(values, where=np.isfinite(values), out=np.zeros(values.shape)).max(initial=0.0))


def picture(values: NDArray[np.floating], scale: float, title: str, side: int = 4) -> Html:
    """Return the picture of a matrix, a pixel a cell: 0 white, `scale` red, -`scale` blue, linearly between them.

    Args:
        values: (rows, columns).
        scale: the distance from 0 with the full colour; farther numbers have it too.
        title: a sentence for the tooltip, and for readers that draw no pictures.
        side: the width and height of a cell on the screen.
    """
    height, width = values.shape
    source = f"data:image/png;base64,{base64.b64encode(png(colours(values, scale))).decode()}"
    look = "image-rendering:pixelated;display:inline-block;margin:1px;border:1px solid #8884"
    return element("img", src=source, width=width * side, height=height * side, alt=title, title=title, style=look)


def colours(values: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
    """Return red, green and blue of each cell, (rows, columns, 3).

    >>> colours(np.array([[0.0, 1.0, -2.0]]), 2.0).tolist()
    [[[255, 255, 255], [255, 128, 128], [0, 0, 255]]]
    """
    finite = np.isfinite(values)
    part = np.clip(np.where(finite, values, 0) / (scale or 1), -1, 1)
    red, blue, green = 1 + np.minimum(part, 0), 1 - np.maximum(part, 0), 1 - np.abs(part)
    found = np.rint(255 * np.stack([red, green, blue], axis=-1)).astype(np.uint8)
    found[~finite] = NOT_FINITE
    return found


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (rows, columns, 3) as a PNG file. Source: https://www.w3.org/TR/png-3/."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)  # 0: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
