"""Tokens that were drawn, and the texts before them, so that a step can be taken back. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gptcore.generation.sampling import Sampling

MOST_UNDONE = 200
"""Texts that are kept to go back to."""


@dataclass(frozen=True)
class Drawn:
    """A token that was drawn: what it was drawn with."""

    id: int
    probability: float
    """The probability that it was drawn with, after what was cut."""
    rank: int
    """Its place among all tokens, 1 is the most likely."""
    sampling: Sampling
    seed: int

    @property
    def how(self) -> str:
        """A phrase that tells how it was drawn."""
        sampling = self.sampling
        told = [f"T {sampling.temperature:g}"]
        told += [f"top-k {sampling.top_k}"] if sampling.top_k else []
        told += [f"top-p {sampling.top_p:g}"] if sampling.top_p is not None else []
        return f"drawn: {self.probability:.1%}, rank {self.rank}; {', '.join(told)}, seed {self.seed}"


@dataclass(frozen=True)
class Writing:
    """Tokens that generation has written, by the token's place in the whole prompt, and the texts to go back to."""

    drawn: Mapping[int, Drawn] = field(default_factory=lambda: MappingProxyType({}))
    before: tuple[tuple[str, Mapping[int, Drawn]], ...] = ()
    """(text, drawn tokens) before each change that can be taken back, the newest last."""
    steps: int = 0
    """Number of tokens that were drawn; it only grows."""

    def kept(self, count: int) -> Mapping[int, Drawn]:
        """Return the drawn tokens among the first `count`."""
        if all(index < count for index in self.drawn):
            return self.drawn
        return MappingProxyType({index: each for index, each in self.drawn.items() if index < count})

    def remembered(self, text: str) -> tuple[tuple[str, Mapping[int, Drawn]], ...]:
        """Return the texts to go back to, with this one."""
        return (*self.before, (text, self.drawn))[-MOST_UNDONE:]

    def left(self, shown: str, typed: str) -> Writing:
        """Return what is known once another text is there: nothing of it was drawn, and these can be gone back to.

        Args:
            shown: the text before, in which these tokens were drawn.
            typed: the text in the input, another one where it could not be run.
        """
        before = self.remembered(shown)
        if typed not in ("", shown):
            before = (*before, (typed, MappingProxyType({})))[-MOST_UNDONE:]
        return Writing(before=before, steps=self.steps)


NOTHING = Writing()
