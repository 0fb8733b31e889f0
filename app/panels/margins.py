"""The margins of the map's strips: what each part adds to a logit. This file knows no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.panels.strips import line_of, lines
from gptcore import Architecture, LogitAttribution
from gptcore.analysis.attribution import REMAINDER

Kind = Literal["part", "head", "constant", "remainder", "total"]
SUMMED: Final = ("part", "constant", "remainder")
"""Kinds that add up to the total; a head's margin is a share of its attention's, told apart."""


@dataclass(frozen=True)
class Margin:
    """A number in the margin of a line."""

    line: str
    """The line that it stands beside; "" for the remainder, which has none."""
    node: str
    """The node that it is about; "" for the remainder."""
    label: str
    kind: Kind
    value: float
    """The part of the logit, or of the difference of two."""


def margins(found: LogitAttribution, arch: Architecture, opened: int, head: int) -> list[Margin]:
    """Return the margins of the map with one block opened, in the order of the run, the total last.

    Both embeddings, each folded block (its attention and its MLP together), of the opened block the attention and the
    MLP, the constant, and of a changed run the remainder: these add up to the total, whatever block is opened.

    Args:
        found: the attribution.
        arch: the map of the model.
        opened: the block that is opened.
        head: the head of that block whose share is told apart.

    >>> from gptcore import GPT, GPTConfig, architecture, capture, logit_attribution
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval().double()
    >>> found = logit_attribution(capture(model, [3, 1, 4]), token=2)
    >>> each = margins(found, architecture(model.config), opened=1, head=0)
    >>> [(one.label, one.kind) for one in each][2:5]
    [('block 0', 'part'), ('head 1.0', 'head'), ('attention 1', 'part')]
    >>> abs(sum(one.value for one in each if one.kind in SUMMED) - each[-1].value) < 1e-12
    True
    """
    folded = {line.block: line for line in lines(arch, opened) if line.block is not None and not line.inside}
    sums: dict[int, float] = {}
    each: list[Margin] = []
    for name, value in found.by_block().items():
        if name == REMAINDER:
            each.append(Margin("", "", "remainder: what the changes put in", "remainder", value))
            continue
        owner = arch.owner(name)
        if owner is not None:
            each.append(Margin(owner.id, owner.id, "constant: the final norm's bias", "constant", value))
            continue
        layer, role = arch.nodes[name].layer, arch.nodes[name].role
        if layer in folded:
            sums[layer] = sums.get(layer, 0.0) + value
            if role == "mlp":  # the last that the block adds
                line = folded[layer]
                each.append(Margin(line.id, line.id, line.label, "part", sums[layer]))
            continue
        if role == "attention":
            each.append(_of_head(found, arch, opened, head))
        words = {"attention": f"attention {layer}", "mlp": f"MLP {layer}", "token embedding": "embedding"}
        label = words.get(role or "", "position")
        each.append(Margin(line_of(arch, opened, name) or name, name, label, "part", value))
    logits = arch.named("logits")
    return [*each, Margin(logits, logits, "all together", "total", found.total)]


def _of_head(found: LogitAttribution, arch: Architecture, layer: int, head: int) -> Margin:
    value = next(part.value for part in found.parts if (part.layer, part.head) == (layer, head))
    pattern = arch.named("pattern", layer)
    return Margin(pattern, pattern, f"head {layer}.{head}", "head", value)
