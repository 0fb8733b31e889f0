"""The map as a notebook shows it: sizes, and each of the five views as a table. Needs no Graphviz, knows no tensor."""

from __future__ import annotations

from gptcore.graph.architecture import Architecture, Node
from gptcore.notebook.html_text import Html, card, element, folded, table


def architecture_html(arch: Architecture) -> str:
    """Return the map as static HTML."""
    config, T = arch.config, arch.config.block_size
    sizes = (
        f"V = {config.vocab_size:,}, block_size = {T:,}, L = {config.n_layer}, H = {config.n_head}, "
        f"C = {config.n_embd:,}, D = {config.head_dim}"
    )
    cost = f"{arch.num_params():,} parameters; {arch.flops(T=T):,} FLOPs for T = {T:,}"
    return card("Architecture", element("div", sizes), element("div", cost), *(views(arch, T)))


def views(arch: Architecture, T: int) -> list[Html]:
    """Return a table for each view, of block 0 where it stands in a block; FLOPs are those of T positions."""
    tables = []
    for view in arch.views:
        nodes = [arch.nodes[name] for name in view.nodes_at(0)]
        lines = [
            (node.label, element("code", node.id), _axes(node), f"{node.params:,}", f"{node.flops(T):,}")
            for node in nodes
        ]
        header = ["node", "name", "axes", "parameters", f"FLOPs, T = {T:,}"]
        tables.append(folded(f"{view.name} ({len(nodes)} nodes)", table(header, lines)))
    return tables


def _axes(node: Node) -> str:
    return f"({', '.join(node.axes)})"
