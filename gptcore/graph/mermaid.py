"""Draws a view of the map as Mermaid text, which GitHub and many wikis draw. Needs no package."""

from __future__ import annotations

import html

from gptcore.graph.architecture import Architecture
from gptcore.graph.styles import axes_text, is_add, is_spine, is_target


def to_mermaid(
    arch: Architecture, view: str = "model", layer: int = 0, unfold: bool = False, T: int | None = None
) -> str:
    """Return the view as a Mermaid flowchart, for a README or a wiki.

    Args:
        view: a name in `arch.views`.
        layer: the block, from 0 (of no effect in the model's view).
        unfold: in the model's view, every block instead of the folded one.
        T: the length of a run whose shapes are written below the symbolic ones; None writes none.

    Raises:
        KeyError: there is no such view.
        IndexError: there is no such layer.
        ValueError: T is not in 1 to block_size.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> print(to_mermaid(architecture(GPTConfig.preset("gpt2")), "MLP"))
    flowchart TD
      transformer_h_0_ln_2(["LN 2"])
      transformer_h_0_mlp_c_fc["Up projection<br/>(B, T, 4C)"]
      transformer_h_0_mlp_gelu["GELU (tanh)<br/>(B, T, 4C)"]
      transformer_h_0_mlp_c_proj["Down projection<br/>(B, T, C)"]
      transformer_h_0_mlp_dropout["Dropout<br/>(B, T, C)"]
      transformer_h_0_resid_post(["Residual + MLP"])
      transformer_h_0_ln_2 --> transformer_h_0_mlp_c_fc
      transformer_h_0_mlp_c_fc --> transformer_h_0_mlp_gelu
      transformer_h_0_mlp_gelu --> transformer_h_0_mlp_c_proj
      transformer_h_0_mlp_c_proj --> transformer_h_0_mlp_dropout
      transformer_h_0_mlp_dropout --> transformer_h_0_resid_post
    """
    graph = arch.graph(view, layer, unfold)
    written = {} if T is None else arch.shapes(T=T)
    lines = ["flowchart TD"]
    for node in (*graph.entries, *graph.nodes, *graph.exits):
        title, axes = (html.escape(text).replace("&", "#") for text in (node.label, axes_text(node)))
        axes += f"<br/>{written[node.id]}" if written else ""
        if node not in graph.nodes:
            shape = f'(["{title}"])'
        elif is_add(node):
            shape = f'(("#43;<br/>{title}<br/>{axes}"))'
        elif arch.inside(node.id):
            shape = f'[["{title}<br/>{axes}"]]'
        else:
            shape = f'["{title}<br/>{axes}"]'
        lines.append(f"  {_mermaid_id(node.id)}{shape}")
    for edge in graph.edges:
        spine = is_spine(arch.nodes[edge.source], arch.nodes[edge.target])
        arrow = "==>" if spine else "-.->" if is_target(edge) else "-->"
        lines.append(f"  {_mermaid_id(edge.source)} {arrow} {_mermaid_id(edge.target)}")
    return "\n".join(lines)


def _mermaid_id(name: str) -> str:
    return name.replace(".", "_")
