"""The metric of two prompts: how far the logit of one token is above that of another. No Streamlit.

It is a value, so that what was computed with it can be found again.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from gptcore import Trace
from gptcore.graph.architecture import architecture


@dataclass(frozen=True)
class LogitDifference:
    """The logit of a token minus that of another, after a position."""

    one: int
    other: int
    position: int = -1
    """A position of the context; -1 is the last."""

    def __call__(self, logits: Float[Tensor, "B T V"]) -> Float[Tensor, ""]:
        """Return the metric of the first sequence.

        >>> import torch
        >>> LogitDifference(2, 0)(torch.tensor([[[0.0, 0.0, 9.0], [1.0, 2.0, 4.0]]])).item()
        3.0
        """
        return logits[0, self.position, self.one] - logits[0, self.position, self.other]

    def of(self, trace: Trace) -> float:
        """Return the metric of a run."""
        position = self.position % trace.T
        row = trace.rows(architecture(trace.config).named("logits"), position, position + 1)
        return float((row[0, 0, self.one] - row[0, 0, self.other]).item())

    @property
    def code(self) -> str:
        """The same as Python."""
        at = f"logits[0, {self.position}"
        return f"metric = lambda logits: {at}, {self.one}] - {at}, {self.other}]"


def telling(clean: Trace, corrupt: Trace, position: int = -1) -> LogitDifference:
    """Return the metric that is usual for two prompts: the most likely token of each, after a position.

    Where both are followed by the same one, its rival is the token whose logit, beside that of the first, is most
    higher on the corrupt prompt.
    """
    one, other = (_logits(run, position) for run in (clean, corrupt))
    best, rival = int(one.argmax()), int(other.argmax())
    if rival == best:
        rival = int((other - one).argmax())
    if rival == best:  # no token is higher there, compared with the others: any other will do
        rival = int(one.topk(min(2, one.numel())).indices[-1])
    return LogitDifference(best, rival, position)


def normalised(value: float, clean: float, corrupt: float) -> float | None:
    """Return where a value lies: 1 at that of the clean prompt, 0 at that of the corrupt one; None if both are one.

    >>> normalised(0.5, 2.0, -1.0)
    0.5
    """
    return None if clean == corrupt else (value - corrupt) / (clean - corrupt)


def signed(value: float) -> str:
    """Return a number with its sign and two digits behind the point.

    >>> signed(-1.5), signed(2.0)
    ('−1.50', '+2.00')
    """
    return f"{value:+.2f}".replace("-", "−")


def _logits(run: Trace, position: int) -> Tensor:
    at = position % run.T
    return run.rows(architecture(run.config).named("logits"), at, at + 1)[0, 0].double()
