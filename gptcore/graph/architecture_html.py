"""The map as a notebook shows it: sizes, a drawing, each of the five views as a table. Knows no tensor.

Without Graphviz there is no drawing.
"""

from __future__ import annotations

from gptcore.graph.architecture import Architecture
from gptcore.notebook.html_text import Html, card, element, folded, table


def architecture_html(arch: Architecture) -> str:
    """Return the map as static HTML."""
    T = arch.config.block_size
    told = [element("div", sizes(arch)), element("div", costs(arch, T))]
    return card("Architecture", *told, *_drawing(arch), *views(arch, T))


def _drawing(arch: Architecture) -> list[Html]:
    """Return the model's view; nothing where the packages that draw it are not installed."""
    try:
        from gptcore.graph.standalone import standalone_svg  # imported here: it needs the extra `app`
    except ModuleNotFoundError:
        return []
    return [Html(standalone_svg(arch))]


def sizes(arch: Architecture) -> str:
    """Return the sizes of the model in one line."""
    config = arch.config
    return (
        f"V = {config.vocab_size:,}, block_size = {config.block_size:,}, L = {config.n_layer}, H = {config.n_head}, "
        f"C = {config.n_embd:,}, D = {config.head_dim}"
    )


def costs(arch: Architecture, T: int) -> str:
    """Return parameters, and FLOPs of T positions, in one line."""
    return f"{arch.num_params():,} parameters; {arch.flops(T=T):,} FLOPs for T = {T:,}"


def views(arch: Architecture, T: int) -> list[Html]:
    """Return a table for each view, of block 0 where it stands in a block; FLOPs are those of T positions."""
    tables = []
    for view in arch.views:
        nodes = [arch.nodes[name] for name in view.nodes_at(0)]
        lines = []
        for node in nodes:
            axes = f"({', '.join(node.axes)})"
            lines.append((node.label, element("code", node.id), axes, f"{node.params:,}", f"{node.flops(T):,}"))
        header = ["node", "name", "axes", "parameters", f"FLOPs, T = {T:,}"]
        tables.append(folded(f"{view.name} ({len(nodes)} nodes)", table(header, lines)))
    return tables
