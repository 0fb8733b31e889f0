"""Draws a view of the map: as DOT text, as SVG. Knows shapes of boxes, no colours and no numbers.

Colours are the page's: every SVG element carries classes for CSS. Concrete shapes and values are the page's too: each
node keeps a line of room for its shape, and below it a strip for a picture, so that one SVG serves every keystroke.
Only this module and its importers need `graphviz` and `pygraphviz` (`pip install gptscope[app]`).
"""

from __future__ import annotations

import html
import threading
from functools import lru_cache

import graphviz  # type: ignore[import-untyped]
import pygraphviz  # type: ignore[import-untyped]

from gptcore.graph.architecture import FOLDED, Architecture, Edge, Node
from gptcore.graph.styles import axes_text, is_add, is_spine, is_target
from gptcore.graph.svg import dress

PLAIN = 'CELLBORDER="0" CELLSPACING="0"'
TALL, LINES, PICTURE = 56, 47, 10
"""Points: the height of a node with three lines, that of the lines alone, and what is left below for a picture."""
PLACEHOLDER = "· · ·"
"""The text where a page writes the live shape."""
FONT_SIZE = 13
TITLE_LETTER, LETTER, MARK, MARGIN = 8.1, 6.3, 18, 7
"""Widths in points: a letter of a title and of a shape (in the widest of usual fonts), the mark of a container (at both
sides, so that the text stays in the middle), and the space beside the text. They are fixed, so that the drawing is the
same on every machine."""

_layout_lock = threading.Lock()  # Graphviz keeps global state: one layout at a time


def to_dot(
    arch: Architecture, view: str = "model", layer: int = 0, unfold: bool = False, T: int | None = None
) -> graphviz.Digraph:
    """Return the view as a DOT graph, drawn from the top down; node names are the ids of `arch.nodes`.

    Args:
        view: a name in `arch.views`.
        layer: the block, from 0 (of no effect in the model's view).
        unfold: in the model's view, every block instead of the folded one.
        T: the length of a run whose shapes are written into the nodes; without it a page fills in shapes and pictures.

    Raises:
        KeyError: there is no such view.
        IndexError: there is no such layer.
        ValueError: T is not in 1 to block_size.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> to_dot(architecture(GPTConfig.preset("gpt2")), "MLP").name
    'MLP'
    """
    graph = arch.graph(view, layer, unfold)
    inside = {node.id for node in graph.nodes}
    dot = graphviz.Digraph(view)
    dot.attr(rankdir="TB", ranksep="0.2", nodesep="0.16", bgcolor="transparent", margin="0", pad="0.06")
    dot.attr("node", shape="box", fontname="Helvetica", fontsize=str(FONT_SIZE), margin="0.05,0.035", height="0.2")
    dot.attr("edge", arrowsize="0.55")
    with dot.subgraph() as row:  # what comes in stands in one row, also what is needed only farther down
        row.attr(rank="same")
        for node in graph.entries:
            _draw_port(row, node)
    largest = arch.shapes(T=arch.config.block_size)
    written = {} if T is None else {name: str(shape) for name, shape in arch.shapes(T=T).items()}
    for node in sorted(graph.nodes, key=lambda node: (bool(node.inputs), node.how == "input")):
        # the position embedding first, so that it stands at the left and the edge to the loss passes at the right
        room = len(str(largest[node.id]))
        _draw_node(dot, node, opens=arch.inside(node.id) is not None, room=room, shape=written.get(node.id))
    for node in graph.exits:
        _draw_port(dot, node)
    for edge in graph.edges:
        _draw_edge(dot, arch, edge, inside)
    return dot


