"""The cost of a run and of a look at its tensors, from the map alone, before anything is computed. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from app.panels.growing import PIECE, WIDE
from app.session.location import Location
from app.stores.speed import Cost
from gptcore import Architecture, GPTConfig, architecture, capture_cost
from gptcore.analysis.token_loss import ROWS
from gptcore.graph.architecture import FOLDED
from gptcore.graph.node import Role

STAGES = 5
"""Tensors of scores that live at once where attention is computed stage by stage."""
SIMPLE = 15
"""Numbers of a token and channel that a block computes outside of matrix products: norms, biases, sums, GELU."""
QUICK = 0.1
"""The share of a cell's time that such a number takes."""
FLOAT = 4
LARGEST_PAST = 60e6
"""Bytes of scores for which a run still goes on from an earlier one."""
LONG, LONG_FLOPS = 16e6, 50e9
"""Scores of a block, and FLOPs of its largest product, that are computed by one operation: nothing interrupts it."""
PART = 2e6
"""Scores of a block in a part of a longer run."""
EVERYTHING = 64e6
"""Bytes of a run up to which it keeps every tensor, on a server that limits its memory."""
BLOCK = 12
"""Numbers of a token and channel that live at once while a block is run, whatever is kept of them."""


def at_once(config: GPTConfig, T: int) -> int:
    """Return how many of T tokens a fresh run takes at a time: all, or so few that others get their turns meanwhile.

    >>> at_once(GPTConfig.preset("gpt2"), 1024), at_once(GPTConfig(60_000, 27, 1, 4, 4), 5000)
    (1024, 100)
    """
    H, product = config.n_head, 8.0 * config.n_embd**2
    if H * T * T <= LONG and product * T <= LONG_FLOPS:
        return T
    return max(1, min(int(PART // (H * T)), int(LONG_FLOPS // product)))


def kept(config: GPTConfig, T: int, most: float) -> tuple[str, ...] | None:
    """Return the tensors that a run keeps; None for all: so it is where memory has no limit, and where they are small.

    The others are computed from these when they are asked for, each within its block.

    Args:
        config: the model's sizes.
        T: tokens that the model sees.
        most: the memory that a run may take.
    """
    return None if most == math.inf or held(config, T) <= EVERYTHING else _sources(config)


@lru_cache(maxsize=64)
def _sources(config: GPTConfig) -> tuple[str, ...]:
    arch, layers = architecture(config), range(config.n_layer)
    of_all: tuple[Role, ...] = ("token embedding", "position embedding", "embedding", "final norm")
    of_each: tuple[Role, ...] = ("residual in", "joint projection", "weighted values", "residual")
    return tuple(map(arch.named, of_all)) + tuple(arch.named(role, layer) for layer in layers for role in of_each)


def of_run(
    config: GPTConfig, T: int, new: int, changed: Sequence[str] = (), names: tuple[str, ...] | None = None
) -> Cost:
    """Return the cost of a run with its thumbnails; where it is changed, of the run as the model is, too.

    Args:
        config: the model's sizes.
        T: tokens that the model sees.
        new: tokens of which nothing is known from an earlier run.
        changed: the tensors that are changed.
        names: the tensors that it keeps; None for all.
    """
    if new <= 0 and not changed:
        return Cost()
    arch = architecture(config)
    rows = new if goes_on(config, T, new) and not changed else T
    L, H, C, V = config.n_layer, config.n_head, config.n_embd, config.vocab_size
    flops = arch.nodes[FOLDED].flops(T, 1) * rows / T + 2 * C * V
    scores = float(H) * rows * T
    cells = L * scores + QUICK * (SIMPLE * L * C * rows + 8 * V)
    memory = held(config, T, names) + (STAGES + 1) * FLOAT * min(scores, max(PIECE, float(H) * T))
    if (part := min(rows, at_once(config, T))) < T:  # stage by stage
        cells += L * scores
        memory += STAGES * FLOAT * float(H) * part * T
    if names is not None:
        memory += BLOCK * FLOAT * C * rows
    if not changed:
        return Cost(flops, cells, memory)
    staged = {arch.nodes[name].layer for name in changed if arch.nodes[name].axes[-2:] == ("T", "T")}
    stages = len(staged) * STAGES * FLOAT * scores
    more = held(config, T) - held(config, T, names)  # a changed run has all of its tensors until its end
    return Cost(2 * flops, 2 * cells + len(staged) * scores, 2 * memory + more + stages)


def goes_on(config: GPTConfig, T: int, new: int) -> bool:
    """Tell if a run goes on from an earlier one: with many new tokens, a fresh one takes less memory and less time."""
    return new < T and STAGES * FLOAT * float(config.n_head) * new * T <= LARGEST_PAST


def of_stage(arch: Architecture, place: Location, T: int, by: str = "weight") -> Cost:
    """Return the cost of the matrix on the stage.

    Args:
        arch: the model's map.
        place: the place in the map.
        T: tokens of the run.
        by: the scale of a pattern; "value" weights it by the lengths of what it reads.
    """
    node, config = arch.nodes[place.selected], arch.config
    sizes = arch.sizes(T=T)
    if place.weight is not None:
        numbers = float(math.prod(sizes[axis] for axis in node.weight_axes[node.weights.index(place.weight)]))
        return Cost(cells=numbers, memory=2 * FLOAT * numbers)
    C, H = float(config.n_embd), float(config.n_head)
    if node.axes[-1] == "V" or node.role == "loss":
        logits = float(T) * config.vocab_size
        return Cost(2 * C * logits, logits, STAGES * FLOAT * min(logits, max(WIDE, float(config.vocab_size))))
    if node.axes[-2:] == ("T", "T"):
        scores = H * T * T
        memory = 2.0 * FLOAT * T * T + STAGES * FLOAT * (scores if by == "value" else min(scores, max(PIECE, H * T)))
        return Cost(2 * C * T * T, (2 if by == "value" else 1) * scores + T * T, memory)
    numbers = float(math.prod(sizes[axis] for axis in node.axes))
    return Cost(cells=numbers, memory=3 * FLOAT * numbers)


def of_pass(config: GPTConfig, T: int, passes: int = 1, logits: bool = False, scores: bool = False) -> Cost:
    """Return the cost of passes over T tokens that keep nothing for the next ones.

    Args:
        config: the model's sizes.
        T: tokens of each.
        passes: their number.
        logits: True where all positions' logits are computed, a few at a time.
        scores: True where each layer's scores are in memory at once, as in the teaching attention.
    """
    one = of_run(config, T, T)
    if logits:
        one += of_losses(config, T)
    if scores:
        one += Cost(0, 0, STAGES * FLOAT * float(config.n_head) * T * T)
    return Cost(passes * one.flops, passes * one.cells, one.memory)


def of_losses(config: GPTConfig, T: int) -> Cost:
    """Return the cost of the losses of a run: all its logits, some positions at a time."""
    logits = float(T) * config.vocab_size
    return Cost(2 * config.n_embd * logits, 2 * logits, STAGES * FLOAT * min(T, ROWS) * float(config.vocab_size))


def of_sentences(config: GPTConfig, T: int) -> Cost:
    """Return the cost of telling the dot product in words: all heads' scores of a block, one head's in double."""
    scores = float(config.n_head) * T * T
    return Cost(2.0 * config.n_embd * T * T, 4 * scores, STAGES * FLOAT * scores + 6 * 2 * FLOAT * float(T) * T)


def of_lens(config: GPTConfig) -> Cost:
    """Return the cost of reading the residual stream of one position at all depths."""
    numbers = (config.n_layer + 2.0) * config.vocab_size
    return Cost(2 * config.n_embd * numbers, 2 * numbers, 4 * FLOAT * numbers)


def of_attribution(config: GPTConfig) -> Cost:
    """Return the cost of what each part adds to a logit at one position: its logits, and each layer's projection."""
    C, L, V = float(config.n_embd), float(config.n_layer), float(config.vocab_size)
    return Cost(2 * C * (V + L * C), V + 4 * L * C, FLOAT * (3 * V + C * C))


def held(config: GPTConfig, T: int, names: tuple[str, ...] | None = None) -> float:
    """Return the bytes that a trace of T tokens holds, as `capture_cost` tells them: they grow evenly with T."""
    first, more = _first_and_more(config, names)
    return first + more * (T - 1)


@lru_cache(maxsize=64)
def _first_and_more(config: GPTConfig, names: tuple[str, ...] | None) -> tuple[int, int]:
    first = capture_cost(config, 1, names=names)
    return first, (capture_cost(config, 2, names=names) - first if config.block_size > 1 else first)
