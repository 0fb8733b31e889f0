"""Plain data that an exported page tells beside the tensors: tokens, the map, next tokens and the logit lens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptcore.analysis.lens import lens_names, logit_lens
from gptcore.capture.trace import Trace
from gptcore.config import GPTConfig
from gptcore.export.page_stores import Array, general
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Node
from gptcore.tokenizer import Tokenizer

NEXT, LENS = 20, 5
"""Likely tokens that are told: after each position, and of each row of the lens."""
AT_ONCE = 4_000_000
"""Logits that are in memory at a time."""
MOST_WORK = 3e10
"""Multiplications of the lens, some seconds; beyond, it tells of the last positions alone."""
LONGEST_EDIT = 300


def nodes_of(trace: Trace) -> list[dict[str, Any]]:
    """Return every node of the map, whether the trace has its tensor or not."""
    return [_node(node) for node in architecture(trace.config).nodes]


def _node(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "label": node.label,
        "summary": node.summary,
        "axes": node.axes,
        "inputs": node.inputs,
        "parent": node.parent,
        "concept": node.concept,
        "role": node.role,
        "layer": node.layer,
        "source": str(node.source),
        # one scale for a tensor in all blocks, so that they can be compared; one for all states of the residual stream
        "scale": "residual" if node.concept == "residual" and node.axes[-1] == "C" else general(node.id),
    }


def letters(config: GPTConfig, T: int, B: int) -> dict[str, tuple[int, str]]:
    """Return each letter's number here and a sentence that says what it is.

    >>> letters(GPTConfig.preset("gpt2"), 12, 1)["D"]
    (64, 'width of a head, C / H; not a number of tokens')
    """
    C, H = config.n_embd, config.n_head
    return {
        "B": (B, "batch: sequences in the run"),
        "T": (T, f"tokens of this run, of at most {config.block_size}"),
        "C": (C, "embedding dimension: the width of the residual stream"),
        "H": (H, "attention heads of a block"),
        "D": (C // H, "width of a head, C / H; not a number of tokens"),
        "V": (config.vocab_size, "size of the vocabulary"),
        "L": (config.n_layer, "blocks"),
        "3C": (3 * C, "queries, keys and values side by side"),
        "4C": (4 * C, "hidden width of the MLP"),
    }


def edits_of(trace: Trace) -> list[str]:
    """Return the edits of the run as texts, cut where they are long."""
    texts = [repr(edit) for edit in trace.edits]
    return [text if len(text) <= LONGEST_EDIT else f"{text[:LONGEST_EDIT]}…" for text in texts]


def next_tokens(trace: Trace, sequence: int) -> dict[str, Array] | None:
    """Return the likely tokens after each position: `ids`, `probabilities`, `logits`, (T, n); None if not captured."""
    arch = architecture(trace.config)
    logits_at, probs_at = arch.named("logits"), arch.named("probabilities")
    if logits_at not in trace or probs_at not in trace:
        return None
    parts = []
    for start, stop in _chunks(trace.T, trace.config.vocab_size):
        logits = trace.rows(logits_at, start, stop)[sequence]  # (t, V)
        top = logits.topk(min(NEXT, logits.shape[-1]))
        probabilities = trace.rows(probs_at, start, stop)[sequence].gather(1, top.indices)
        parts.append((top.indices.int(), _numbers(probabilities), _numbers(top.values)))
    return dict(zip(("ids", "probabilities", "logits"), map(_joined, zip(*parts, strict=True)), strict=True))


def lens_of(trace: Trace, sequence: int) -> tuple[tuple[str, ...], int, dict[str, Array]] | None:
    """Return what the model would say at each depth; None if the trace does not hold the residual stream.

    That is: the names of the rows, the first position that is told of, and `ids` and `probabilities` (t, rows, n).
    """
    names, config = lens_names(trace.config), trace.config
    logits = architecture(config).named("logits")
    if any(name not in trace for name in (*names, logits)):
        return None
    positions = int(MOST_WORK // (len(names) * config.n_embd * config.vocab_size))
    first = max(0, trace.T - max(1, positions))
    parts = []
    for start, stop in _chunks(trace.T - first, config.vocab_size * len(names)):
        read = logit_lens(trace, positions=slice(first + start, first + stop))
        shares = read.logits[:, sequence].double().softmax(dim=-1).transpose(0, 1)  # (t, rows, V)
        top = shares.topk(min(LENS, shares.shape[-1]))
        parts.append((top.indices.int(), top.values))
    return names, first, dict(zip(("ids", "probabilities"), map(_joined, zip(*parts, strict=True)), strict=True))


def labels_of(ids: set[int], tokenizer: Tokenizer | None) -> dict[int, str]:
    """Return the tokens as people read them; without a tokenizer their numbers."""
    return {index: str(index) if tokenizer is None else tokenizer.label(index) for index in sorted(ids)}


def _chunks(count: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, AT_ONCE // width)
    for start in range(0, count, step):
        yield start, min(count, start + step)


def _numbers(found: Tensor) -> Tensor:
    return found if found.dtype == torch.float64 else found.float()


def _joined(parts: tuple[Tensor, ...]) -> Array:
    joined: Array = np.concatenate([part.cpu().numpy() for part in parts])
    return joined
