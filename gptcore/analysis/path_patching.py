"""Path patching: what a head tells one other head, and no one else. Corrupt into clean: what the prediction needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.patching import Metric, Pair, Progress, number
from gptcore.capture.capture import capture
from gptcore.capture.edits import Edit
from gptcore.capture.ids import Ids
from gptcore.capture.models import Model
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Role

INPUTS: dict[str, Role] = {"q": "query", "k": "key", "v": "value"}


class Receiver(NamedTuple):
    """The input of a head that the path ends in: what its queries, keys or values are made from."""

    layer: int
    head: int
    input: Literal["q", "k", "v"]


def path_patching(
    model: Model,
    clean: Ids,
    corrupt: Ids,
    metric: Metric,
    sender: tuple[int, int],
    receivers: Sequence[tuple[int, int, str]] | None = None,
) -> float:
    """Return how much of the metric is left when one head tells certain others what it would on the corrupt prompt.

    The clean prompt is run with the sender's z from the corrupt run and those of all other heads frozen as they were;
    norms and MLPs are computed anew. The inputs of the receivers are saved, and the clean prompt is run once more with
    them. The value is (m_patched - m_corrupt) / (m_clean - m_corrupt): 1 where the path does not matter, 0 where the
    prediction becomes as bad as on the corrupt prompt.

    Args:
        model: a model or checkpoint, in eval mode.
        clean: ids of the prompt that goes right, (T,) or (B, T).
        corrupt: as many ids, aligned token by token.
        metric: takes the logits of all positions, (B, T, V), and returns one number.
        sender: layer and head.
        receivers: layer, head and input ("q", "k" or "v") of each head that is told; None for the logits themselves.

    Raises:
        ValueError: prompts of different lengths, a metric that does not tell them apart, a head or an input that is
            not there.

    Source: Wang et al. 2022, "Interpretability in the Wild", appendix B.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> metric = lambda logits: logits[0, -1, 4] - logits[0, -1, 2]
    >>> path_patching(model, [3, 1, 4], [2, 1, 4], metric, sender=(1, 0), receivers=[(0, 1, "q")])  # it is below
    1.0
    """
    pair = Pair.of(model, clean, corrupt, metric)
    return _left(pair, sender, _checked(pair.clean, receivers))


def path_sweep(
    model: Model,
    clean: Ids,
    corrupt: Ids,
    metric: Metric,
    receivers: Sequence[tuple[int, int, str]] | None = None,
    *,
    progress: Progress | None = None,
) -> Float[Tensor, "L H"]:
    """Return `path_patching` from every head, (L, H): 1 where a head has no path to the receivers or none that matters.

    `progress` is called as by `patch_sweep`.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> path_sweep(model, [3, 1, 4], [2, 1, 4], lambda logits: logits[0, -1, 4], [(1, 0, "k")])[1]
    tensor([1., 1.], dtype=torch.float64)
    """
    pair = Pair.of(model, clean, corrupt, metric)
    told, config = _checked(pair.clean, receivers), pair.clean.config
    found = torch.full((config.n_layer, config.n_head), torch.nan, dtype=torch.float64)
    for done, (layer, head) in enumerate(found.isnan().nonzero().tolist()):
        if progress is not None and progress(done, found.numel()) is False:
            return found
        found[layer, head] = _left(pair, (layer, head), told)
    if progress is not None:
        progress(found.numel(), found.numel())
    return found


def _left(pair: Pair, sender: tuple[int, int], receivers: Sequence[Receiver] | None) -> float:
    """Return the share of the metric that is left of one path."""
    layer, head = sender
    _in_model(pair.clean, layer, head)
    if receivers is not None and not any(each.layer > layer for each in receivers):
        return 1.0  # nothing that a head writes reaches its own layer's heads, or those below
    arch, L = architecture(pair.clean.config), pair.clean.config.n_layer
    edits = [Edit(arch.named("weighted values", layer), "patch", pair.corrupt, head=head)]
    edits += [Edit(arch.named("weighted values", above), "patch", pair.clean) for above in range(layer + 1, L)]
    told = capture(pair.model, pair.clean.ids, edits=edits, previous=pair.clean)
    if receivers is not None:
        inputs = [Edit(arch.named(INPUTS[each.input], each.layer), "patch", told, head=each.head) for each in receivers]
        told = capture(pair.model, pair.clean.ids, edits=inputs, previous=pair.clean)
    return pair.normalised(number(pair.metric, told.logits))


def _checked(trace: Trace, receivers: Sequence[tuple[int, int, str]] | None) -> list[Receiver] | None:
    if receivers is None:
        return None
    found = []
    for layer, head, which in receivers:
        _in_model(trace, layer, head)
        if which not in INPUTS:
            raise ValueError(f"a receiver's input is one of {', '.join(INPUTS)}, got {which!r}")
        found.append(Receiver(layer, head, which))  # type: ignore[arg-type]  # checked
    return found


def _in_model(trace: Trace, layer: int, head: int) -> None:
    L, H = trace.config.n_layer, trace.config.n_head
    if not (0 <= layer < L and 0 <= head < H):
        raise ValueError(f"there is no head {layer}.{head}; choose a layer from 0 to {L - 1}, a head from 0 to {H - 1}")
