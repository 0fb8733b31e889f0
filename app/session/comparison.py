"""The prediction with the changes beside the one without them. No Streamlit."""

from __future__ import annotations

import torch

from app.session.prompt_run import Shown
from gptcore import architecture

Fact = tuple[str, str, str]


def shares_before(run: Shown, position: int, temperature: float, tokens: list[int]) -> list[float]:
    """Return the probabilities of these tokens in the run without the changes."""
    shares = torch.softmax(_logits_before(run, position).double() / temperature, dim=-1)
    return [float(share) for share in shares[tokens]]


def divergence(run: Shown, position: int) -> float:
    """Return KL(without || with) of the next token at a position, in nats.

    It is the sum of p ln (p / q) over all tokens, p without the changes, q with them.
    """
    before = torch.log_softmax(_logits_before(run, position).double(), dim=-1)
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
    return [*found, ("Δ loss", f"{after - without:+.3f}".replace("-", "−"), meaning)]


def _first(run: Shown, position: int) -> Fact:
    """Return what became of the token that the model would say without the changes."""
    before = _logits_before(run, position).double().softmax(dim=-1)
    token = int(before.argmax())
    after = run.logits_at(position).double().softmax(dim=-1)
    meaning = "the most likely token without the changes: its probability without → with them, at temperature 1"
    return "was", f"{run.checkpoint.tokenizer.label(token)} {before[token]:.1%} → {after[token]:.1%}", meaning


def _logits_before(run: Shown, position: int) -> torch.Tensor:
    """Return the logits of a position without the changes, (V,)."""
    logits = architecture(run.trace.config).named("logits")
    return run.unchanged.rows(logits, position, position + 1)[0, 0]
