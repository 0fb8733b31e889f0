"""The prediction with the changes beside the one without them. No Streamlit."""

from __future__ import annotations

from typing import NamedTuple

import torch

from app.panels.token_words import visible
from app.session.prompt_run import Shown
from gptcore.analysis.direct_effect import direct_effect

Fact = tuple[str, str, str]
SLIGHT = 0.02
"""Largest difference of logits that is next to nothing."""
SAME = 0.1
"""Largest distance from 1 of actual / predicted that is no answer of later parts."""


class Effect(NamedTuple):
    """The change of a logit: by the changes of the run themselves, as attribution foretells, and in the end."""

    sentence: str
    brief: str
    """Both numbers alone, for a place with room for one line."""
    meaning: str


def shares_before(run: Shown, position: int, temperature: float, tokens: list[int]) -> list[float]:
    """Return the probabilities of these tokens in the run without the changes."""
    shares = torch.softmax(run.logits_before(position).double() / temperature, dim=-1)
    return [float(share) for share in shares[tokens]]


def divergence(run: Shown, position: int) -> float:
    """Return KL(without || with) of the next token at a position, in nats.

    It is the sum of p ln (p / q) over all tokens, p without the changes, q with them.
    """
    before = torch.log_softmax(run.logits_before(position).double(), dim=-1)
    after = torch.log_softmax(run.logits_at(position).double(), dim=-1)
    share = before.exp()
    return float(torch.where(share > 0, share * (before - after), 0.0).sum())


def facts(run: Shown, position: int, losses: tuple[float, float] | None) -> list[Fact]:
    """Return (name, value, meaning) of what the changes do to the prediction.

    Args:
        run: a run with changes.
        position: the position of the context.
        losses: the mean loss of the prompt without and with the changes; None where it is not known.
    """
    told: Fact = (
        "KL",
        f"{divergence(run, position):.3f}",
        "KL(without the changes || with) of the next token here, at temperature 1, in nats; 0 is no difference",
    )
    found = [_first(run, position), told]
    if losses is None:
        return found
    without, after = losses
    meaning = f"the mean loss of this prompt's own tokens: {without:.3f} without the changes, {after:.3f} with, in nats"
    change = f"{after - without:+.3f}".replace("-", "−")
    return [*found, ("Δ prompt loss", "0.000" if change[1:] == "0.000" else change, meaning)]


def effect(run: Shown, position: int) -> Effect | None:
    """Return what the changes do to the logit of the token that is the most likely one without them.

    Later parts make the two differ: they repair a loss, or lose besides. None where a change is of a tensor that adds
    nothing to the stream by itself, such as a pattern.
    """
    before, after = run.logits_before(position), run.logits_at(position)
    token = int(before.argmax())
    edits = [edit for edit in run.trace.edits if edit.how != "patch"]  # which keeps patterns
    try:
        predicted = direct_effect(run.unchanged, edits, token, position=position)
    except ValueError:
        return None
    actual = float(after[token]) - float(before[token])
    meaning = (
        f"What the changes do to the logit of {run.checkpoint.tokenizer.label(token)!r}, the most likely token here "
        "without them. From the change itself: foretold by direct logit attribution, from what they put into the "
        "residual stream at this position, read through the final norm with the scale of the run without them, as if "
        "nothing behind them answered. In the end: the logit with the changes minus without them. Repaired: the share "
        "of the first that is missing in the second."
    )
    of = f"logit of {visible(run.checkpoint.tokenizer.label(token))}"
    foretold, came = _signed(predicted), _signed(actual)
    told = f"{of}: {foretold} from the change itself, {came} in the end: {_answer(predicted, actual)}"
    return Effect(told, f"its logit {foretold} by itself, {came} in the end", meaning)


def _answer(predicted: float, actual: float) -> str:
    """Return what parts behind a change make of its direct effect.

    >>> _answer(-2.1, -0.4), _answer(-0.57, -2.99), _answer(0.0, -1.2)
    ('later parts repaired 81 %', 'later parts made it 5.2 times as much', 'all of it through later parts')
    """
    if max(abs(predicted), abs(actual)) < SLIGHT:
        return "next to nothing"
    if abs(predicted) < SLIGHT:
        return "all of it through later parts"
    share = actual / predicted
    if share < 0:
        return "later parts reverse it"
    if abs(share - 1) < SAME:
        return "later parts changed little of it"
    return (
        f"later parts repaired {1 - share:.0%}".replace("%", " %")
        if share < 1
        else (f"later parts made it {share:.1f} times as much")
    )


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−")


def _first(run: Shown, position: int) -> Fact:
    """Return what became of the token that the model would say without the changes."""
    before = run.logits_before(position).double().softmax(dim=-1)
    token = int(before.argmax())
    after = run.logits_at(position).double().softmax(dim=-1)
    meaning = "the most likely token without the changes: its probability without → with them, at temperature 1"
    told = f"{run.checkpoint.tokenizer.label(token)} {_share(float(before[token]))} → {_share(float(after[token]))}"
    return "was", told, meaning


def _share(probability: float) -> str:
    """Write a probability; a small one is not written as none.

    >>> _share(0.322), _share(0.0004), _share(0.0)
    ('32.2%', '< 0.1%', '0.0%')
    """
    return "< 0.1%" if 0 < probability < 0.0005 else f"{probability:.1%}"
