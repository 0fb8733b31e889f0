"""One block in words: two halves, each of which adds to the residual stream."""

from __future__ import annotations

from app.lessons.phrases import added, normed
from app.lessons.run import Run, ratio
from app.lessons.sentences import Question, Sentence, ask, say, share, some
from gptcore.graph.node import INSIDE


def sentences(run: Run) -> tuple[Sentence, ...]:
    """Return a sentence for each node, in the order of computation."""
    pre, ln_1, attention, middle, ln_2, mlp, post = run.drawn(INSIDE)
    (before, *_), (after, *_) = _around(run)
    return (
        say(
            before,
            f"{_from(run)} comes one row of {{C}} = {{width}} numbers for each of the {{count}} "
            f"{some(run.T, 'token')}. This is block {{block}}; the {{L}} = {{blocks}} {some(run.L, 'block')} count "
            f"from 0.",
            width=run.C,
            count=run.T,
            block=run.layer,
            blocks=run.L,
        ),
        say(
            pre,
            "The row of {here} comes in with a length of {length}, and goes two ways: into LN 1, and round the "
            "attention, unchanged, to the first addition.",
            here=run.here,
            length=run.length(pre),
        ),
        normed(run, ln_1, pre, "LN 1"),
        _attention(run, attention),
        added(
            run,
            middle,
            pre,
            attention,
            "The first addition puts this onto the row that came round: {a} plus {b} is {sum} at the first number. "
            "The length of the row goes from {before} to {after}, and the sum again goes two ways: into LN 2, and "
            "round the MLP.",
        ),
        normed(run, ln_2, middle, "LN 2"),
        say(
            mlp,
            "The MLP works on the row of {here} alone, from {C} numbers to {4C} = {hidden} and back to {C}. It "
            "answers with an update of length {length}.",
            here=run.here,
            hidden=4 * run.C,
            length=run.length(mlp),
        ),
        added(
            run,
            post,
            middle,
            mlp,
            "The second addition puts that on top: {a} plus {b} is {sum}, and the length of the row is now {after}. "
            "What leaves the block has the shape that came in, ({B}, {T}, {C}) = ({one}, {count}, {width}).",
        ),
        say(
            after,
            f"So {'the next block' if run.layer + 1 < run.L else 'the final norm'} can read it: "
            f"{{left}} {some(run.L - run.layer - 1, 'block')} still to come.",
            left=run.L - run.layer - 1,
        ),
    )


def _around(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the nodes before and behind the block."""
    graph = run.arch.graph(INSIDE, run.layer)
    return tuple(node.id for node in graph.entries), tuple(node.id for node in graph.exits)


def _from(run: Run) -> str:
    return "From the block before" if run.layer else "From the embedding"


def _attention(run: Run, node: str) -> Sentence:
    others = "itself and those before it" if run.position else "itself alone, because nothing stands before it"
    return say(
        node,
        f"Self-attention is the one place where {{here}} learns of other tokens: in {{H}} = {{heads}} "
        f"{some(run.H, 'head')} at once it reads from {{seen}} {some(run.seen, 'token')}, {others}. It answers with "
        f"an update "
        "of {C} numbers, of length {length}.",
        here=run.here,
        heads=run.H,
        seen=run.seen,
        length=run.length(node),
    )


def questions(run: Run) -> tuple[Question, ...]:
    """Return what learners ask about a block."""
    pre, ln_1, attention, middle, ln_2, mlp, post = run.drawn(INSIDE)
    (block, *_) = (node.id for node in run.arch.nodes if node.output == post)
    came, left = run.row(pre), run.row(post)
    return (
        ask(
            "Why are there two additions?",
            "Because each half of the block only adds to what is there: x + attention(LN 1(x)), then x + MLP(LN "
            "2(x)). So what an earlier block wrote can still be read by all later ones, and in training the gradient "
            "has a way back that passes no weights. For {here} the attention's update is {first} as long as the row "
            "that it is added to, that of the MLP {second}; the cosine between the row that comes in and the row that "
            "leaves is {cosine}.",
            here=run.here,
            first=share(ratio(run.length(attention), run.length(pre))),
            second=share(ratio(run.length(mlp), run.length(middle))),
            cosine=(came @ left / (came.norm() * left.norm())).item(),
        ),
        _axis(run, pre, ln_1),
        ask(
            "Does a token see other tokens anywhere else than in attention?",
            "No. Embeddings, norms, the MLP and the head work on each row by itself. Only attention mixes rows, once "
            "in each of the {L} = {blocks} "
            + some(run.L, "block")
            + ". There {here} reads from {seen} of {T} = {count} "
            + some(run.T, "row")
            + "."
            + (
                " From the second block on, the rows that it reads have themselves read others before."
                if run.L > 1
                else ""
            ),
            blocks=run.L,
            here=run.here,
            seen=run.seen,
            count=run.T,
        ),
        ask(
            "Which part of a block has most of the parameters?",
            "The MLP, with {mlp} of {block}, which is {of_mlp}. Attention has {attention}, {of_attention}; the two "
            "norms have {norms}. The additions have none.",
            mlp=run.params(mlp),
            block=run.params(block),
            of_mlp=share(run.params(mlp) / run.params(block)),
            attention=run.params(attention),
            of_attention=share(run.params(attention) / run.params(block)),
            norms=run.params(ln_1) + run.params(ln_2),
        ),
        ask(
            "Why do the norms stand before attention and MLP, and not behind the additions?",
            "As in GPT-2, the norm stands on the way in, so the stream itself is never rescaled inside a block, and "
            "its rows may grow: that of {here} has a length of {start} at the embedding and {end} after this block. "
            "Each part nevertheless gets rows of about the same size. One more norm, at the end of the model, does "
            "the same for the head.",
            here=run.here,
            start=run.length(run.arch.named("embedding")),
            end=run.length(post),
        ),
    )


def _axis(run: Run, pre: str, ln_1: str) -> Question:
    other = run.position - 1 if run.position else run.position + 1
    beside = ""
    if 0 <= other < run.T:
        beside = (
            " The row of {other}, beside it, has a mean of {other_mean} and a standard deviation of {other_deviation}."
        )
    row = run.row(pre, min(max(other, 0), run.T - 1))
    return ask(
        "What does layer norm do, and over which axis?",
        "It works along {C}, on each row by itself: from the {width} numbers of a token it takes away their mean and "
        "divides by their standard deviation. It never looks along {T} or {B}. The row of {here} has a mean of {mean} "
        "and a standard "
        f"deviation of {{deviation}}.{beside} Learned are one factor for each channel"
        f"{' and one number to add' if run.arch.config.bias else ''}, {{params}} in all; {{epsilon}} is added to the "
        f"variance "
        "so that nothing is divided by 0.",
        width=run.C,
        here=run.here,
        mean=run.mean(pre),
        deviation=run.deviation(pre),
        other=run.token(min(max(other, 0), run.T - 1)),
        other_mean=row.mean().item(),
        other_deviation=row.std(correction=0).item(),
        params=run.params(ln_1),
        epsilon=run.arch.config.layer_norm_epsilon,
    )
