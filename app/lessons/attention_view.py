"""Self-attention in words: one projection, heads that work apart, and their way back together."""

from __future__ import annotations

from app.lessons.phrases import added, dropped
from app.lessons.run import Run
from app.lessons.sentences import Given, Question, Sentence, ask, say, share, some
from gptcore.graph.node import ATTENTION, INSIDE

MOST_HEADS = 6
"""Heads that are told one by one."""


def sentences(run: Run) -> tuple[Sentence, ...]:
    """Return a sentence for each node, in the order of computation."""
    joint, q, k, v, sdpa, z, concat, projection, drop = run.drawn(ATTENTION)
    pre, ln_1, attention, middle, *_ = run.drawn(INSIDE)
    first, last = run.columns
    return (
        say(
            ln_1,
            "What comes in are the rows of LN 1: {C} = {width} numbers for each of the {T} = {count} "
            f"{some(run.T, 'token')}.",
            width=run.C,
            count=run.T,
        ),
        say(
            joint,
            "One matrix of {3C} × {C} = {rows} × {width} learned numbers makes {3C} numbers of each row, ({B}, {T}, "
            "{3C}) = ({one}, {count}, {rows}); "
            + ("{rows} learned biases are added." if run.arch.config.bias else "this model adds no biases."),
            rows=3 * run.C,
            width=run.C,
            one=run.trace.B,
            count=run.T,
        ),
        say(
            q,
            "The first {C} of them are the queries, what a token looks for. They are cut into {H} = {heads} "
            f"{some(run.H, 'piece')} of {{D}} = {{C}} / {{H}} = {{depth}} numbers, ({{B}}, {{H}}, {{T}}, {{D}}) = "
            f"({{one}}, "
            "{heads}, {count}, {depth}): head {head} gets columns {from} to {to}. For {here} its query begins with "
            "{first}.",
            **_piece(run, q, 0),
        ),
        say(
            k,
            "The next {C} are the keys, what a token is found by: head {head} gets columns {from} to {to}. For {here} "
            "its key begins with {first}.",
            **_piece(run, k, 1),
        ),
        say(
            v,
            "The last {C} are the values, what a token hands over when it is read: head {head} gets columns {from} to "
            "{to}. For {here} its value begins with {first}.",
            **_piece(run, v, 2),
        ),
        _reads(run, sdpa),
        say(
            z,
            "So each head has {D} = {depth} numbers for each token, ({B}, {H}, {T}, {D}) = ({one}, {heads}, {count}, "
            "{depth}); those of head {head} for {here} begin with {first}.",
            depth=run.D,
            one=run.trace.B,
            heads=run.H,
            count=run.T,
            head=run.head,
            here=run.here,
            first=run.cell(z, 0),
        ),
        say(
            concat,
            "The pieces are put side by side again: {H} × {D} = {heads} × {depth} = {width} = {C}. That of head "
            "{head} stands in columns {from} to {to}, so number {from} of the row is the {first} from before.",
            heads=run.H,
            depth=run.D,
            width=run.C,
            head=run.head,
            to=last,
            first=run.cell(concat, first),
            **{"from": first},
        ),
        say(
            projection,
            "Until here no head knows of another. The output projection, {C} × {C} = {size} learned numbers, mixes "
            "them: each of its {C} numbers is made from all heads. The row of {here} now begins with {first}, and has "
            "a length of {length}.",
            size=run.C * run.C,
            here=run.here,
            first=run.cell(projection, 0),
            length=run.length(projection),
        ),
        dropped(run, drop, projection),
        added(
            run,
            middle,
            pre,
            attention,
            "This is added to the residual stream, which has gone round all that: {a} plus {b} is {sum} at the first "
            "number.",
        ),
    )


def _piece(run: Run, node: str, which: int) -> dict[str, Given]:
    """Return what is told of a head's queries (0), keys (1) or values (2)."""
    first, last = run.columns
    return {
        "heads": run.H,
        "depth": run.D,
        "one": run.trace.B,
        "count": run.T,
        "head": run.head,
        "from": which * run.C + first,
        "to": which * run.C + last,
        "here": run.here,
        "first": run.cell(node, 0),
    }


