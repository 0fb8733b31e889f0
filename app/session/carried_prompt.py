"""A prompt that was meant for another model: whether this one reads it well. No Streamlit."""

from __future__ import annotations

import math
from dataclasses import replace

from app.components import Notice
from app.session.first_prompt import first_trace
from app.session.prompt_run import Shown
from app.session.screen import Model, Screen
from gptcore import Trace, architecture

FEW = 6
"""Tokens of a text that is too short to tell how a vocabulary cuts it."""
MANY = 1.75
"""Tokens of a text for each token of the model's own example, at the same length, from which they are many more."""
WORSE = 1.2
"""A loss for each nat of a blind guess from which a text is of another kind."""
WORK = 1e9
"""Multiplications that finding out may take."""


def told(screen: Screen, model: Model, text: str | None) -> Screen:
    """Return a model's first screen with a notice on the prompt that was there before, if it is of another kind.

    Args:
        screen: the first screen.
        model: the model.
        text: the prompt that was meant for the model before; None where that was its own example.
    """
    if screen.shown.text != text:
        return screen
    why = strange(screen.shown, model)
    notice: Notice = {"kind": "warning", "text": why, "offer": True}
    return replace(screen, notice=notice) if why and screen.notice is None else screen


def strange(run: Shown, model: Model) -> str:
    """Return a sentence that says why a text is none of this model's kind; "" where it is of its kind."""
    tokenizer, ids = run.checkpoint.tokenizer, run.ids
    if tokenizer.unknown is not None and (unknown := ids.count(tokenizer.unknown)):
        return f"{unknown:,} of the {len(ids):,} tokens of this prompt are unknown to this model."
    own = tokenizer.encode_marked(model.example)
    if len(ids) >= FEW and len(ids) * len(model.example) > MANY * len(own) * len(run.text):
        return f"This model’s vocabulary cuts the prompt into {len(ids):,} small tokens."
    loss, blind = _loss(run.unchanged), math.log(run.checkpoint.config.vocab_size)
    if not loss > WORSE * blind or not _loss(first_trace(run.checkpoint, run)) < blind:  # it has learnt its own
        return ""
    return f"No text of this model’s kind: loss {loss:.1f}, a blind guess has {blind:.1f}."


def _loss(trace: Trace) -> float:
    """Return the mean loss of the last tokens of a run, as many as can be read quickly; NaN of one token."""
    rows = max(1, int(WORK / (trace.config.n_embd * trace.config.vocab_size)))
    stop = trace.T - 1
    start = max(0, stop - rows)
    if start == stop:
        return math.nan
    return trace.rows(architecture(trace.config).named("loss"), start, stop)[0].mean().item()