@lru_cache(maxsize=256)
def to_svg(arch: Architecture, view: str = "model", layer: int = 0, unfold: bool = False, T: int | None = None) -> str:
    """Return the view as SVG text: a viewBox, no size and no colour of its own (`currentColor` until CSS says more).

    Each node is a `<g class="node kind-... concept-..." id="..." data-node="...">`, its id that of `arch.nodes`;
    `container` is added where it opens a view, `port` where it stands outside this one, `add` for a residual add, and
    `pictured` where room is left below the texts.
    Its texts have the classes `title`, `axes` and `shape`; the last holds `PLACEHOLDER` until a page fills it in, or
    the shape where T is given; then no room is left for pictures. A dropout, which changes nothing in eval mode, has
    its title alone.
    An edge is a `<g class="edge concept-..." data-source="..." data-target="...">`, `residual` along the residual
    stream. The same arguments give the same text.

    Args and errors: those of `to_dot`.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> 'data-node="transformer.h.2.mlp.gelu"' in to_svg(architecture(GPTConfig.preset("gpt2")), "MLP", layer=2)
    True
    """
    source = to_dot(arch, view, layer, unfold, T).source
    with _layout_lock, pygraphviz.AGraph(string=source) as laid_out:
        drawn = laid_out.draw(format="svg", prog="dot")
    return dress(drawn.decode(), {node.id: node.summary for node in arch.nodes})


def _draw_port(dot: graphviz.Digraph, node: Node) -> None:
    width = _inches(len(node.label) * TITLE_LETTER + 2 * MARGIN)
    classes = f"kind-{node.kind} concept-{node.concept} port"
    dot.node(node.id, graphviz.escape(node.label), id=node.id, width=width, _attributes={"class": classes})


def _draw_node(dot: graphviz.Digraph, node: Node, opens: bool, room: int, shape: str | None = None) -> None:
    """Draw three centred lines in a box; for a residual add, at the right of a square cell for the circled plus.

    Args:
        opens: True where the node has an inside.
        room: letters that its live shape may have.
        shape: what is written there; None where a page writes it, and draws a picture below.
    """
    classes = f"kind-{node.kind} concept-{node.concept}" + " container" * opens + " stack" * (node.id == FOLDED)
    pictured = shape is None and not node.is_dropout and node.role != "tokens"  # whose ids are names
    classes += " pictured" * pictured
    lines = (node.label,) if node.is_dropout else (node.label, axes_text(node), shape or PLACEHOLDER)
    width = len(node.label) * TITLE_LETTER + opens * MARK
    if len(lines) > 1:
        width = max(width, max(room, len(lines[1])) * LETTER)
    if not is_add(node):
        text = "\\n".join(graphviz.escape(line) for line in lines)
        sizes = {"width": _inches(width + 2 * MARGIN)}
        if pictured:
            sizes |= {"height": _inches(TALL + PICTURE), "labelloc": "t"}
        dot.node(node.id, text, id=node.id, _attributes={"class": classes}, **sizes)
        return
    text = "".join(f'{html.escape(line)}<BR ALIGN="LEFT"/>' for line in lines)
    # the edges go to the port, so it must be a table of its own: a cell would grow to the height of the text
    circle = f'<TABLE PORT="add" BORDER="1" {PLAIN} FIXEDSIZE="TRUE" WIDTH="26" HEIGHT="26"><TR><TD></TD></TR></TABLE>'
    size = f'WIDTH="{width:.0f}" HEIGHT="{LINES + PICTURE * (shape is None)}" VALIGN="TOP"'
    cells = f"<TR><TD>{circle}</TD><TD {size}>{text}</TD></TR>"
    table = f'<TABLE BORDER="0" {PLAIN} CELLPADDING="2">{cells}</TABLE>'
    dot.node(node.id, f"<{table}>", id=node.id, shape="plain", _attributes={"class": f"{classes} add"})


def _draw_edge(dot: graphviz.Digraph, arch: Architecture, edge: Edge, inside: set[str]) -> None:
    """Draw an edge: the residual stream goes straight down, through the circles; what is added comes from the side."""
    source, target = arch.nodes[edge.source], arch.nodes[edge.target]
    spine = is_spine(source, target)
    attributes = {"id": f"{edge.source}->{edge.target}", "class": f"concept-{source.concept}"}
    if spine:
        attributes |= {"class": "concept-residual residual", "weight": "20"}
    if is_target(edge):
        attributes |= {"class": f"concept-{source.concept} aside", "style": "dashed", "constraint": "false"}
    if is_add(source) and source.id in inside:
        attributes["tailport"] = "add"
    if is_add(target) and target.id in inside:
        beside_spine = any(is_spine(arch.nodes[name], target) for name in target.inputs)
        attributes["headport"] = "add:n" if spine else "add:w" if beside_spine else "add"
    dot.edge(*edge, _attributes=attributes)


def _inches(points: float) -> str:
    return f"{points / 72:.3f}"
