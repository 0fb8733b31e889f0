"""A head's card: what is known of one head, on a probe, on a prompt and from its weights, with the levels by chance.

A head that does one thing on random tokens may do another on a text: so each score has a state on this very prompt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gptcore.analysis import chance
from gptcore.analysis.composition import Reads
from gptcore.analysis.head_facts import HeadFacts, head_facts
from gptcore.analysis.head_losses import HeadLosses, head_losses
from gptcore.analysis.head_scores import SCORES, prompt_chance, prompt_scores
from gptcore.analysis.head_weights import HeadWeights, embedding, head_weights, unembedding
from gptcore.analysis.neurons import Tokens
from gptcore.analysis.patching import Progress
from gptcore.capture.ids import Ids
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.model import GPT

ACTIVE = 0.3
"""A head is active in a way on a prompt if it pays so much attention in this way there, as a sink does."""
State = Literal["active here", "inactive here", "not applicable"]


class Score(NamedTuple):
    """One score of a head."""

    probe: float
    """The score on random tokens repeated once (the sink: on random tokens)."""
    chance: float
    """The score of uniform attention on that probe."""
    here: float | None
    """The score on this prompt; None where no query of it has such a key."""
    state: State
    chance_here: float | None = None
    """The score of uniform attention on this prompt."""


class Edge(NamedTuple):
    """A query and the key that it looks at."""

    query: int
    key: int
    weight: float


class Writer(NamedTuple):
    """An earlier head, and how much the head reads of what it writes."""

    layer: int
    head: int
    score: float


@dataclass(frozen=True, eq=False)
class HeadCard:
    """The measurements of one head. Weights are raw, nothing is folded into them."""

    layer: int
    head: int
    scores: Mapping[str, Score]
    """Each kind of `SCORES`."""
    looks: tuple[Edge, ...]
    """The largest weights of its pattern on this prompt; not of the first token, which has no choice."""
    position: int
    """The position that the following fields are of."""
    looks_here: tuple[Edge, ...]
    """The keys that this position looks at most."""
    by_distance: Float[Tensor, " T"]
    """The mean attention to the key so many positions back on this prompt, over the queries that have one."""
    prefers: Tokens
    """For the token at the position as a query: the tokens it would look at, by W_E[token] QK W_E.T, raw."""
    writes: Tokens
    """For the token that the position looks at most: the tokens whose logits it raises, by W_E[token] OV W_U."""
    read_token: int
    """That token's id."""
    copying: float
    """The copying score of OV, from -1 to 1."""
    copying_of_tokens: float
    """The copying score of W_E OV W_U."""
    copying_chance: float
    """The standard deviation of the first by chance, whose mean is 0."""
    composes: Mapping[Reads, tuple[Writer, ...]]
    """For "q", "k" and "v": the earlier heads with the largest composition scores; none in layer 0."""
    kernels: Mapping[Reads, tuple[Writer, ...]]
    """The same by the projection kernel."""
    loss: float | None
    """The mean loss of the held-out text, in nats per token; None without one."""
    loss_without: float | None
    """The same with this head switched off."""


def head_card(
    model: Model, layer: int, head: int, trace: Trace, held_out: Ids | None = None, count: int = 5,
    *, position: int = -1, facts: HeadFacts | None = None, losses: HeadLosses | None = None,
) -> HeadCard:  # fmt: skip
    """Return the card of one head; `head_cards` makes all of them at little more cost.

    Args:
        model: a model or checkpoint, in eval mode.
        layer: the block.
        head: the head.
        trace: a run over the prompt that "here" means; its first sequence is looked at.
        held_out: ids of a text that the model has not seen, (T,) or (B, T), on which the head is switched off.
        count: the number of edges, tokens and earlier heads in each list.
        position: the position whose keys and tokens are told, negative ones from the end.
        facts: what `head_facts` has measured of these weights; measured here without it.
        losses: what `head_losses` has measured on the held-out text, instead of the text.

    Raises:
        ValueError: a head or a position that is not there, or a held-out text of one token.

    >>> from gptcore import GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> card = head_card(model, 1, 0, capture(model, [3, 1, 4]), held_out=[2, 0, 2, 1])
    >>> card.scores["induction"].state, len(card.looks), len(card.composes["k"])
    ('not applicable', 5, 2)
    """
    gpt, L, H = model_of(model), trace.config.n_layer, trace.config.n_head
    if not (0 <= layer < L and 0 <= head < H):
        raise ValueError(f"there is no head {layer}.{head}; choose a layer from 0 to {L - 1}, a head from 0 to {H - 1}")
    if not -trace.T <= position < trace.T:
        raise ValueError(f"position must be from -{trace.T} to {trace.T - 1}, got {position}; take one of the run's")
    found = facts or head_facts(gpt)
    assert found is not None  # nobody stops it
    if losses is None and held_out is not None:
        losses = head_losses(gpt, held_out, only=[(layer, head)])
    return _Made(gpt, trace, found, losses, count, position).card(layer, head)


