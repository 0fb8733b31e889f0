"""Neurons of the MLPs: which are active on a prompt, and what each promotes and suppresses. A neuron is a channel of
`mlp.gelu`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import unembedding, wide
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.model import GPT


@dataclass(frozen=True)
class Neuron:
    """A neuron with a number: its activation, or what it adds to a logit."""

    layer: int
    index: int
    value: float


@dataclass(frozen=True)
class Tokens:
    """Tokens with numbers, the largest first, or the smallest first where they are suppressed."""

    ids: tuple[int, ...]
    values: tuple[float, ...]

    @classmethod
    def top(cls, values: Float[Tensor, " V"], count: int, largest: bool = True) -> Tokens:
        """Return the tokens with the largest (or smallest) values."""
        found = values.topk(min(count, len(values)), largest=largest)
        return cls(tuple(found.indices.tolist()), tuple(found.values.tolist()))


def most_active(
    trace: Trace, position: int = -1, count: int = 10, layer: int | None = None, row: int = 0
) -> list[Neuron]:
    """Return the neurons with the largest activations (after the GELU) at a position, the largest first.

    Args:
        trace: the run.
        position: the position, negative ones from the end.
        count: how many.
        layer: one layer's alone; None for all layers.
        row: the sequence of the batch.

    Raises:
        ValueError: a position, row or layer that is not there.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = most_active(capture(model, [3, 1, 4]), count=3)
    >>> len(found), found[0].value >= found[2].value
    (3, True)
    """
    config = trace.config
    for name, index, first, size in (("position", position, -trace.T, trace.T), ("row", row, 0, trace.B),
                                     ("layer", layer, 0, config.n_layer)):  # fmt: skip
        if index is not None and not first <= index < size:
            raise ValueError(f"{name} must be from {first} to {size - 1}, got {index}; take one of these")
    at, layers = position % trace.T, range(config.n_layer) if layer is None else range(layer, layer + 1)
    arch = architecture(config)
    hidden = torch.stack([trace.rows(arch.named("mlp hidden", i), at, at + 1)[row, 0] for i in layers])  # (L, 4C)
    best = hidden.flatten().topk(min(count, hidden.numel()))
    return [
        Neuron(layers[place // hidden.size(1)], place % hidden.size(1), value)
        for place, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


@torch.no_grad()
def neuron_logits(model: Model, layer: int, neuron: int) -> Float[Tensor, " V"]:
    """Return what a neuron adds to each logit for an activation of 1: its row of W_out @ W_U, raw, without any norm.

    Raises:
        IndexError: there is no such layer or neuron.

    Source: Geva et al. 2022, "Transformer Feed-Forward Layers Build Predictions by Promoting Concepts".

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> neuron_logits(model, 1, 15).shape
    torch.Size([5])
    """
    gpt = model_of(model)
    rows = _written(gpt, layer)  # (4C, C)
    if not 0 <= neuron < len(rows):
        raise IndexError(f"there is no neuron {neuron}; choose one from 0 to {len(rows) - 1}")
    return rows[neuron] @ unembedding(gpt)


def promoted(model: Model, layer: int, neuron: int, count: int = 10) -> Tokens:
    """Return the tokens that a neuron promotes most when it is active; see `neuron_logits`.

    >>> from gptcore import GPTConfig
    >>> len(promoted(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)), 1, 3, count=2).ids)
    2
    """
    return Tokens.top(neuron_logits(model, layer, neuron), count)


def suppressed(model: Model, layer: int, neuron: int, count: int = 10) -> Tokens:
    """Return the tokens that a neuron suppresses most when it is active; see `neuron_logits`.

    >>> from gptcore import GPTConfig
    >>> len(suppressed(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)), 1, 3).values)
    5
    """
    return Tokens.top(neuron_logits(model, layer, neuron), count, largest=False)


@torch.no_grad()
def search_neurons(model: Model, token: int, count: int = 10, suppress: bool = False) -> list[Neuron]:
    """Return the neurons of all layers that promote a token most (or suppress it), by what they add to its logit.

    Raises:
        ValueError: the token is beyond the vocabulary.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4))
    >>> best, *_ = search_neurons(model, 3)
    >>> abs(neuron_logits(model, best.layer, best.index)[3].item() - best.value) < 1e-6
    True
    """
    gpt = model_of(model)
    if not 0 <= token < gpt.config.vocab_size:
        raise ValueError(f"token must be an id from 0 to {gpt.config.vocab_size - 1}, got {token}; take one of these")
    direction = unembedding(gpt)[:, token]
    added = torch.stack([_written(gpt, layer) @ direction for layer in range(gpt.config.n_layer)])  # (L, 4C)
    best = added.flatten().topk(min(count, added.numel()), largest=not suppress)
    return [
        Neuron(place // added.size(1), place % added.size(1), value)
        for place, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _written(gpt: GPT, layer: int) -> Float[Tensor, "4C C"]:
    if not 0 <= layer < gpt.config.n_layer:
        raise IndexError(f"there is no layer {layer}; choose one from 0 to {gpt.config.n_layer - 1}")
    return wide(gpt.transformer.h[layer].mlp.c_proj.weight).T
