"""The scores by which heads are compared: what each is called, by chance, and of what it was measured.

This file knows no Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from gptcore import GPTConfig, Trace
from gptcore.analysis import HeadEffects, HeadFacts, HeadLosses, chance, prompt_chance, prompt_scores
from gptcore.analysis.head_scores import MATCH_COPIES, MATCH_LENGTH, SCORES, SINK, SINK_LENGTH, SINK_ROWS

PROBE, HERE = "probe", "here"
BASES: Final = {PROBE: "on the probe", HERE: "on this prompt"}
"""The tokens that attention is measured on."""
NAMES: Final = {
    "previous": "previous token",
    "induction": "induction",
    "duplicate": "duplicate token",
    "current": "current token",
    "first": "first token",
    "sink": "sink",
    "prefix": "prefix matching",
    "copying": "copying (OV)",
    "copying_of_tokens": "copying, token to logits",
    "top1": "tokens copied, OV top-1",
    "loss": "text loss gained without it",
    "predicted": "effect, predicted",
    "actual": "effect, actual",
}
"""All scores, as the selects and the table call them."""
MEANINGS: Final = SCORES | {
    "prefix": "attention to tokens that followed earlier copies of the present one",
    "copying": "eigenvalues of OV: 1 writes what it reads, −1 its opposite",
    "copying_of_tokens": "the same from a token to the logits, W_E OV W_U",
    "top1": "share of tokens whose own logit it raises most when it reads them",
    "loss": "mean loss of a held-out text without the head, minus the loss with it, in nats per token",
    "predicted": "what it adds to the logit of the most likely next token, by direct attribution",
    "actual": "what that logit loses when the head is switched off",
}
NEEDS: Final = {
    "prefix": "prefix",
    "copying": "facts",
    "copying_of_tokens": "facts",
    "top1": "top1",
    "loss": "losses",
    "predicted": "effects",
    "actual": "effects",
}
"""The measurement that a score is a part of; attention is `facts` on the probe, and at hand on a prompt."""
EFFECTS: Final = ("loss", "predicted", "actual")
"""The scores that tell what a head does to a prediction: 0 is nothing."""
KINDS: Final = ("induction", "previous", "duplicate", "current")
"""The scores that give a head its kind; sinks are told apart."""
KIND_FROM: Final = 0.3
"""The score from which a head is of a kind."""


@dataclass(frozen=True, eq=False)
class Measured:
    """All that is measured of the heads by now; None where it is not."""

    config: GPTConfig
    trace: Trace
    facts: HeadFacts | None = None
    losses: HeadLosses | None = None
    about: str = ""
    """The text of the losses."""
    effects: HeadEffects | None = None
    prefix: Tensor | None = None
    top1: Tensor | None = None


def needs(name: str, basis: str) -> str:
    """Return the measurement that a score needs; "" where it is at hand.

    >>> needs("induction", PROBE), needs("induction", HERE), needs("loss", HERE)
    ('facts', '', 'losses')
    """
    return NEEDS.get(name, "facts" if basis == PROBE else "")


def attention(measured: Measured, basis: str) -> Mapping[str, Tensor] | None:
    """Return the scores of attention, each (L, H); None where they are not measured."""
    if basis == HERE:
        return prompt_scores(measured.trace)
    return None if measured.facts is None else measured.facts.probe


def values(name: str, basis: str, measured: Measured) -> Tensor | None:
    """Return a score of all heads, (L, H); None where it is not measured."""
    if name in SCORES:
        found = attention(measured, basis)
        return None if found is None else found[name]
    facts = measured.facts
    if name in ("copying", "copying_of_tokens"):
        return None if facts is None else getattr(facts, name)
    if name == "loss":
        return None if measured.losses is None else measured.losses.lost
    if name in ("predicted", "actual"):
        return None if measured.effects is None else getattr(measured.effects, name)
    return measured.prefix if name == "prefix" else measured.top1


def by_chance(name: str, basis: str, measured: Measured) -> float:
    """Return the score of a head that knows nothing; NaN where there is none."""
    config = measured.config
    half = min(config.block_size // 2, 64)
    if name in SCORES:
        if basis == HERE:
            return prompt_chance(measured.trace)[name]
        return chance.of_scores(config, half)[name] if half else math.nan
    if name == "prefix":
        return chance.prefix_matching(min(MATCH_LENGTH, config.block_size // MATCH_COPIES), MATCH_COPIES)
    if name == "top1":
        return chance.ov_top1(config.vocab_size)
    return 0.0


def sinks(measured: Measured, basis: str) -> Tensor:
    """Return which heads are sinks, bool (L, H): they rest on the first token."""
    found = attention(measured, basis)
    L, H = measured.config.n_layer, measured.config.n_head
    return torch.zeros(L, H, dtype=torch.bool) if found is None else found["sink"] > SINK


def kind(scores: Mapping[str, Tensor], layer: int, head: int) -> str:
    """Return the kind of attention that a head pays most, sinks and the first token left out; "" where it pays none.

    >>> one = {name: torch.tensor([[.1]]) for name in KINDS}
    >>> kind(one | {"induction": torch.tensor([[.8]])}, 0, 0), kind(one, 0, 0)
    ('induction', '')
    """
    told = {name: float(scores[name][layer, head]) for name in KINDS}
    best = max(told, key=lambda name: -1.0 if math.isnan(told[name]) else told[name])
    return best if told[best] >= KIND_FROM else ""


def conventions(basis: str, measured: Measured) -> str:
    """Return how attention was measured, as a sentence."""
    config = measured.config
    if basis == HERE:
        ids = measured.trace.ids[0].tolist()
        again = len(ids) - len(set(ids))
        return (
            f"On this prompt: {len(ids)} tokens, of which {again} stood before; "
            "a mean over the queries that have such a key."
        )
    half, rest = min(config.block_size // 2, 64), min(SINK_LENGTH, config.block_size)
    return (
        f"On the probe: 16 sequences of {half} random ids (of all {config.vocab_size:,}; no special token first; "
        f"seed 0) that are repeated once. Sinks: {SINK_ROWS} sequences of {rest} random ids, seed 1."
    )
