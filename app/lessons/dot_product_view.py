"""Scaled dot-product attention in words: how much one token looks at each other one, in one head."""

from __future__ import annotations

import math

import torch

from app.lessons.phrases import dropped
from app.lessons.run import Run
from app.lessons.sentences import Question, Sentence, ask, say, share, some
from gptcore.graph.node import SDPA


def sentences(run: Run) -> tuple[Sentence, ...]:
    """Return a sentence for each node, in the order of computation."""
    k_t, scores, scaled, masked, pattern, drop = run.drawn(SDPA)
    q, k, v, z = (run.named(role) for role in ("query", "key", "value", "weighted values"))
    best, weight = run.strongest()
    other = run.token(best)
    value = run.cell(v, 0, best)
    return (
        say(
            q,
            "In head {head} of block {block}, the query of {here} is {D} = {depth} numbers, beginning with {first}.",
            head=run.head,
            block=run.layer,
            here=run.here,
            depth=run.D,
            first=run.cell(q, 0),
        ),
        say(
            k,
            "Each token has a key of {D} numbers too; that of {other} begins with {first}.",
            other=other,
            first=run.cell(k, 0, best),
        ),
        say(
            k_t,
            "Transposed, ({B}, {H}, {D}, {T}) = ({one}, {heads}, {depth}, {count}), the keys are columns, one for "
            "each token, so that a row times a column is a query times a key.",
            one=run.trace.B,
            heads=run.H,
            depth=run.D,
            count=run.T,
        ),
        say(
            scores,
            "The {depth} numbers of the query of {here} and those of the key of {other} are multiplied pair by pair "
            "and added up: their dot product is {score}. There is one such score for each pair of tokens, {T} × {T} = "
            "{cells}.",
            depth=run.D,
            here=run.here,
            other=other,
            score=run.cell(scores, best),
            cells=run.T * run.T,
        ),
        say(
            scaled,
            "Divided by √{D} = √{depth} = {root}, it is {scaled}.",
            depth=run.D,
            root=math.sqrt(run.D),
            scaled=run.cell(scaled, best),
        ),
        _mask(run, masked),
        _softmax(run, pattern, best, weight),
        dropped(run, drop, pattern),
        say(
            v,
            "Each token also has a value of {D} numbers, what it hands over; that of {other} begins with {first}.",
            other=other,
            first=value,
        ),
        say(
            z,
            "In the weighted sum each value counts by its weight: for the first number {other} gives {weight} × "
            "{value} = {product}, and "
            + (
                "all {seen} tokens together give {sum}."
                if run.position
                else "as nothing else is added, that is all: {sum}."
            ),
            other=other,
            weight=weight,
            value=value,
            product=weight * value.value,
            seen=run.seen,
            sum=run.cell(z, 0),
        ),
    )


def _mask(run: Run, node: str) -> Sentence:
    later = run.T - run.seen
    hides = "The {later} " + some(later, "token that comes", "tokens that come") + " later get a score of −∞"
    return say(
        node,
        "{here} stands at position {place}, and sees "
        f"{'positions 0 to {place}' if run.position else 'itself alone'}. "
        f"{hides if later else 'No token comes later'}; in the whole table {{hidden}} of {{cells}} scores are hidden.",
        here=run.here,
        place=run.position,
        later=later,
        hidden=run.T * (run.T - 1) // 2,
        cells=run.T * run.T,
    )


def _softmax(run: Run, node: str, best: int, weight: float) -> Sentence:
    total = run.row(node).sum().item()
    if not run.position:
        return say(
            node,
            "The softmax of one number alone is 1: {here} gives itself all of its attention, {weight}, and its row "
            "adds up to {total}.",
            here=run.here,
            weight=run.cell_share(node, best),
            total=total,
        )
    second = int(run.row(node)[: run.seen].topk(2).indices[1])
    return say(
        node,
        "The softmax takes e to the power of each number and divides by their sum. Of what {here} may see, it looks "
        "most at {best}, {weight}, then at {second}, {less}; the {seen} weights add up to {total}.",
        here=run.here,
        best=run.token(best),
        weight=run.cell_share(node, best),
        second=run.token(second),
        less=run.cell_share(node, second),
        seen=run.seen,
        total=total,
    )


