"""The source that the page shows, the tensors that its lines make, and the facts told of them. No Streamlit."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final, TypedDict

from app.panels.code_words import Words, classify
from gptcore import Architecture
from gptcore.graph import source_lines
from gptcore.graph.architecture import FOLDED
from gptcore.graph.listings import Topic, listing
from gptcore.graph.node import BLOCK, Node
from gptcore.graph.source_lines import Source

ABOUT: Final[dict[Topic, str]] = {
    "model": "",
    "teaching": "",
    "loss": "What a training would do with this prompt. Each token is the target of the position before it, so one "
    "pass over T tokens is T − 1 guesses at once. The loss is their mean surprise, in nats.",
    "generation": "How this prompt goes on. The model sees the end of the text that fits its context; the logits of "
    "the last position become a distribution, and one token is drawn from it.",
}
"""A few sentences on a topic; "" where the page tells of the node that is inspected."""
FIRST: Final[dict[Topic, str]] = {"model": "", "teaching": "", "loss": "loss", "generation": "crop"}
"""The fact of a topic that is also told first; "" for none."""


class CodePart(TypedDict):
    """A part of a file."""

    file: str
    first: int
    """The number of its first line."""
    lines: list[Words]


class CodeLine(TypedDict):
    """Lines that make a tensor, or that something is told of."""

    id: str
    """The node; of a block's, with `{i}` for the block; "" for none."""
    first: int
    """The place of the first line among all that are shown, from 1."""
    last: int
    axes: list[str]
    """The axes of what the line makes; none where it tells no shape."""
    fact: str
    """The name of what is told of it; "" for nothing."""


@lru_cache(maxsize=8)
def listing_text(topic: Topic) -> str:
    """Return the parts of files that are shown, with the words of each line, and what they are about, as JSON."""
    parts = [_part(source) for source in listing(topic).parts]
    return json.dumps({"about": ABOUT[topic], "first": FIRST[topic], "parts": parts}, ensure_ascii=False)


@lru_cache(maxsize=64)
def lines_text(arch: Architecture, topic: Topic) -> str:
    """Return the lines of which something is told, and the size of each axis that no prompt changes, as JSON."""
    sizes = {axis: size for axis, size in arch.sizes(T=1).items() if axis != "T"}
    return json.dumps({"sizes": sizes, "lines": code_lines(arch, topic)})


@lru_cache(maxsize=64)
def code_lines(arch: Architecture, topic: Topic = "model") -> tuple[CodeLine, ...]:
    """Return the lines of which something is told: in the order of the map, or of the table of the topic.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> code_lines(architecture(GPTConfig.preset("gpt2")))[1]["axes"]
    ['B', 'T', 'C']
    """
    if topic != "model":
        return tuple(_line(topic, line.id, line.source, line.axes, line.fact) for line in listing(topic).lines)
    nodes = [node for node in arch.nodes if node.layer in (None, 0) and node.id != FOLDED]
    return tuple(_line(topic, _id(node), node.source, node.axes, "") for node in nodes)


def source_of(node: Node, topic: Topic) -> Source | None:
    """Return the lines that make a node in what is shown of a topic; None where they are not there.

    >>> from gptcore.graph.architecture import architecture
    >>> from gptcore.config import GPTConfig
    >>> softmax = architecture(GPTConfig.preset("gpt2")).nodes["transformer.h.3.attn.pattern"]
    >>> source_of(softmax, "teaching").file, source_of(softmax, "loss")
    ('gptcore/analysis/teaching_attention.py', None)
    """
    if topic == "model":
        return node.source
    found = [line.source for line in listing(topic).lines if line.id == _id(node)]
    if not found:
        return None
    first, last = (pick(number for source in found for number in source.lines) for pick in (min, max))
    return Source(found[0].file, (first, last))


def rows_of(source: Source | None, topic: Topic) -> tuple[int, int]:
    """Return the places of lines among all that are shown of a topic, from 1; (0, 0) where they are not shown."""
    shown = listing(topic)
    rows = [shown.row(source.file, number) for number in source.lines] if source else []
    first, last = rows if rows else (None, None)
    return (0, 0) if first is None or last is None else (first, last)


def _part(source: Source) -> CodePart:
    first, last = source.lines
    return {
        "file": source.file,
        "first": first,
        "lines": list(classify(source_lines.text(source.file))[first - 1 : last]),
    }


def _line(topic: Topic, name: str, source: Source, axes: tuple[str, ...], fact: str) -> CodeLine:
    first, last = rows_of(source, topic)
    return {"id": name, "first": first, "last": last, "axes": list(axes), "fact": fact}


def _id(node: Node) -> str:
    """Return a node's id with a place for its block."""
    return node.id if node.layer is None else node.id.replace(f"{FOLDED}.{node.layer}", BLOCK, 1)
