"""A scan of one prompt for what is remarkable: the loudest parts, heads by kind, repairs, losses that stand out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gptcore.analysis.attribution import Part, logit_attribution
from gptcore.analysis.head_card import ACTIVE
from gptcore.analysis.head_effects import HeadEffects, head_effects
from gptcore.analysis.head_scores import SINK, prompt_chance, prompt_scores
from gptcore.analysis.patching import Progress
from gptcore.analysis.token_loss import of_trace
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

Kind = Literal["attribution", "head", "repair", "loss"]
TITLES: dict[Kind, str] = {
    "attribution": "What makes the prediction",
    "head": "Heads that do something known here",
    "repair": "Where attribution and switching off disagree",
    "loss": "Tokens that surprise the model",
}
"""The title of each kind of finding, in the order in which they are told."""
AT_STAKE = (
    "Ranked by what is at stake, in nats: what a part adds to the lead, what the lead changes without a head (or how "
    "far both are apart), how far a loss is above the mean."
)
"""The measure by which findings of all kinds are ranked, in words."""
LITTLE = 0.1
"""The share of the lead, or a tenth of a logit, below which a repair is not told."""
DOES = {
    "induction": "what came after this token the last time",
    "duplicate": "the same token, the last time",
    "previous": "the token before",
    "current": "the token itself",
}


@dataclass(frozen=True)
class Finding:
    """One remarkable thing."""

    kind: Kind
    sentence: str
    value: float
    """The number by which findings of a kind are ranked, the largest first."""
    nats: float
    """The nats at stake, by which findings of all kinds are ranked (`rank_findings`); NaN where not measured."""
    name: str
    """The tensor of the map that it is of."""
    layer: int | None = None
    head: int | None = None
    position: int | None = None


def scan(
    model: Model,
    trace: Trace,
    *,
    position: int = -1,
    count: int = 5,
    label: Callable[[int], str] | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Return what is remarkable on the prompt of a run, kind by kind, each with its largest first.

    - attribution: the parts that add most to the lead of the most likely token over the second, or take most from it.
    - head: heads that pay at least 0.3 of their attention in a known way, farther above chance first; sinks as one.
    - repair: heads whose part of that lead by attribution is far from what the lead loses without them.
    - loss: tokens whose loss is more than a standard deviation above the prompt's mean.

    Args:
        model: the model or checkpoint of the run.
        trace: the run; its first sequence is looked at.
        position: the position whose prediction is looked at, negative ones from the end.
        count: the number of findings of each kind at most.
        label: gives the label of a token; by default the checkpoint's tokenizer does, or the id is told.
        progress: called with the heads that were switched off and all; a False stops, and repairs are of those heads.

    Raises:
        ValueError: a position that is not there.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> found = scan(model, capture(model, [3, 1, 4, 3]))
    >>> [finding.kind for finding in found][:2], found[0].value >= found[1].value
    (['attribution', 'attribution'], True)
    """
    gpt = model_of(model)
    tokenizer = getattr(model, "tokenizer", None)
    said = label or (tokenizer.label if tokenizer is not None else str)
    first, second = _leaders(trace, position)
    effects = head_effects(gpt, trace, first, second, position, progress=progress)
    lead = logit_attribution(trace, first, second, position).total
    found = [*_attributions(trace, position, said), *_heads(trace, effects)]
    found += [*_repairs(trace, effects, lead, said(first)), *_losses(trace, said)]
    ranked = [sorted((each for each in found if each.kind == kind), key=lambda each: -each.value) for kind in TITLES]
    return [each for of_kind in ranked for each in of_kind[:count]]


def rank_findings(found: Sequence[Finding]) -> list[Finding]:
    """Return findings of all kinds by what is at stake, the largest first; what was not measured comes last.

    Their own numbers have several units: logits, shares of attention, losses. What is at stake has one, the nat: a
    difference of two logits is the logarithm of the odds between two tokens, a loss that of a probability.

    - attribution: what the part adds to the lead, or takes from it.
    - head: what the lead changes without the head. One that does something known, but not for this lead, comes late;
      sinks, which do nothing, come last.
    - repair: how far attribution and switching off are apart.
    - loss: how far the loss is above the prompt's mean.

    A lead is of one position and a loss of one token: the order tells where the numbers are large, not what matters
    for a whole text. No chance level is used, since only scores of attention have one.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> ranked = rank_findings(scan(model, capture(model, [3, 1, 4, 3])))
    >>> ranked[0].nats >= ranked[1].nats
    True
    """
    return sorted(found, key=lambda each: (math.isnan(each.nats), -each.nats))


def _leaders(trace: Trace, position: int) -> tuple[int, int]:
    """Return the two most likely tokens."""
    if not -trace.T <= position < trace.T:
        raise ValueError(f"position must be from -{trace.T} to {trace.T - 1}, got {position}; take one of the run's")
    at = position % trace.T
    logits = trace.rows(architecture(trace.config).named("logits"), at, at + 1)[0, 0]
    first, second = logits.topk(2).indices.tolist() if logits.numel() > 1 else (0, 0)
    return first, second


