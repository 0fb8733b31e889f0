"""From a matrix to the data with which the browser draws it: all values, or a pixel for each block of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["sequential", "diverging"]

MAX_VALUES: Final = 16_384
"""Largest number of cells whose true values are sent (float32), so that the browser answers every hover."""

MAX_PIXELS: Final = (256, 320)
"""Largest numbers of rows and columns of pixels, for larger matrices."""

AT_ONCE: Final = 250_000
"""Number of cells that are computed at a time: a large matrix is not to be there several times."""

_MASKED, _NAN, _FIRST = 0, 1, 2  # codes of a pixel; _FIRST to 255 are the scale


@dataclass(frozen=True)
class Heatmap:
    """A matrix of `rows` x `cols` cells, drawn as `p_rows` x `p_cols` pixels. It has either `values` or `pixels`."""

    rows: int
    cols: int
    p_rows: int
    p_cols: int
    scale: Scale
    vmin: float
    vmax: float
    values: NDArray[np.float32] | None = None
    pixels: NDArray[np.uint8] | None = None

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of cells in one pixel."""
        return -(-self.rows // self.p_rows), -(-self.cols // self.p_cols)


def heatmap(
    matrix: NDArray[np.floating[Any]],
    *,
    scale: Scale = "diverging",
    vmin: float | None = None,
    vmax: float | None = None,
    by_row: bool = False,
) -> Heatmap:
    """Prepare a matrix for `matrix(heat=...)`.

    Args:
        matrix: (rows, cols), not empty. -inf means masked; NaN is shown as such.
        scale: sequential from `vmin` (0) to `vmax` (1); diverging is symmetric around 0 and fits the largest value.
        vmin: lower end of the scale; smaller values get its colour. A diverging one may reach less far than the upper.
        vmax: upper end of the scale; larger values get its colour.
        by_row: True to let the colours of each row end at its own largest value, as far as only pixels are sent; of
            values, the browser does it.

    A pixel shows its block's largest value (sequential) or the one farthest from 0 (diverging), NaN if there is any.

    >>> heat = heatmap(np.array([[0.5, -2.0], [1.0, float("-inf")]]))
    >>> heat.vmin, heat.vmax, heat.block
    (-2.0, 2.0, (1, 1))
    """
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"a heatmap needs a matrix (rows, cols) with at least one cell, got shape {matrix.shape}")
    low, high = _limits(matrix, scale, vmin, vmax)
    rows, cols = matrix.shape
    if matrix.size <= MAX_VALUES:
        flat = np.ascontiguousarray(matrix, dtype=np.float32).ravel()
        return Heatmap(rows, cols, rows, cols, scale, low, high, values=flat)
    down, across = -(-rows // MAX_PIXELS[0]), -(-cols // MAX_PIXELS[1])
    scaled = (_by_row(part) if by_row else part for part in few_rows(matrix, down))
    pooled = np.concatenate([pool(part, down, across, scale) for part in scaled])
    p_rows, p_cols = pooled.shape
    return Heatmap(rows, cols, p_rows, p_cols, scale, low, high, pixels=encode(pooled, low, high, scale).ravel())


def _limits(
    matrix: NDArray[np.floating[Any]], scale: Scale, vmin: float | None, vmax: float | None
) -> tuple[float, float]:
    if scale == "sequential":
        return (0.0 if vmin is None else float(vmin)), (1.0 if vmax is None else float(vmax))
    if vmax is None:
        vmax = max(map(_farthest, few_rows(matrix))) or 1.0
    return -float(vmax) if vmin is None else float(vmin), float(vmax)


def few_rows(matrix: NDArray[np.floating[Any]], together: int = 1) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield the rows of a matrix, so many at a time that what is computed of them takes little memory; views.

    Args:
        matrix: (rows, cols).
        together: rows that stay together: each part but the last has a multiple of them.

    >>> [len(part) for part in few_rows(np.zeros((5, AT_ONCE // 4)), together=2)]
    [4, 1]
    """
    count = max(1, AT_ONCE // matrix.shape[1] // together) * together
    for start in range(0, matrix.shape[0], count):
        yield matrix[start : start + count]


def _farthest(matrix: NDArray[np.floating[Any]]) -> float:
    """Return the largest size of the finite values; 0 where there is none."""
    high, low = float(matrix.max()), float(matrix.min())
    if not np.isfinite((high, low)).all():
        finite = matrix[np.isfinite(matrix)]
        high, low = (float(finite.max()), float(finite.min())) if finite.size else (0.0, 0.0)
    return max(abs(high), abs(low))


def _by_row(matrix: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Divide each row by its largest value."""
    top = matrix.max(axis=1, keepdims=True)
    return matrix / np.where(top > 0, top, 1)


def pool(matrix: NDArray[np.floating[Any]], down: int, across: int, scale: Scale) -> NDArray[np.floating[Any]]:
    """Return one cell for each block of `down` x `across` cells: its largest, or of "diverging" the farthest from 0."""

    def reduce(ufunc: np.ufunc, cells: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        tall = ufunc.reduceat(cells, np.arange(0, cells.shape[0], down), axis=0) if down > 1 else cells
        return ufunc.reduceat(tall, np.arange(0, tall.shape[1], across), axis=1) if across > 1 else tall

    highest = reduce(np.maximum, matrix)  # NaN if any is; -inf only if all are
    if scale == "sequential":
        return highest
    lowest = reduce(np.minimum, matrix)
    if np.isneginf(lowest).any():
        lowest = reduce(np.minimum, np.where(np.isneginf(matrix), np.inf, matrix))
        lowest = np.where(np.isposinf(lowest), highest, lowest)
    return np.where(np.abs(lowest) > np.abs(highest), lowest, highest)


def encode(pooled: NDArray[np.floating[Any]], low: float, high: float, scale: Scale) -> NDArray[np.uint8]:
    """Return the code of each cell's colour. Of "diverging", 0 has the middle one, however far both ends are."""
    with np.errstate(invalid="ignore", over="ignore"):
        if scale == "sequential":
            share = (pooled - low) / ((high - low) or 1.0)
        else:
            share = 0.5 + 0.5 * np.where(pooled < 0, pooled / (-low or 1.0), pooled / (high or 1.0))
        level = np.clip(np.rint(share * (255 - _FIRST)), 0, 255 - _FIRST)
        codes: NDArray[np.uint8] = np.nan_to_num(level, nan=0.0).astype(np.uint8) + np.uint8(_FIRST)
    codes[np.isneginf(pooled)] = _MASKED
    codes[np.isnan(pooled)] = _NAN
    return codes
