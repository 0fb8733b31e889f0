"""Ablations as edits: builders of `Edit`s that switch heads off in the ways of the literature. No run here, but one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float

from gptcore.analysis.patching import Metric, Progress, number
from gptcore.capture.capture import capture
from gptcore.capture.edits import Edit
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture


def knock_out(config: GPTConfig, layer: int, head: int, edges: Iterable[tuple[int, int]]) -> list[Edit]:
    """Return edits that cut edges of a head's attention: what a query sees of a key is minus infinity before softmax.

    The query's attention to its other keys grows, as each row still adds up to 1.

    Args:
        config: the model's sizes.
        layer: the block.
        head: the head.
        edges: pairs of a query and a key, positions from 0, the key not after the query.

    Raises:
        ValueError: no edge, an edge to a later key, or a query that would see no key any more.
        KeyError: there is no such layer.

    Source: Geva et al. 2023, "Dissecting Recall of Factual Associations in Auto-Regressive Language Models".

    >>> knock_out(GPTConfig.preset("baby-gpt"), 1, 3, [(7, 2)])
    [Edit('transformer.h.1.attn.masked', 'set', float('-inf'), head=3, position=7, key=(2,))]
    """
    cut: dict[int, set[int]] = {}
    for query, key in edges:
        if not 0 <= key <= query:
            raise ValueError(f"an edge is (query, key) with 0 <= key <= query, got ({query}, {key})")
        cut.setdefault(query, set()).add(key)
    if not cut:
        raise ValueError("no edge to cut; give pairs of a query and a key")
    for query, keys in cut.items():
        if len(keys) == query + 1:
            raise ValueError(f"query {query} would see no key any more, and its row would be no numbers; leave one")
    name = architecture(config).named("masked scores", layer)
    return [Edit(name, "set", -torch.inf, head=head, position=q, key=sorted(keys)) for q, keys in sorted(cut.items())]


def switch_off(config: GPTConfig, layer: int, head: int | Sequence[int] | None = None) -> Edit:
    """Return the edit that sets a head's z to zero, of some heads, or of a whole layer.

    >>> switch_off(GPTConfig.preset("baby-gpt"), 1, 3)
    Edit('transformer.h.1.attn.z', 'zero', head=3)
    """
    return Edit(architecture(config).named("weighted values", layer), "zero", head=head)


def mean_ablation(reference: Trace, name: str, head: int | None = None, T: int | None = None) -> Edit:
    """Return the edit that sets a tensor to its mean over the sequences of a reference run, position by position.

    Args:
        reference: a run over B sequences of a text, none of them the prompt.
        name: the tensor: the residual stream, an MLP's output, a head's z, ...
        head: the head, where the tensor has heads; None for all.
        T: the length of the run that is edited; by default that of the reference.

    Raises:
        ValueError: the run is longer than the reference, or the tensor is of pairs of positions, or has no heads.
        KeyError: no such tensor in the reference.

    Source: Wang et al. 2022, "Interpretability in the Wild".

    >>> from gptcore import GPT
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> edit = mean_ablation(capture(model, [[3, 1, 4], [2, 0, 1]]), "transformer.h.1.attn.z", head=1, T=2)
    >>> edit.name, edit.head, edit.value.shape
    ('transformer.h.1.attn.z', 1, torch.Size([2, 2]))
    """
    T = reference.T if T is None else T
    if not 1 <= T <= reference.T:
        raise ValueError(f"the reference has {reference.T} positions, so it gives no mean for {T}; take a longer one")
    known = reference.shapes().get(name)
    axes = known[0] if known else ()
    if axes.count("T") != 1 and known:
        raise ValueError(f"{name} has the axes ({', '.join(axes)}), of which no mean by position can be set")
    if head is not None and "H" not in axes and known:
        raise ValueError(f"{name} has the axes ({', '.join(axes)}), so it takes no head; got head={head}")
    mean = reference.rows(name, 0, T)  # a KeyError lists near names
    mean = mean.mean(dim=axes.index("B")) if "B" in axes else mean
    return Edit(name, "set", mean if head is None else mean[head], head=head, position=slice(0, T))


def resample(other: Trace, name: str, head: int | Sequence[int] | None = None) -> Edit:
    """Return the edit that takes a tensor from another run of the same length: another prompt's, drawn at random.

    Source: Chan et al. 2022, "Causal Scrubbing".

    >>> from gptcore import GPT
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> resample(capture(model, [3, 1, 4]), "transformer.h.1.attn.z", head=1)
    Edit('transformer.h.1.attn.z', 'patch', other, head=1)
    """
    return Edit(name, "patch", other, head=head)


def freeze_patterns(clean: Trace, layer: int = 0) -> list[Edit]:
    """Return edits that keep the patterns of a run, of all heads from a layer up.

    >>> from gptcore import GPT
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=3, n_head=2, n_embd=4)).eval()
    >>> [edit.name for edit in freeze_patterns(capture(model, [3, 1, 4]), layer=1)]
    ['transformer.h.1.attn.pattern', 'transformer.h.2.attn.pattern']
    """
    arch = architecture(clean.config)
    return [Edit(arch.named("pattern", above), "patch", clean) for above in range(layer, clean.config.n_layer)]


def pattern_preserving(clean: Trace, layer: int, head: int | Sequence[int] | None = None) -> list[Edit]:
    """Return edits that switch a head off and keep every later pattern: what its output does, not where others look.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (their ablation algorithm).

    >>> from gptcore import GPT
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> pattern_preserving(capture(model, [3, 1, 4]), 0, 1)
    [Edit('transformer.h.0.attn.z', 'zero', head=1), Edit('transformer.h.1.attn.pattern', 'patch', other)]
    """
    return [switch_off(clean.config, layer, head), *freeze_patterns(clean, layer + 1)]


def ablation_sweep(
    model: Model, trace: Trace, metric: Metric, *, keep_patterns: bool = False, progress: Progress | None = None
) -> Float[torch.Tensor, "L H"]:
    """Return what the metric gains when each head is switched off, one at a time: m without it - m, in float64.

    Beside minus the head's part of `logit_attribution` it shows what later parts make up for: the two would be alike
    if nothing behind the head changed.

    Args:
        model: the model of the run.
        trace: the run; its edits stay.
        metric: takes the logits of all positions, (B, T, V), and returns one number.
        keep_patterns: True keeps every later pattern as it was.
        progress: as for `patch_sweep`: a False from it stops the sweep, and the heads that are left are NaN.

    Raises:
        ValueError: a metric that is no single number.

    >>> from gptcore import GPT
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> ablation_sweep(model, capture(model, [3, 1, 4]), lambda logits: logits[0, -1, 4]).shape
    torch.Size([2, 2])
    """
    gpt, config = model_of(model), trace.config
    before = number(metric, trace.logits)
    found = torch.full((config.n_layer, config.n_head), torch.nan, dtype=torch.float64)
    for done, (layer, head) in enumerate(found.isnan().nonzero().tolist()):
        if progress is not None and progress(done, found.numel()) is False:
            return found
        more = pattern_preserving(trace, layer, head) if keep_patterns else [switch_off(config, layer, head)]
        changed = capture(gpt, trace.ids, edits=[*trace.edits, *more], previous=trace)
        found[layer, head] = number(metric, changed.logits) - before
    if progress is not None:
        progress(found.numel(), found.numel())
    return found