def head_cards(
    model: Model, trace: Trace, held_out: Ids | None = None, count: int = 5,
    *, counted: Bool[Tensor, "B t"] | None = None, progress: Progress | None = None,
) -> list[HeadCard]:  # fmt: skip
    """Return the cards of all heads, layer by layer. What all heads share is measured once.

    Args:
        model: a model or checkpoint, in eval mode.
        trace: a run over the prompt that "here" means.
        held_out: as for `head_card`.
        count: as for `head_card`.
        counted: the targets of the held-out text that count, as for `head_losses`.
        progress: called with the pieces of work that are done and all: those of `head_facts`, then one for each card.
            A False stops it, and the cards that are made by then are returned.

    Raises:
        ValueError: as `head_losses`.

    >>> from gptcore import GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> [(card.layer, card.head) for card in head_cards(model, capture(model, [3, 1, 4]))]
    [(0, 0), (0, 1), (1, 0), (1, 1)]
    """
    gpt, places = model_of(model), list(product(range(trace.config.n_layer), range(trace.config.n_head)))
    at = 0

    def shared(done: int, of: int) -> bool | None:
        nonlocal at
        at = of
        return None if progress is None else progress(done, of + len(places))

    facts, cards = head_facts(gpt, progress=shared), list[HeadCard]()
    if facts is None:
        return cards
    made = _Made(gpt, trace, facts, None, count)

    def card(done: int, _: int) -> bool | None:
        """Make the card of the head whose loss is there."""
        if done:
            cards.append(made.card(*places[done - 1]))
        return None if progress is None or not done else progress(at + done, at + len(places))

    if held_out is None:
        for done in range(len(places) + 1):
            if card(done, len(places)) is False:
                break
        return cards
    losses = head_losses(gpt, held_out, counted, progress=card)
    return [
        replace(card, loss=losses.loss, loss_without=float(losses.without[card.layer, card.head])) for card in cards
    ]


