"""From the logits of one position to the token that is drawn: a distribution, stage by stage, and one number from it.

This file knows tensors of V numbers; it knows no model, no trace and no text.
"""

from __future__ import annotations

import hashlib
import math
import operator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

STAGES = ("logits", "temperature", "top_k", "top_p")
"""The stages in their order: each one reads the one before."""


@dataclass(frozen=True)
class Sampling:
    """The choices that turn logits into a distribution to draw from, in the order of the fields.

    The stages are those of nanoGPT's `generate` and of transformers' `TemperatureLogitsWarper`, `TopKLogitsWarper` and
    `TopPLogitsWarper`, ties included. top_p is the nucleus of Holtzman et al. 2020, "The Curious Case of Neural Text
    Degeneration".

    Raises:
        ValueError: a number outside its range.

    >>> Sampling(temperature=0.5, top_k=2).probs(torch.tensor([1.0, 3.0, 2.0]))
    tensor([0.0000, 0.8808, 0.1192])
    >>> Sampling(temperature=-1)
    Traceback (most recent call last):
    ValueError: temperature must be a number of at least 0, got -1; 0 takes the most likely token, 1 leaves logits alone
    """

    temperature: float = 0.8
    """The logits are divided by it. At 0 all tokens but the most likely one are cut, of equals the first: greedy."""
    top_k: int | None = 40
    """Tokens less likely than the k-th are cut; those as likely as the k-th stay, all of them. None cuts nothing."""
    top_p: float | None = None
    """The most likely tokens whose probabilities add up to this, or just above, stay. None cuts nothing."""

    def __post_init__(self) -> None:
        if not (_is_number(self.temperature) and 0 <= self.temperature < math.inf):
            raise ValueError(
                f"temperature must be a number of at least 0, got {self.temperature!r}; 0 takes the most likely token, "
                "1 leaves logits alone"
            )
        if self.top_k is not None and whole(self.top_k, at_least=1) is None:
            raise ValueError(f"top_k must be a whole number of at least 1, got {self.top_k!r}; None keeps all tokens")
        if self.top_p is not None and not (_is_number(self.top_p) and 0 <= self.top_p <= 1):
            raise ValueError(f"top_p must be a number from 0 to 1, got {self.top_p!r}; None keeps all tokens")

    def stages(self, logits: Float[Tensor, " V"]) -> dict[str, Float[Tensor, " V"]]:
        """Return the scores after each of `STAGES`; -inf for what is cut. A stage not asked for changes nothing.

        Half precision is computed in float32. The softmax of any stage is the distribution there.

        Raises:
            ValueError: not V numbers.

        >>> Sampling(temperature=0.5, top_k=2).stages(torch.tensor([1.0, 3.0, 2.0]))["top_k"]
        tensor([-inf, 6., 4.])
        """
        if logits.dim() != 1 or not logits.is_floating_point() or not len(logits):
            raise ValueError(
                f"the logits of one position are wanted, (V,), got {logits.dtype} of the shape {tuple(logits.shape)}; "
                "take trace.logits[0, -1]"
            )
        scores = logits if logits.dtype in (torch.float32, torch.float64) else logits.float()
        found = {"logits": scores}
        found["temperature"] = scores = self._tempered(scores)
        if self.top_k is not None and self.top_k < len(scores):
            scores = scores.masked_fill(scores < torch.topk(scores, self.top_k).values[-1], -math.inf)
        found["top_k"] = scores
        if self.top_p is not None:
            scores = _nucleus(scores, self.top_p)
        found["top_p"] = scores
        return found

    def probs(self, logits: Float[Tensor, " V"]) -> Float[Tensor, " V"]:
        """Return the probabilities that a token is drawn with: the softmax of the last stage."""
        return self.stages(logits)[STAGES[-1]].softmax(dim=-1)

    def _tempered(self, logits: Tensor) -> Tensor:
        if self.temperature:
            return logits / self.temperature
        best = logits.argmax()
        return torch.full_like(logits, -math.inf).index_copy(0, best[None], logits[best][None])


def _nucleus(scores: Tensor, top_p: float) -> Tensor:
    """Cut the least likely tokens, as long as those cut add up to no more than 1 - top_p; keep the best."""
    ascending = scores.sort()
    cut = ascending.values.softmax(dim=-1).cumsum(dim=-1) <= 1 - top_p
    cut[-1] = False
    return scores.masked_fill(torch.zeros_like(cut).scatter(0, ascending.indices, cut), -math.inf)


def draw(probs: Float[Tensor, " V"], generator: torch.Generator) -> int:
    """Draw a token: the first whose probability, added to those of all ids before it, exceeds a random number.

    One number of the generator, uniform in [0, 1), is used; the global random numbers stay as they are. Computed on the
    CPU, so that a seed gives the same token on each device.

    Raises:
        ValueError: the probabilities hold a NaN.

    >>> draw(torch.tensor([0.0, 1.0, 0.0]), generator_at(seed=0, position=7))
    1
    """
    upto = probs.double().cpu().cumsum(0)  # (V,)
    total = upto[-1]
    if not total > 0:  # also for NaN
        raise ValueError(
            "the probabilities of the next token are no numbers (NaN), because the logits hold a NaN or infinity; "
            "look for the first tensor of the trace that does, or take a temperature that is not so close to 0"
        )
    random = torch.rand((), dtype=torch.float64, generator=generator) * total
    last = torch.searchsorted(upto, total)  # the last token that can be drawn, should the product be rounded up
    return int(torch.minimum(torch.searchsorted(upto, random, right=True), last))


def generator_at(seed: int, position: int) -> torch.Generator:
    """Return the random numbers for one place of a text: the same whatever was drawn before, and however many.

    Args:
        seed: any whole number.
        position: the place of the token that is to be drawn, counted from the start of the text.

    >>> first, again = (torch.rand(3, generator=generator_at(seed=0, position=5)) for _ in range(2))
    >>> first.equal(again), first.equal(torch.rand(3, generator=generator_at(seed=0, position=6)))
    (True, False)
    """
    mixed = hashlib.blake2b(f"{seed} {position}".encode(), digest_size=4).digest()  # PyTorch's CPU uses 32 bits of it
    return torch.Generator().manual_seed(int.from_bytes(mixed, "big"))


def whole(value: object, at_least: int) -> int | None:
    """Return a whole number as an int; None for anything else, and for what is too small."""
    try:
        found = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None
    return None if isinstance(value, bool) or found < at_least else found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
