"""The cost of what the page Lab measures, and of a run's file, from sizes alone, before anything is computed.

A long analysis runs in turns and can be stopped, so its memory alone is told. What a page waits for costs time as well.
No Streamlit.
"""

from __future__ import annotations

import math

from app.panels.growing import PIECE
from app.panels.lens_grid import AT_ONCE as LENS_AT_ONCE
from app.session import costs
from app.session.costs import FLOAT, QUICK, STAGES
from app.stores.speed import Cost
from gptcore import Architecture, GPTConfig, architecture
from gptcore.analysis.copying import FREQUENT, ROWS
from gptcore.analysis.head_losses import AT_ONCE as LOSSES_AT_ONCE
from gptcore.analysis.head_scores import AT_ONCE as PROBE_AT_ONCE
from gptcore.analysis.head_scores import MATCH_COPIES, MATCH_LENGTH, MATCH_ROWS, MUCH
from gptcore.analysis.lens_table import AT_ONCE as TABLE_AT_ONCE
from gptcore.analysis.patching import AT_ONCE as SWEEP_AT_ONCE
from gptcore.analysis.value_weighted import AT_ONCE as WEIGHTED_AT_ONCE
from gptcore.export.page_facts import AT_ONCE as PAGE_AT_ONCE
from gptcore.export.page_facts import MOST_WORK
from gptcore.export.page_stores import EXPANSION, expected_bytes
from gptcore.export.pages import MOST_BYTES

DOUBLE = 8
DRAWN_IDS = 16
"""Bytes of a random number, sorted with its place."""
WEIGHTS = 4
"""Matrices (C, C) of a block's heads: queries, keys, values, and what they write. They are copied."""
PAIRED = 11
"""Matrices (C, C) of a block, so many, live at once where each head is held against each other one."""
LEARNING = 8
"""Tensors of scores that each block keeps for its gradients."""
ADDRESSED = 40
"""Numbers of a channel and token that each block keeps for its gradients."""
PACKING = 14
"""A byte of a page's text takes as long as so many numbers of a pattern, roughly: one core packs it."""
DESCRIBING = 90_000
"""A tensor of a page takes as long, beside its numbers, as so many numbers of a pattern, roughly."""
READING = 1
"""Reading a number of the unembedding for a few positions takes as long as so many numbers of a pattern, roughly."""
SCRIPTS = 2e6
"""Bytes that a page without any tensor takes while it is made, at least."""
READ = 7
"""Copies of logits that live at once where their softmax, entropy and ranks are read."""


# ---- long analyses: memory alone ----


