"""The lines of model.py and the tensors that they make: the page lights one by the other. No Streamlit."""

from __future__ import annotations

from functools import lru_cache
from typing import TypedDict

from gptcore import Architecture
from gptcore.graph.architecture import FOLDED

LAYER = f"{FOLDED}.{{i}}"
"""The beginning of an id, with a place for the block that is shown."""


class CodeLine(TypedDict):
    """The lines that make one tensor."""

    id: str
    """The node; of a block's, with `LAYER` for the block."""
    first: int
    last: int
    axes: list[str]


@lru_cache(maxsize=64)
def code_lines(arch: Architecture) -> tuple[CodeLine, ...]:
    """Return the lines of every node of one block and of what is outside of the blocks, in the order of the map.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> code_lines(architecture(GPTConfig.preset("gpt2")))[1]["axes"]
    ['B', 'T', 'C']
    """
    nodes = [node for node in arch.nodes if node.layer in (None, 0) and node.id != FOLDED]
    return tuple(
        {
            "id": node.id.replace(f"{FOLDED}.0", LAYER, 1),
            "first": node.source.lines[0],
            "last": node.source.lines[1],
            "axes": list(node.axes),
        }
        for node in nodes
    )
