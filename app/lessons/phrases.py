"""Sentences that several views have alike: of a layer norm, of a dropout, of an addition."""

from __future__ import annotations

from app.lessons.run import Run
from app.lessons.sentences import Sentence, say, share


def normed(run: Run, node: str, source: str, first: str) -> Sentence:
    """Return what a layer norm does to the followed row.

    Args:
        source: the tensor that it takes in.
        first: the words before, with what stands at the beginning of a sentence.
    """
    bias = (
        ", and a learned number is added" if run.arch.config.bias else " (nothing is added: this model has no biases)"
    )
    return say(
        node,
        first + " brings the row of {here} to mean 0 and standard deviation 1, over its own {C} numbers: they had mean "
        "{mean} and standard deviation {deviation}. Then each number is multiplied by a learned factor of its "
        f"channel{bias}; after that the standard deviation is {{after}}.",
        here=run.here,
        mean=run.mean(source),
        deviation=run.deviation(source),
        after=run.deviation(node),
    )


def dropped(run: Run, node: str, source: str) -> Sentence:
    """Return what a dropout does: nothing, here.

    Args:
        source: the tensor that it takes in.
    """
    rate = run.arch.config.dropout
    in_training = (
        "sets {rate} of the numbers to 0" if rate else "could set some numbers to 0, if its rate were not {rate}"
    )
    return say(
        node,
        f"Dropout works in training alone: there it {in_training}, chosen by chance. Here it passes its input on: the "
        "largest difference is {difference}.",
        rate=share(rate),
        difference=(run.row(node) - run.row(source)).abs().max().item(),
    )


def added(run: Run, node: str, stream: str, update: str, words: str) -> Sentence:
    """Return how an update is put onto the residual stream.

    Args:
        stream: the tensor that comes straight down.
        update: the tensor that comes from the side.
        words: the sentence, with {a}, {b} and {sum} for the first numbers, {before} and {after} for the lengths of the
            rows, {one}, {count} and {width} for the shape.
    """
    return say(
        node,
        words,
        here=run.here,
        a=run.cell(stream, 0),
        b=run.cell(update, 0),
        sum=run.cell(node, 0),
        before=run.length(stream),
        after=run.length(node),
        one=run.trace.B,
        count=run.T,
        width=run.C,
    )
