"""Measurements of heads that the weights alone decide: scores on the probe, copying, composition. No prompt here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from jaxtyping import Float
from torch import Tensor

from gptcore.analysis import chance
from gptcore.analysis.composition import Reads, composition, projection_kernel
from gptcore.analysis.copying import copying
from gptcore.analysis.head_scores import SCORES, probe_pieces, probe_scores
from gptcore.analysis.patching import Progress
from gptcore.analysis.pieces import Pieces, Stopped
from gptcore.capture.models import Model, model_of


@dataclass(frozen=True, eq=False)
class HeadFacts:
    """Measurements of all heads that no prompt changes. Weights are raw, nothing is folded into them."""

    probe: Mapping[str, Float[Tensor, "L H"]]
    """Each kind of `SCORES` on the default probe of `head_scores`; NaN where a context of one token has none."""
    chance: Mapping[str, float]
    """The same of uniform attention."""
    copying: Float[Tensor, "L H"]
    """The copying score of OV."""
    copying_of_tokens: Float[Tensor, "L H"]
    """The copying score of W_E OV W_U."""
    composition: Mapping[Reads, Float[Tensor, "L H L H"]]
    """Composition scores for "q", "k" and "v"."""
    kernels: Mapping[Reads, Float[Tensor, "L H L H"]]
    """Projection kernels for the same."""


def head_facts(model: Model, *, progress: Progress | None = None) -> HeadFacts | None:
    """Measure all heads on the probe and from their weights; None where the caller stopped it.

    Args:
        model: a model or checkpoint, in eval mode.
        progress: called at the start and after each piece with the pieces that are done and all; a False stops.

    Raises:
        ValueError: the model is in training mode with dropout.

    >>> from gptcore import GPT, GPTConfig
    >>> found = head_facts(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval())
    >>> sorted(found.composition), found.probe["induction"].shape
    (['k', 'q', 'v'], torch.Size([2, 2]))
    """
    gpt, reads = model_of(model), get_args(Reads)
    L, H = gpt.config.n_layer, gpt.config.n_head
    half = min(gpt.config.block_size // 2, 64)
    try:
        pieces = Pieces(progress, (probe_pieces(gpt) if half else 0) + 2 + len(reads) * 2 * max(0, L - 1))
        probe = dict.fromkeys(SCORES, found_nothing(L, H))
        if half:
            probe = probe_scores(gpt, pieces.done)
        own = copying(gpt)
        pieces.done()
        of_tokens = copying(gpt, through_vocabulary=True)
        pieces.done()
        return HeadFacts(
            probe,
            chance.of_scores(gpt.config, half) if half else dict.fromkeys(SCORES, math.nan),
            own,
            of_tokens,
            {which: composition(gpt, which, after=pieces.done) for which in reads},
            {which: projection_kernel(gpt, which, after=pieces.done) for which in reads},
        )
    except Stopped:
        return None


def found_nothing(L: int, H: int) -> Float[Tensor, "L H"]:
    """Return NaN for each head."""
    return Tensor([[math.nan] * H] * L)