def of_facts(config: GPTConfig) -> Cost:
    """Return the cost of what the weights decide: scores on the probe, copying, composition of all pairs of heads."""
    L, C, V = config.n_layer, float(config.n_embd), config.vocab_size
    half = min(config.block_size // 2, 64)
    ids = DRAWN_IDS * 16.0 * V
    probes = max(_of_probe(config, 16, 2 * half), _of_probe(config, 100, min(64, config.block_size)))
    pairs = 10 * FLOAT * float(L * config.n_head) ** 2
    matrices = PAIRED * FLOAT * L * C * C + 5 * DOUBLE * L * C * config.head_dim + FLOAT * C * C
    return Cost(memory=max(ids, probes, matrices) + pairs)


def of_prefix(config: GPTConfig) -> Cost:
    """Return the cost of prefix matching."""
    T = min(MATCH_LENGTH, config.block_size // MATCH_COPIES) * MATCH_COPIES
    rows = MATCH_ROWS
    return Cost(memory=max(DRAWN_IDS * float(rows) * config.vocab_size, _of_probe(config, rows, T)))


def of_top1(config: GPTConfig) -> Cost:
    """Return the cost of the tokens that each head copies."""
    looked = min(FREQUENT, config.vocab_size)
    rows = config.head_dim + 2.0 * ROWS
    return Cost(
        memory=_of_weights(config) + FLOAT * (2.0 * looked * (looked + config.n_embd) + rows * config.vocab_size)
    )


def of_head_losses(config: GPTConfig, B: int, T: int) -> Cost:
    """Return the cost of a text's losses without each head."""
    logits = 4 * FLOAT * float(min(B * T * config.vocab_size, max(LOSSES_AT_ONCE, B * config.vocab_size)))
    return Cost(memory=2 * _recorded(config, B * T) + logits)


def of_effects(config: GPTConfig, T: int) -> Cost:
    """Return the cost of a logit without each head: runs of the prompt, each with all of its logits."""
    return Cost(memory=2.2 * _recorded(config, T) + 2 * FLOAT * float(T) * config.vocab_size)


def of_scan(config: GPTConfig, T: int) -> Cost:
    """Return the cost of a scan of the prompt."""
    losses = costs.of_losses(config, T).memory
    return Cost(memory=max(of_effects(config, T).memory, losses, 2 * _scores(config, T)))


def of_lens_table(config: GPTConfig, T: int, count: int = 10) -> Cost:
    """Return the cost of a lens over all positions, with the table that the page is sent."""
    rows = config.n_layer + 1.0
    read = READ * FLOAT * min(T * rows * config.vocab_size, max(TABLE_AT_ONCE, rows * config.vocab_size))
    return Cost(memory=read + 3 * rows * T * (3 * FLOAT * count + 5 * FLOAT))


def of_jacobian_lens(config: GPTConfig) -> Cost:
    """Return the cost of the average Jacobians, over the model's own text."""
    L, C = config.n_layer, float(config.n_embd)
    return Cost(
        memory=4 * FLOAT * (L + 1) * C * C + FLOAT * 256 * L * ADDRESSED * C + 4 * DOUBLE * 8 * config.vocab_size
    )


def of_sweep(config: GPTConfig, T: int) -> Cost:
    """Return the cost of a sweep over two prompts: its batches of runs, and the gradients beside them."""
    L, logits = config.n_layer, FLOAT * float(T) * config.vocab_size
    learnt = FLOAT * L * (LEARNING * float(config.n_head) * T * T + ADDRESSED * float(config.n_embd) * T)
    batch = max(SWEEP_AT_ONCE, T)
    cells = 2 * _recorded(config, batch) + _scores(config, T, max(1, batch // T))
    return Cost(memory=2 * _recorded(config, T) + 2 * logits + max(learnt + 4 * logits, cells + 4 * logits))


def of_differences(config: GPTConfig, T: int) -> Cost:
    """Return the cost of holding all tensors and weights of two models against each other, a piece at a time."""
    row = max(float(config.n_head) * T, config.vocab_size, 4.0 * config.n_embd, config.n_head * float(config.n_embd))
    return Cost(memory=2 * (STAGES * FLOAT + 3 * DOUBLE) * max(PIECE, row))


# ---- what a page waits for: time and memory ----


def of_card(config: GPTConfig, T: int) -> Cost:
    """Return the cost of a head's card: its scores on the prompt, and what it reads and writes of the vocabulary."""
    L, C, V = config.n_layer, float(config.n_embd), config.vocab_size
    scores = float(config.n_head) * T * T
    memory = _of_weights(config) + _scores(config, T) + 4 * FLOAT * V
    return Cost(2 * L * C * T * T + 4 * C * V, L * scores + QUICK * WEIGHTS * L * C * C, memory)


def of_pictures(config: GPTConfig, T: int, *, whole: bool = False) -> Cost:
    """Return the cost of all heads' patterns in small, a piece of a block's at a time, or a whole block's."""
    scores = float(config.n_head) * T * T
    memory = _scores(config, T) if whole else _piece(config, T)
    return Cost(2.0 * config.n_layer * config.n_embd * T * T, config.n_layer * scores, memory)


def of_attention(config: GPTConfig, T: int, kind: str, layers: int) -> Cost:
    """Return the cost of attention summed up.

    Args:
        config: the model's sizes.
        T: tokens of the run.
        kind: "rollout" over layers, or the values of a "head" or a "layer".
        layers: layers that are rolled out.
    """
    C, H, square = float(config.n_embd), float(config.n_head), float(T) * T
    if kind == "rollout":
        memory = _scores(config, T) + 4 * FLOAT * square
        return Cost(layers * (2 * C * square + 2 * T * square), layers * H * square, memory)
    written, memory = H * T * C, _scores(config, T) + 3 * FLOAT * H * T * C
    if kind == "head":
        return Cost(2 * C * square + 2 * T * C * C, 2 * H * square + QUICK * written, memory)
    pairs = 4 * DOUBLE * min(H * square, max(WEIGHTED_AT_ONCE, H * max(T, H))) + DOUBLE * written
    # doubles take twice as long
    return Cost(2 * C * square + 2 * T * C * C + 4 * H * H * (square + T * C), 3 * H * square, memory + pairs)


def of_attribution(config: GPTConfig) -> Cost:
    """Return the cost of the parts of a logit, neurons among them."""
    L, C, V = config.n_layer, float(config.n_embd), config.vocab_size
    return Cost(2 * L * 5 * C * C, QUICK * 4 * V, FLOAT * (4 * V + 40 * L * C + 4 * C * C))


def of_neurons(config: GPTConfig, count: int) -> Cost:
    """Return the cost of finding so many neurons, and what each promotes and suppresses."""
    L, C, V = config.n_layer, float(config.n_embd), config.vocab_size
    return Cost(2 * C * (2 * count * V + L * 4 * C), 2 * count * float(V), FLOAT * (4.0 * V + 8 * L * C + 4 * C * C))


def of_residual(config: GPTConfig, T: int) -> Cost:
    """Return the cost of the lengths and turns of the residual stream."""
    numbers = (config.n_layer + 1.0) * T * config.n_embd
    return Cost(cells=QUICK * 4 * numbers, memory=6 * FLOAT * numbers)


def of_lens_grid(config: GPTConfig, T: int) -> Cost:
    """Return the cost of what a prompt would say at each depth and position."""
    rows = config.n_layer + 1.0
    logits = T * rows * config.vocab_size
    read = min(logits, max(LENS_AT_ONCE, rows * config.vocab_size))
    return Cost(2 * config.n_embd * logits, 2 * logits, (2 * FLOAT + 3 * DOUBLE) * read)


def of_one_difference(arch: Architecture, name: str, T: int) -> Cost:
    """Return the cost of drawing where a tensor or a weight of two models differs."""
    config = arch.config
    C, H, sizes = float(config.n_embd), float(config.n_head), arch.sizes(T=T)
    if name not in arch.nodes.names():
        owner = arch.owner(name)
        axes = () if owner is None else owner.weight_axes[owner.weights.index(name)]
        numbers = float(math.prod(sizes[axis] for axis in axes))
        return Cost(cells=2 * numbers, memory=8 * FLOAT * numbers)
    axes = arch.nodes[name].axes
    if axes[-1] == "V":
        logits = float(T) * config.vocab_size
        return Cost(8 * C * logits, 4 * logits, 2 * STAGES * FLOAT * logits)
    if axes[-2:] == ("T", "T"):
        return Cost(8 * C * T * T, 4 * H * T * T, 2 * (STAGES * FLOAT + DOUBLE) * H * T * T)
    numbers = float(math.prod(sizes[axis] for axis in axes))
    return Cost(cells=4 * numbers, memory=2 * (STAGES * FLOAT + DOUBLE) * numbers)


def of_page(config: GPTConfig, T: int) -> Cost:
    """Return the cost of a run as an HTML page: likely tokens after each position, the lens, the tensors that fit."""
    C, V, rows = float(config.n_embd), config.vocab_size, config.n_layer + 1.0
    logits = float(T) * V
    lens = min(rows * logits, MOST_WORK / C)
    at_once = max(min(rows * logits, PAGE_AT_ONCE), rows * V)
    text, tensors = expected_bytes(config, T, MOST_BYTES), len(architecture(config).nodes)
    words = 200.0 * V  # a label each, as Python keeps it
    memory = (2 * FLOAT + 3 * DOUBLE) * at_once + 8 * text / EXPANSION + words + SCRIPTS
    cells = 10 * logits + 6 * lens + READING * C * V + PACKING * text + DESCRIBING * tensors
    return Cost(2 * C * (2 * logits + lens), cells, memory)


# ---- parts ----


def _recorded(config: GPTConfig, tokens: int) -> float:
    """Return the bytes of all tensors that runs of so many tokens together leave behind."""
    return costs.held(config, tokens)


def _scores(config: GPTConfig, T: int, B: int = 1) -> float:
    """Return the bytes of a block's scores, of all heads, with the stages before them and a copy."""
    return (STAGES + 1) * FLOAT * float(B) * config.n_head * T * T


def _piece(config: GPTConfig, T: int) -> float:
    scores = float(config.n_head) * T * T
    return (STAGES + 1) * FLOAT * min(scores, max(PIECE, float(config.n_head) * T))


def _of_weights(config: GPTConfig) -> float:
    return WEIGHTS * FLOAT * float(config.n_layer) * config.n_embd**2


def _of_probe(config: GPTConfig, rows: int, T: int) -> float:
    """Return the bytes of some sequences of a probe, as many as go together."""
    if not T:
        return 0.0
    of_run = 12.0 * config.n_layer * config.n_embd**2
    at_once = min(rows, max(1, int(min(PROBE_AT_ONCE, MUCH / of_run) // T)))
    return 2 * _recorded(config, at_once * T) + _scores(config, T, at_once) + FLOAT * float(at_once) * config.vocab_size
