"""The meaning of a model's sizes, in sentences with its numbers in them. No Streamlit."""

from __future__ import annotations

import re
from typing import TypedDict

from app.panels.cost_parts import Curve, Grown, whole
from gptcore import GPTConfig
from gptcore.graph.architecture import axis_sizes
from gptcore.graph.costs import RunSize, parts

Piece = str | tuple[str, str]
"""A text, or a text and the letter of the axis that it is a number of."""


class Answer(TypedDict):
    """A question that learners ask, and its answer for these sizes."""

    question: list[Piece]
    answer: list[Piece]


def worded(template: str, letters: dict[str, tuple[str, str]]) -> list[Piece]:
    """Return a sentence as pieces: `{name}` is put in by its letter and text.

    >>> worded("{C} is wide.", {"C": ("C", "C = 768")})
    [('C = 768', 'C'), ' is wide.']
    """
    parts_ = re.split(r"\{(\w+)\}", template)
    pieces: list[Piece] = []
    for i, text in enumerate(parts_):
        if i % 2:
            letter, said = letters[text]
            pieces.append((said, letter))
        elif text:
            pieces.append(text)
    return pieces


def letters_of(config: GPTConfig, run: RunSize) -> dict[str, tuple[str, str]]:
    """Return each letter with its number, `T` as "T = 1,024", and `nT` as the number alone."""
    sizes = {**axis_sizes(config), "B": run.B, "T": run.T, "L": config.n_layer}
    named = {name: (name, f"{name} = {size:,}") for name, size in sizes.items()}
    return named | {f"n{name}": (name, f"{size:,}") for name, size in sizes.items()}


def answers(config: GPTConfig, run: RunSize) -> list[Answer]:
    """Return the questions and answers."""
    letters = letters_of(config, run)
    by_part = parts(config, run)
    params = sum(cost.params for cost in by_part.values())
    mlp = by_part["MLP"].params
    per_token = sum(cost.cache for cost in by_part.values()) // run.T // run.B
    many = config.n_head > 1
    told = [
        (
            "One model, or one for each token?",
            f"One for all {{T}} tokens: its {params:,} parameters are the same at every position, and no weight has an "
            "axis T. Only the position embedding has a row for each place, {nblock_size} rows of {nC}.",
        ),
        (
            "Is {nD} the width of a head, or a number of tokens?",
            "The width of a head: {C} = {nH} heads × {nD}. However many tokens there are, {nD} stays {nD}.",
        ),
        (
            "What does a head see?",
            "All {nC} numbers of each token: its q, k and v are made of all of them. It compares {nT} × {nT} pairs of "
            "tokens, and writes {nD} numbers a token"
            + (": its own slice. The {nH} slices side by side are {nC} again." if many else ": all {nC}, alone."),
        ),
        (
            "How many parameters sit in the MLPs?",
            f"{mlp:,}, {100 * mlp / params:.1f} % of all: in each of {{L}} blocks {{n4C}} × {{nC}} up and as many down"
            + (", and their biases." if config.bias else "."),
        ),
        (
            "What does the KV cache cost?",
            f"Keys and values of each token in each block, 2 × {{nL}} × {{nC}} × {run.number} bytes = {per_token:,} "
            "bytes a token, whatever the number of heads.",
        ),
    ]
    return [{"question": worded(ask, letters), "answer": worded(answer, letters)} for ask, answer in told]


def growth_sentence(found: Grown, quantity: str, curve: Curve) -> list[Piece]:
    """Return what twice as many tokens cost."""
    terms, T = whole(found, "T", quantity), curve["now"]
    letters = {"T": ("T", f"T = {T:,}"), "twice": ("T", f"{2 * T:,}"), "square": ("T", "T²")}
    if not terms.total:
        return worded("Nothing at these sizes.", letters)
    times = f"× {terms.at(2) / terms.total:.2f}"
    if not terms.square:
        return worded(
            f"From {{T}} to {{twice}} tokens: all of it that grows doubles, {times}; no part has {{square}}.", letters
        )
    share = f"{100 * terms.square / terms.total:.1f} %"
    text = (
        f"From {{T}} to {{twice}} tokens: {times}. What grows with T doubles; attention's pairs ({{square}}, {share})"
    )
    over = curve["overtakes"]
    known = letters | {"over": ("T", f"T = {over:,}" if over else "")}
    return worded(f"{text} become four times, and are the larger part from {{over}} on.", known)
