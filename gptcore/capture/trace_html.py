"""A trace as a notebook shows it: its tokens, every head's pattern and the residual stream in small, all names.

Only the last positions are computed, and never a tensor of the whole vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.notebook.html_text import Html, card, element, folded, joined, table
from gptcore.notebook.picture import largest, picture, pooled

CELLS = 24
"""Positions that are drawn, the last ones, and the most columns for the keys."""
CHANNELS = 48
"""Most columns for the channels of the residual stream."""
FACETS = 96
"""Most patterns that are drawn: beyond it some layers are left out."""
TOKENS = 48
"""Most token ids that are told."""


def trace_html(trace: Trace) -> str:
    """Return the trace as static HTML, at most about 200 kB."""
    edits = [folded(f"{len(trace.edits)} edits", *_edits(trace))] if trace.edits else []
    return card(repr(trace), _tokens(trace), *edits, _layers(trace), _names(trace))


def _edits(trace: Trace) -> Iterator[Html]:
    for edit in trace.edits:
        text = repr(edit)
        yield element("div", element("code", text if len(text) <= 300 else f"{text[:300]}…"))


def _tokens(trace: Trace) -> Html:
    ids = trace.ids[0].tolist()
    more = f"the last {TOKENS} of {len(ids):,}: " if len(ids) > TOKENS else ""
    batch = f", the first of {trace.B} sequences" if trace.B > 1 else ""
    return element("div", f"ids (B, T){batch}: {more}", element("code", " ".join(map(str, ids[-TOKENS:]))))


def _layers(trace: Trace) -> Html:
    """Return a table with a line for each layer: its patterns, and what the block leaves in the residual stream."""
    config, arch = trace.config, architecture(trace.config)
    chosen = spread(config.n_layer, max(1, FACETS // config.n_head))
    lines = []
    for layer in chosen:
        patterns, residual = arch.named("pattern", layer), arch.named("residual", layer)
        drawn = [
            joined(_patterns(trace, patterns)) if patterns in trace else "not captured",
            _residual(trace, residual) if residual in trace else "not captured",
        ]
        lines.append([str(layer), *drawn])
    start = max(0, trace.T - CELLS)
    key_block, channel_block = -(-trace.T // CELLS), -(-config.n_embd // CHANNELS)
    said = [f"rows: positions {start} to {trace.T - 1} (T)"]
    if key_block > 1:
        said.append(f"a column of a pattern is the largest of {key_block} keys")
    if channel_block > 1:
        said.append(f"a column of the residual stream is the number farthest from 0 of {channel_block} channels")
    if trace.B > 1:
        said.append(f"the first of {trace.B} sequences (B)")
    if len(chosen) < config.n_layer:
        said.append(f"{len(chosen)} of {config.n_layer} layers")
    header = ["layer", "pattern (H, T, T): white 0, red 1", "residual stream (T, C): blue negative, red positive"]
    return joined([element("div", "; ".join(said)), table(header, lines)])


def _patterns(trace: Trace, name: str) -> Iterator[Html]:
    for head, values in enumerate(_last(trace, name)):
        yield picture(pooled(values, CELLS, CELLS), 1.0, f"{name}, head {head}", side=3)


def _residual(trace: Trace, name: str) -> Html:
    values = pooled(_last(trace, name), CELLS, CHANNELS)
    scale = largest(values)
    drawn = picture(values, scale, f"{name}, from {-scale:.4g} to {scale:.4g}", side=3)
    return joined([drawn, element("div", f"±{scale:.4g}")])


def _last(trace: Trace, name: str) -> NDArray[np.float64]:
    """Return the last positions of the first sequence."""
    rows = trace.rows(name, max(0, trace.T - CELLS), trace.T)[0]
    found: NDArray[np.float64] = rows.double().cpu().numpy()
    return found


def _names(trace: Trace) -> Html:
    """Return every name with axes and shape, the same one of all layers in one line."""
    lines: dict[str, list[str]] = {}
    for name, (axes, shape) in trace.shapes().items():
        general = re.sub(r"\.h\.\d+", ".h.{i}", name)
        lines.setdefault(general, [general, f"({', '.join(axes)})", str(shape)])
    listed = table(["name", "axes", "shape"], lines.values())
    return folded(f"{len(trace):,} tensors, {{i}} from 0 to {trace.config.n_layer - 1}", listed)


def spread(number: int, most: int) -> list[int]:
    """Return at most so many of the first integers, the first and the last among them, evenly spread.

    >>> spread(3, 5), spread(10, 4), spread(10, 1)
    ([0, 1, 2], [0, 3, 6, 9], [0])
    """
    if number <= most:
        return [*range(number)]
    return [round(place * (number - 1) / max(1, most - 1)) for place in range(most)]
