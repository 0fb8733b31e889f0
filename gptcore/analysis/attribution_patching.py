"""Attribution patching: what `patch_sweep` would find, estimated by one gradient. Show it beside the exact sweep."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.patching import BY_HEAD, Metric, Pair, What, name_of, shape_of
from gptcore.capture.gradients import gradients
from gptcore.capture.ids import Ids
from gptcore.capture.models import Model


def attribution_patching(model: Model, clean: Ids, corrupt: Ids, metric: Metric, what: What) -> Float[Tensor, "L n"]:
    """Return (a_clean - a_corrupt) * dm/da at the corrupt run, added up over each cell, over m_clean - m_corrupt.

    The shapes, cells and scale are those of `patch_sweep`, which it estimates to first order: well where a patch
    changes little, poorly for the residual stream, whose patches change all that follows, and for patterns.

    Args:
        model: a model or checkpoint, in eval mode.
        clean: ids of the prompt that goes right, (T,) or (B, T).
        corrupt: as many ids, aligned token by token.
        metric: takes the logits of all positions, (B, T, V), and returns a tensor of one number, which has a gradient.
        what: what is patched; see `patch_sweep`.

    Raises:
        ValueError: as `patch_sweep`; a metric without a gradient.

    Source: Nanda 2023, "Attribution Patching: Activation Patching At Industrial Scale"; Syed et al. 2023.

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = attribution_patching(model, [3, 1, 4], [2, 1, 4], lambda logits: logits[0, -1, 4], "mlp")
    >>> found.shape
    torch.Size([2, 3])
    """
    pair = Pair.of(model, clean, corrupt, metric)
    layers, _ = shape_of(pair.clean, what)
    names = [name_of(pair.clean.config, what, layer) for layer in range(layers)]
    slopes = gradients(pair.model, pair.corrupt.ids, metric, names)  # type: ignore[arg-type]  # checked there
    found = []
    for name in names:
        change = (pair.clean[name] - pair.corrupt[name]).double() * slopes[name]
        found.append(change.sum(dim=(0, 2, 3) if what in BY_HEAD else (0, 2)))  # (H,) or (T,)
    return torch.stack(found).cpu() / (pair.of_clean - pair.of_corrupt)