def questions(run: Run) -> tuple[Question, ...]:
    """Return what learners ask about the dot product."""
    pattern = run.named("pattern")
    best, weight = run.strongest()
    column = run.trace[pattern][0, run.head, :, best].double().sum().item()
    block_size = run.arch.config.block_size
    return (
        _root(run, weight),
        _infinity(run),
        ask(
            "Do the rows add up to 1, or the columns?",
            "The rows. A row is a query, which shares out its attention: the row of {here} adds up to {row}. A column "
            "is a key, and may add up to anything: that of {best} adds up to {column}, which is what {T} = {count} "
            + some(run.T, "query gives", "queries give")
            + " it together.",
            here=run.here,
            row=run.row(pattern).sum().item(),
            best=run.token(best),
            column=column,
            count=run.T,
        ),
        _channels(run, best, weight),
        ask(
            "Why does the cost grow with the square of the length?",
            "Because there is a score for each pair of tokens, in each head of each block: {L} × {H} × {T} × {T} = "
            "{now} in this run. A prompt of {block_size} = {limit} tokens, the longest that this model takes, has "
            "{most}.",
            now=run.L * run.H * run.T**2,
            limit=block_size,
            most=run.L * run.H * block_size**2,
        ),
    )


def _visible(run: Run, name: str) -> torch.Tensor:
    """Return the scores of the head that are not hidden, in one row."""
    scores = run.trace[name][0, run.head].double()
    return scores[torch.ones_like(scores).tril().bool()]


def _root(run: Run, weight: float) -> Question:
    _, scores, scaled, *_ = run.drawn(SDPA)
    sharp = run.row(scores)[: run.seen].softmax(0).max().item()
    return ask(
        "Why divide by √{D}?",
        "A dot product adds up {D} products: the more there are, the farther such sums spread, as √{D} where the "
        "products are independent. On this prompt the scores of head {head} that are not hidden have a standard "
        "deviation of {before}; divided by √{depth} = {root} it is {after}. A softmax of numbers that lie far apart "
        "gives nearly all to the largest one: without the division the largest weight of {here} would be {sharp}, and "
        "not {weight}.",
        head=run.head,
        depth=run.D,
        root=math.sqrt(run.D),
        before=_visible(run, scores).std(correction=0).item(),
        after=_visible(run, scaled).std(correction=0).item(),
        here=run.here,
        sharp=share(sharp),
        weight=share(weight),
    )


def _infinity(run: Run) -> Question:
    scaled = run.drawn(SDPA)[2]
    at = run.position if run.position + 1 < run.T else 0
    later = run.T - at - 1
    zeros = torch.cat([run.row(scaled, at)[: at + 1], torch.zeros(later)])  # in place of what the mask hides
    leaked = zeros.softmax(0)[at + 1 :].sum().item()
    shown = (
        f"Here {{query}} has {{later}} later {some(later, 'token')}; with zeros for their scores, the softmax would "
        f"give {some(later, 'it', 'them')} {{leaked}} of its attention."
    )
    return ask(
        "Why is what is hidden −∞, and not 0?",
        "Because the softmax takes e to the power of it: e to the 0 is 1, and only e to the −∞ is 0. "
        + (shown if later else "This prompt has one token, so nothing is hidden here."),
        query=run.token(at),
        later=later,
        leaked=share(leaked),
    )


def _channels(run: Run, best: int, weight: float) -> Question:
    pattern, v, z = (run.named(role) for role in ("pattern", "value", "weighted values"))
    values = run.trace[v][0, run.head].double()
    apart = (run.row(pattern) @ values - run.row(z)).abs().max().item()
    other = (run.head + 1) % run.H
    beside = ""
    if run.H > 1:
        beside = " Another head has weights of its own: head {other} gives {best} {others}."
    return ask(
        "Is the same pattern used for every channel?",
        "Within a head, yes: each of the {D} = {depth} numbers of a value counts by the same weight, {weight} for "
        "{best}. Computed again in that way, all {depth} numbers of {here} agree with those of the run within "
        "{apart}." + beside,
        depth=run.D,
        weight=share(weight),
        best=run.token(best),
        here=run.here,
        apart=apart,
        other=other,
        others=share(run.row(pattern, head=other)[best].item()),
    )