def _attributions(trace: Trace, position: int, said: Callable[[int], str]) -> Iterable[Finding]:
    first, second = _leaders(trace, position)
    split = logit_attribution(trace, first, second, position)
    lead = f"the lead of {_quoted(said(first))} over {_quoted(said(second))}, which is {split.total:.2f}"
    nodes = architecture(trace.config).nodes.names()
    for part in split.parts:
        name = part.name if part.name in nodes else part.name.rpartition(".")[0]
        verb = "adds" if part.value >= 0 else "takes"
        way = "to" if part.value >= 0 else "from"
        yield Finding(
            "attribution",
            f"{_part(trace, part)} {verb} {abs(part.value):.2f} {way} {lead}.",
            abs(part.value),
            abs(part.value),
            name,
            part.layer,
            part.head,
            split.position,
        )


def _part(trace: Trace, part: Part) -> str:
    """Return what a part is called, as the beginning of a sentence."""
    arch = architecture(trace.config)
    if part.head is not None:
        return f"Head {part.layer}.{part.head}"
    if part.name.endswith(".bias"):
        return f"The bias of {part.name.removesuffix('.bias').removeprefix('transformer.')}"
    if part.layer is not None:
        return f"The MLP of block {part.layer}"
    return f"The {arch.nodes[part.name].label.lower()}" if part.name in arch.nodes.names() else f"The {part.name}"


def _heads(trace: Trace, effects: HeadEffects) -> Iterable[Finding]:
    scores, level = prompt_scores(trace), prompt_chance(trace)
    L, H = trace.config.n_layer, trace.config.n_head
    arch = architecture(trace.config)
    for kind, what in DOES.items():
        for layer, head in ((i, h) for i in range(L) for h in range(H)):
            score = float(scores[kind][layer, head])
            if score >= ACTIVE:  # False for NaN: no query has such a key
                yield Finding(
                    "head",
                    f"Head {layer}.{head} gives {_percent(score)} of its attention to {what} "
                    f"({kind}; {_percent(level[kind])} by chance).",
                    score - level[kind],
                    abs(float(effects.actual[layer, head])),
                    arch.named("pattern", layer),
                    layer,
                    head,
                )
    rest = (scores["sink"] > SINK).nonzero().tolist()
    if rest:
        layer, head = max(rest, key=lambda at: float(scores["sink"][at[0], at[1]]))
        yield Finding(
            "head",
            f"{len(rest)} of {L * H} heads rest on the first token (sinks), most of all head {layer}.{head}: "
            f"{_percent(float(scores['sink'][layer, head]))} of its attention.",
            0.0,
            math.nan,  # to rest there is to do nothing: what the head does besides is told elsewhere
            arch.named("pattern", layer),
            layer,
            head,
        )


def _repairs(trace: Trace, effects: HeadEffects, lead: float, first: str) -> Iterable[Finding]:
    arch = architecture(trace.config)
    for layer, head in effects.repaired.isnan().logical_not().nonzero().tolist():
        predicted, actual = float(effects.predicted[layer, head]), float(effects.actual[layer, head])
        apart = abs(predicted - actual)
        if apart < LITTLE * max(1.0, abs(lead)):
            continue
        if predicted * actual < 0:
            why = "later parts reverse it"
        elif abs(actual) < abs(predicted):
            why = "later parts make up for the rest"
        else:
            why = "later parts build on it"
        yield Finding(
            "repair",
            f"Head {layer}.{head}: by attribution it adds {_signed(predicted)} to the lead of {_quoted(first)}; "
            f"without it the lead {'loses' if actual >= 0 else 'gains'} {abs(actual):.2f}: {why}.",
            apart,
            apart,
            arch.named("weighted values", layer),
            layer,
            head,
        )


def _losses(trace: Trace, said: Callable[[int], str]) -> Iterable[Finding]:
    lesson = of_trace(trace)
    losses = lesson.losses
    if len(losses) < 2:
        return
    spread = math.sqrt(math.fsum((loss - lesson.mean) ** 2 for loss in losses) / len(losses))
    for at, guess in enumerate(lesson.guesses):
        if guess.loss is None or guess.target is None or guess.loss <= lesson.mean + spread:
            continue
        yield Finding(
            "loss",
            f"Token {at + 1}, {_quoted(said(guess.target))}: a loss of {guess.loss:.2f} nats (mean {lesson.mean:.2f}); "
            f"the model expected {_quoted(said(guess.best))} ({_percent(guess.best_probability)}).",
            guess.loss,
            guess.loss - lesson.mean,
            architecture(trace.config).named("loss"),
            position=at,
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _quoted(label: str) -> str:
    return f"‘{label}’"
