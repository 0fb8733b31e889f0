"""Sweeps over two prompts: which layer and position, which head, which path carries what differs. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor

from app.panels.logit_difference import LogitDifference
from gptcore.analysis.attribution_patching import attribution_patching
from gptcore.analysis.edge_attribution import EdgeAttribution, edge_attribution
from gptcore.analysis.patching import AT_ONCE, BY_HEAD, Progress, What, patch_sweep
from gptcore.analysis.path_patching import path_sweep
from gptcore.capture.models import Model
from gptcore.config import GPTConfig

PATH: Final = "path"
WHATS: Final[dict[str, str]] = {
    "head": "head output",
    "pattern": "head pattern",
    "value": "head values",
    "resid_pre": "residual",
    "attn": "attention",
    "mlp": "MLP",
    PATH: "paths",
}
"""The parts that can be patched, and their names."""
MOST_EDGES: Final = 3e10
"""Multiplications up to which the estimate of paths is made: it takes a gradient for each head."""
Receiver = tuple[int, int, Literal["q", "k", "v"]]


@dataclass(frozen=True)
class Question:
    """A sweep to make."""

    what: str
    """One of `WHATS`."""
    breaking: bool = False
    """True to put parts of the corrupt run into the clean one; False to bring the corrupt one back."""
    receiver: Receiver | None = None
    """The layer, head and input in which paths end; None for the logits, and for all but paths."""

    @property
    def by_head(self) -> bool:
        """True for a column a head, False for a column a position."""
        return self.what == PATH or self.what in BY_HEAD

    def pieces(self, config: GPTConfig, T: int) -> int:
        """Return the number of cells."""
        return config.n_layer * (config.n_head if self.by_head else T)


@dataclass(frozen=True, eq=False)
class Answer:
    """The cells of a sweep: 0 where a part carries nothing of what differs, 1 where all."""

    exact: Float[Tensor, "L n"]
    """NaN for cells that were not done."""
    gradient: Float[Tensor, "L n"] | None
    """The same by gradients, to first order; None where that would take long."""

    @property
    def correlation(self) -> float | None:
        """The correlation of both over the cells that are done; None where one of them is the same everywhere."""
        if self.gradient is None:
            return None
        done = ~self.exact.isnan()
        one, other = self.exact[done].double(), self.gradient[done].double()
        if one.numel() < 2 or one.std() == 0 or other.std() == 0:
            return None
        return float(torch.corrcoef(torch.stack([one, other]))[0, 1])


def sweep(
    model: Model,
    clean: list[int],
    corrupt: list[int],
    metric: LogitDifference,
    question: Question,
    progress: Progress | None = None,
    cost: float = 0.0,
) -> Answer:
    """Answer a question, exactly and by gradients.

    Args:
        model: the model.
        clean: ids of the clean prompt.
        corrupt: as many ids.
        metric: what tells them apart.
        question: what is swept.
        progress: as of `patch_sweep`.
        cost: multiplications of a run, from which it follows if an estimate of paths is worth its time.

    Raises:
        ValueError: as `patch_sweep`.
    """
    good, bad = (corrupt, clean) if question.breaking else (clean, corrupt)
    if question.what != PATH:
        what = cast(What, question.what)
        gradient = attribution_patching(model, good, bad, metric, what)
        return Answer(patch_sweep(model, good, bad, metric, what, progress=progress), gradient)
    receivers = None if question.receiver is None else [question.receiver]
    exact = 1 - path_sweep(model, bad, good, metric, receivers, progress=progress)
    edges = None
    if 3 * cost * exact.numel() <= MOST_EDGES:
        edges = torch.zeros_like(exact)
        for layer, head in torch.ones_like(exact).nonzero().tolist():
            edges[layer, head] = _edge(edge_attribution(model, good, bad, metric, (layer, head)), question.receiver)
    return Answer(exact, edges)


def _edge(edges: EdgeAttribution, receiver: Receiver | None) -> float:
    if receiver is None:
        return edges.output
    layer, head, which = receiver
    return float({"q": edges.q, "k": edges.k, "v": edges.v}[which][layer, head])


def largest_run(parameters: int, T: int) -> float:
    """Return the multiplications of the largest run of a sweep, which has many cells in one batch."""
    return float(parameters) * max(AT_ONCE, T)


def whole(parameters: int, T: int, question: Question, config: GPTConfig) -> float:
    """Return the multiplications of a sweep, at most."""
    runs = 2 if question.what == PATH else 1
    return float(parameters) * T * runs * question.pieces(config, T)


def codes(
    opening: str, clean: list[int], corrupt: list[int], metric: LogitDifference, question: Question
) -> tuple[str, str]:
    """Write Python that makes the exact cells, and those by gradients; "" for what has no short code."""
    first = [f"import gptcore; from gptcore import analysis\n{opening}", f"clean, corrupt = {clean}, {corrupt}"]
    first.append(metric.code)
    good, bad = ("corrupt", "clean") if question.breaking else ("clean", "corrupt")
    start = "\n".join(first)
    if question.what != PATH:
        given = f"(ckpt.model, {good}, {bad}, metric, {question.what!r})"
        return f"{start}\nfound = analysis.patch_sweep{given}", f"{start}\nfound = analysis.attribution_patching{given}"
    receivers = None if question.receiver is None else [question.receiver]
    exact = f"found = 1 - analysis.path_sweep(ckpt.model, {bad}, {good}, metric, {receivers})"
    layer, head, which = question.receiver or (0, 0, "q")
    part = "output" if question.receiver is None else f"{which}[{layer}, {head}]"
    each = f"float(analysis.edge_attribution(ckpt.model, {good}, {bad}, metric, (i, j)).{part})"
    loops = "for j in range(ckpt.config.n_head)] for i in range(ckpt.config.n_layer)]"
    return f"{start}\n{exact}", f"{start}\nfound = [[{each} {loops}"
