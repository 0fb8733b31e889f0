"""The MLP in words: up to 4C numbers, through a GELU, and back."""

from __future__ import annotations

from app.lessons.phrases import added, dropped
from app.lessons.run import Run
from app.lessons.sentences import Question, Sentence, ask, say, share, some
from gptcore.graph.node import INSIDE, MLP


def sentences(run: Run) -> tuple[Sentence, ...]:
    """Return sentences for each node, in the order of computation."""
    up, gelu, down, drop = run.drawn(MLP)
    _, _, _, middle, ln_2, mlp, post = run.drawn(INSIDE)
    before, hidden = run.row(up), run.row(gelu)
    high, low = int(before.argmax()), int(before.argmin())
    biased = run.arch.config.bias
    exact = (
        "in its exact form" if run.arch.config.activation == "gelu" else "in the form with tanh, which is close to it"
    )
    return (
        say(
            ln_2,
            "What comes in is the row of {here} from LN 2, {C} = {width} numbers. No other row is looked at.",
            here=run.here,
            width=run.C,
        ),
        say(
            up,
            "The up projection, {4C} × {C} = {hidden} × {width} learned numbers, makes {hidden} numbers of it: each "
            "is the dot product of the row with a learned row"
            + (", and a learned bias." if biased else "; this model adds no biases."),
            hidden=4 * run.C,
            width=run.C,
        ),
        say(
            up,
            "The highest of them is {value}, that of number {unit}; {positive} of {hidden} are above 0.",
            value=run.cell(up, high),
            unit=high,
            positive=int((before > 0).sum()),
            hidden=4 * run.C,
        ),
        say(
            gelu,
            f"The GELU, here {exact}, lets more of a number pass the farther it is above 0: {{value}} becomes "
            f"{{passed}}.",
            value=run.cell(up, high),
            passed=run.cell(gelu, high),
        ),
        say(
            gelu,
            "What is far below 0 becomes nearly 0: the lowest, {value} at number {unit}, becomes {flat}. This is the "
            "only step of the MLP that is more than a matrix product.",
            value=run.cell(up, low),
            unit=low,
            flat=run.cell(gelu, low),
        ),
        say(
            down,
            "The down projection goes back to {C}, with {C} × {4C} = {size} learned numbers: each of the {hidden} "
            "numbers is multiplied with a column of {C} numbers, and all of that is added up"
            + (", with a learned bias." if biased else "."),
            size=4 * run.C * run.C,
            hidden=4 * run.C,
        ),
        say(
            down,
            "Number {unit} alone writes {length} into the row (the length of its part); all of them together {all}.",
            unit=high,
            length=(run.trace.weight(down).double()[:, high] * hidden[high]).norm().item(),
            all=run.length(down),
        ),
        dropped(run, drop, down),
        added(
            run,
            post,
            middle,
            mlp,
            "This is added to the residual stream, which has gone round the MLP: {a} plus {b} is {sum} at the first "
            "number.",
        ),
    )


def questions(run: Run) -> tuple[Question, ...]:
    """Return what learners ask about the MLP."""
    up, gelu, *_ = run.drawn(MLP)
    _, _, attention, _, _, mlp, _ = run.drawn(INSIDE)
    total, all_mlps = run.arch.num_params(), run.L * run.params(mlp)
    return (
        ask(
            "Why {4C}?",
            "It is a choice, made for the first Transformer and kept since; nothing else in the model depends on it. "
            "Here {4C} = 4 × {width} = {hidden}. It makes the MLP the larger part of a block: {mlp} parameters, "
            "against {attention} in the attention.",
            width=run.C,
            hidden=4 * run.C,
            mlp=run.params(mlp),
            attention=run.params(attention),
        ),
        ask(
            "Does the MLP mix tokens?",
            "No. The same weights work on each of the {T} = {count} "
            + some(run.T, "row")
            + ", each by itself: the hidden numbers "
            "have the shape ({B}, {T}, {4C}) = ({one}, {count}, {hidden}), and row {place} is made from row {place} "
            "alone.",
            count=run.T,
            one=run.trace.B,
            hidden=4 * run.C,
            place=run.position,
        ),
        ask(
            "How many parameters sit in the MLPs?",
            "{one} in each of {L} = {blocks} "
            + some(run.L, "block")
            + ", {all} together. Of the {total} parameters of the model "
            "that is {part}.",
            one=run.params(mlp),
            blocks=run.L,
            all=all_mlps,
            total=total,
            part=share(all_mlps / total),
        ),
        _active(run, gelu, up),
        ask(
            "What would the MLP be without the GELU?",
            "One matrix: two matrix products in a row are the product with one matrix. The {size} weights of the two "
            "would then do no more than the {square} of a single {C} × {C} matrix.",
            size=8 * run.C * run.C,
            square=run.C * run.C,
        ),
    )


def _active(run: Run, gelu: str, up: str) -> Question:
    every = run.trace[up][0] > 0  # (T, 4C): the GELU keeps the sign
    never = int((~every.any(dim=0)).sum())
    return ask(
        "How many of the hidden numbers are active?",
        "Above 0 are {here_share} of them for {here}, and {all_share} over the {T} = {count} "
        + some(run.T, "token")
        + " of this run. {never} of {hidden} "
        + some(never, "is", "are")
        + " above 0 for none of "
        + some(run.T, "it", "them")
        + ".",
        here=run.here,
        here_share=share((run.row(gelu) > 0).double().mean().item()),
        all_share=share(every.double().mean().item()),
        count=run.T,
        never=never,
        hidden=4 * run.C,
    )