class _Made:
    """The cards of one model and prompt; `facts` and `losses` may be those of an earlier call."""

    def __init__(
        self, model: GPT, trace: Trace, facts: HeadFacts, losses: HeadLosses | None, count: int, position: int = -1
    ) -> None:
        self.model, self.trace, self.facts, self.losses, self.count = model, trace, facts, losses, count
        self.config, self.position = model.config, position % trace.T
        self.here = prompt_scores(trace)
        self.chance_here = prompt_chance(trace)
        self.weights = head_weights(model)

    def card(self, layer: int, head: int) -> HeadCard:
        pattern = self.trace.rows(architecture(self.config).named("pattern", layer), 0, self.trace.T)[0, head]
        pattern = pattern.float().cpu()  # (T, T)
        ids, at = self.trace.ids[0], self.position
        token, read = int(ids[at]), int(ids[int(pattern[at].argmax())])
        facts, losses = self.facts, self.losses
        return HeadCard(
            layer,
            head,
            scores={kind: self._score(kind, layer, head) for kind in SCORES},
            looks=self._edges(pattern[1:].flatten(), 1, (self.trace.T + 2) * (self.trace.T - 1) // 2),
            position=at,
            looks_here=self._edges(pattern[at], at, at + 1),
            by_distance=torch.stack([pattern.diagonal(-back).mean() for back in range(self.trace.T)]),
            prefers=Tokens.top(_circuit("qk", self.model, self.weights, layer, head, token), self.count),
            writes=Tokens.top(_circuit("ov", self.model, self.weights, layer, head, read), self.count),
            read_token=read,
            copying=float(facts.copying[layer, head]),
            copying_of_tokens=float(facts.copying_of_tokens[layer, head]),
            copying_chance=chance.copying(self.config.head_dim)[1],
            composes={which: self._writers(found, layer, head) for which, found in facts.composition.items()},
            kernels={which: self._writers(found, layer, head) for which, found in facts.kernels.items()},
            loss=None if losses is None else losses.loss,
            loss_without=None if losses is None else float(losses.without[layer, head]),
        )

    def _score(self, kind: str, layer: int, head: int) -> Score:
        here, probe = float(self.here[kind][layer, head]), float(self.facts.probe[kind][layer, head])
        levels = self.facts.chance[kind], self.chance_here[kind]
        if math.isnan(here):
            return Score(probe, levels[0], None, "not applicable", None)
        return Score(probe, levels[0], here, "active here" if here >= ACTIVE else "inactive here", levels[1])

    def _edges(self, weights: Float[Tensor, " n"], first: int, most: int) -> tuple[Edge, ...]:
        """Return the largest of so many weights; they begin with the row of the query `first`."""
        found = weights.topk(min(self.count, most, len(weights)))
        T = self.trace.T
        places = zip(found.indices.tolist(), found.values.tolist(), strict=True)
        return tuple(Edge(first + place // T, place % T, weight) for place, weight in places)

    def _writers(self, scores: Float[Tensor, "L H L H"], layer: int, head: int) -> tuple[Writer, ...]:
        earlier = scores[:layer, :, layer, head].flatten()
        found = earlier.topk(min(self.count, len(earlier)))
        places = zip(found.indices.tolist(), found.values.tolist(), strict=True)
        return tuple(Writer(place // self.config.n_head, place % self.config.n_head, score) for place, score in places)


def qk_logits(model: Model, layer: int, head: int, token: int) -> Float[Tensor, " V"]:
    """Return how much a head's query of a token asks for each token as a key: W_E[token] QK W_E.T, raw.

    Raises:
        IndexError: a layer, head or token that is not there.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (the QK circuit).

    >>> from gptcore import GPTConfig
    >>> qk_logits(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)), 1, 0, 3).shape
    torch.Size([5])
    """
    return _circuit("qk", model_of(model), head_weights(model), layer, head, token)


def ov_logits(model: Model, layer: int, head: int, token: int) -> Float[Tensor, " V"]:
    """Return what a head adds to each logit when it reads a token: W_E[token] OV W_U, raw, without any norm.

    Raises:
        IndexError: a layer, head or token that is not there.

    Source: Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits" (the OV circuit).

    >>> from gptcore import GPTConfig
    >>> ov_logits(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)), 1, 0, 3).shape
    torch.Size([5])
    """
    return _circuit("ov", model_of(model), head_weights(model), layer, head, token)


@torch.no_grad()
def _circuit(
    kind: Literal["qk", "ov"], gpt: GPT, weights: HeadWeights, layer: int, head: int, token: int
) -> Float[Tensor, " V"]:
    """Return a token's row of a head's circuit: from the embedding to the embedding (qk), or to the logits (ov)."""
    tokens = embedding(gpt)
    sizes = {"layer": (layer, weights.q.size(0)), "head": (head, weights.q.size(1)), "token": (token, len(tokens))}
    for name, (index, size) in sizes.items():
        if not 0 <= index < size:
            raise IndexError(f"there is no {name} {index}; choose one from 0 to {size - 1}")
    q, k, v, o = (each[layer, head] for each in (weights.q, weights.k, weights.v, weights.o))
    x = tokens[token]
    return tokens @ (k @ (x @ q)) if kind == "qk" else x @ v @ o @ unembedding(gpt)