def _reads(run: Run, node: str) -> Sentence:
    best, weight = run.strongest()
    most = "it reads most from {best}, with {weight} of its attention"
    alone = "nothing stands before it, so it reads {best} itself with all of its attention, {weight}"
    return say(
        node,
        "Now each head by itself compares the query of {here} with the keys of the {seen} "
        f"{some(run.seen, 'token')} that it may see, and mixes their values. In head {{head}} "
        f"{most if run.position else alone}.",
        here=run.here,
        seen=run.seen,
        head=run.head,
        best=run.token(best),
        weight=share(weight),
    )


def questions(run: Run) -> tuple[Question, ...]:
    """Return what learners ask about self-attention."""
    joint, *_, concat, projection, _ = run.drawn(ATTENTION)
    attention = run.drawn(INSIDE)[2]
    first, last = run.columns
    part = run.trace.weight(projection).double()[:, first : last + 1] @ run.row(concat)[first : last + 1]
    bias = ", and the bias" if run.arch.config.bias else ""
    return (
        ask(
            "{width} = {heads} × {depth}: is {depth} the width of a head, or a number of tokens?",
            "The width of a head: {C} = {H} × {D} = {heads} × {depth} whatever the prompt. The number of tokens is "
            "{T} = {count} in this run, and every head sees all of them: its pattern has {T} × {T} = {count} × "
            "{count} cells. Only the columns are shared out among the heads, never the tokens.",
            width=run.C,
            heads=run.H,
            depth=run.D,
            count=run.T,
        ),
        ask(
            "Where are W_q, W_k and W_v?",
            "They lie on top of each other in one weight, c_attn.weight, of {3C} × {C} = {rows} × {width}. PyTorch "
            "stores a row for each number that comes out: rows 0 to {q} are W_q, {k_from} to {k} W_k, {v_from} to {v} "
            "W_v. Of W_q, head {head} has rows {from} to {to}, which is {D} × {C} = {depth} × {width}.",
            rows=3 * run.C,
            width=run.C,
            q=run.C - 1,
            k_from=run.C,
            k=2 * run.C - 1,
            v_from=2 * run.C,
            v=3 * run.C - 1,
            head=run.head,
            to=last,
            depth=run.D,
            **{"from": first},
        ),
        ask(
            "Why are the heads concatenated, and what is c_proj for?",
            "Side by side, what the heads have found stays apart. c_proj has a column for each of these numbers: head "
            "{head} speaks through columns {from} to {to} alone. So the output is a sum with one part for each head"
            f"{bias}: for {{here}} the part of head {{head}} has a length of {{part}}, all together {{length}}. "
            f"Without c_proj, "
            "head {head} could write into channels {from} to {to} only.",
            head=run.head,
            to=last,
            here=run.here,
            part=part.norm().item(),
            length=run.length(projection),
            **{"from": first},
        ),
        _heads(run),
        ask(
            "Do more heads mean more parameters?",
            "No. c_attn has {joint} parameters and c_proj {projection}, together {all}: that depends on {C} alone. "
            "With more heads each would be narrower, because {D} = {C} / {H} = {width} / {heads} = {depth}.",
            joint=run.params(joint),
            projection=run.params(projection),
            all=run.params(attention),
            width=run.C,
            heads=run.H,
            depth=run.D,
        ),
    )


def _heads(run: Run) -> Question:
    told = min(run.H, MOST_HEADS)
    given: dict[str, Given] = {"here": run.here, "seen": run.seen, "block": run.layer}
    phrases = []
    for head in range(told):
        best, weight = run.strongest(head)
        given |= {f"head{head}": head, f"token{head}": run.token(best), f"weight{head}": share(weight)}
        phrases.append(f"head {{head{head}}} from {{token{head}}}, {{weight{head}}}")
    return ask(
        "Do the heads see different tokens?",
        f"{'All of them see the same' if run.H > 1 else 'There is one head, which sees'} {{seen}} "
        f"{some(run.seen, 'token')}{', through weights of their own' if run.H > 1 else ''}. In block {{block}}, "
        f"{{here}} reads most, in {'; in '.join(phrases)}.",
        **given,
    )
