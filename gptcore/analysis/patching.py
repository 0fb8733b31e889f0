"""Patching: which tensor of one run, put into another, brings its prediction back. Exact, one run a cell.

Always clean into corrupt (what suffices), so a cell is 1 where the patched run is as good as the clean one, and 0
where it is as bad as the corrupt one. `attribution_patching.py` estimates the same by gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.capture.capture import Ids, capture, checked_ids
from gptcore.capture.edits import Edit
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.node import Role

Metric = Callable[[Tensor], Tensor | float]
"""A function from the logits, (B, T, V), to one number, such as the difference of two logits at the last position."""
What = Literal["resid_pre", "attn", "mlp", "head", "pattern", "value"]
"""The patched tensors: those of the first three at each position, the others head by head, at all positions at once."""
ROLES: dict[str, Role] = {
    "resid_pre": "residual in",
    "attn": "attention",
    "mlp": "mlp",
    "head": "weighted values",
    "pattern": "pattern",
    "value": "value",
}
BY_HEAD = ("head", "pattern", "value")
Progress = Callable[[int, int], bool | None]
"""A function that is called with the number of cells that are done and of all; a False from it stops the sweep."""


def patch_sweep(
    model: Model,
    clean: Ids,
    corrupt: Ids,
    metric: Metric,
    what: What,
    *,
    progress: Progress | None = None,
) -> Float[Tensor, "L n"]:
    """Patch one cell after the other from the clean run into the corrupt one; return how far each brings it back.

    A cell is (m_patched - m_corrupt) / (m_clean - m_corrupt): 1 as good as clean, 0 as bad as corrupt, in float64.
    (L, T) for resid_pre, attn and mlp, each at one position; (L, H) for head (its z), pattern and value, each of one
    head at all positions. Each run shares the blocks below its cell and the positions before it with the corrupt one.
    A cell of resid_pre can change only what lies above it at its own and later positions.

    Args:
        model: a model or checkpoint, in eval mode.
        clean: ids of the prompt that goes right, (T,) or (B, T).
        corrupt: as many ids, aligned token by token.
        metric: takes the logits of all positions, (B, T, V), and returns one number; better a difference of logits
            than a probability.
        what: what is patched; see above.
        progress: called before the first cell and after each. Where it returns False the sweep stops, and the cells
            that are not done are NaN.

    Raises:
        ValueError: prompts of different lengths, an unknown `what`, a metric that is no single number, or that is the
            same for both prompts.

    Source: Meng et al. 2022, "Locating and Editing Factual Associations in GPT"; Wang et al. 2022 (the metric).

    >>> from gptcore import GPT, GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> patch_sweep(model, [3, 1, 4], [2, 1, 4], lambda logits: logits[0, -1, 4] - logits[0, -1, 2], "head").shape
    torch.Size([2, 2])
    """
    pair = Pair.of(model, clean, corrupt, metric)
    cells = list(_cells(pair, what))
    found = torch.full(shape_of(pair.clean, what), torch.nan, dtype=torch.float64)
    for done, (layer, column, edit) in enumerate(cells):
        if progress is not None and progress(done, len(cells)) is False:
            return found
        found[layer, column] = pair.normalised(pair.patched([edit]))
    if progress is not None:
        progress(len(cells), len(cells))
    return found


def shape_of(trace: Trace, what: What) -> tuple[int, int]:
    """Return the shape of a sweep over a run: (L, H) or (L, T).

    Raises:
        ValueError: an unknown `what`.
    """
    if what not in get_args(What):
        raise ValueError(f"what must be one of {', '.join(get_args(What))}, got {what!r}")
    return trace.config.n_layer, trace.config.n_head if what in BY_HEAD else trace.T


def name_of(config: GPTConfig, what: What, layer: int) -> str:
    """Return the tensor of a layer that a sweep patches."""
    return architecture(config).named(ROLES[what], layer)


def _cells(pair: Pair, what: What) -> Iterator[tuple[int, int, Edit]]:
    """Yield layer, column and edit of each cell, from the last layer, whose runs are the shortest, down."""
    layers, columns = shape_of(pair.clean, what)
    for layer in reversed(range(layers)):
        name = name_of(pair.clean.config, what, layer)
        for column in range(columns):
            if what in BY_HEAD:
                yield layer, column, Edit(name, "patch", pair.clean, head=column)
            else:
                yield layer, column, Edit(name, "patch", pair.clean, position=column)


class Pair:
    """A clean and a corrupt run of the same length, and a metric that tells them apart."""

    def __init__(self, model: Model, clean: Trace, corrupt: Trace, metric: Metric) -> None:
        self.model, self.clean, self.corrupt, self.metric = model, clean, corrupt, metric
        self._before = corrupt.logits  # (B, T, V), as it is before any position that a patch changes
        self.of_clean, self.of_corrupt = number(metric, clean.logits), number(metric, self._before)
        if self.of_clean == self.of_corrupt:
            raise ValueError(
                f"the metric is {self.of_clean} for both prompts, so nothing can be brought back; take prompts or a "
                "metric that differ"
            )

    @classmethod
    def of(cls, model: Model, clean: Ids, corrupt: Ids, metric: Metric) -> Pair:
        """Run both prompts.

        Raises:
            ValueError: they are not of the same length, or the metric does not tell them apart.
        """
        gpt = model_of(model)
        shapes = [tuple(checked_ids(gpt, ids).shape) for ids in (clean, corrupt)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"both prompts must have as many tokens, got (B, T) = {shapes[0]} and {shapes[1]}; align them token by "
                "token"
            )
        return cls(gpt, capture(gpt, clean), capture(gpt, corrupt), metric)

    def patched(self, edits: list[Edit]) -> float:
        """Return the metric of the corrupt run under these edits."""
        return self.measured(capture(self.model, self.corrupt.ids, edits=edits, previous=self.corrupt), self._before)

    def measured(self, trace: Trace, before: Tensor | None = None) -> float:
        """Return the metric of a run; `before`, logits of the run that it has taken earlier positions from."""
        if before is None:
            return number(self.metric, trace.logits)
        start = min(trace.reused, trace.T - 1)  # those of earlier positions are the same
        logits = trace.rows(architecture(trace.config).named("logits"), start, trace.T)
        return number(self.metric, torch.cat([before[:, :start], logits], dim=1) if start else logits)

    def normalised(self, value: float) -> float:
        """Return a metric's value on the scale of both runs: 1 as good as clean, 0 as bad as corrupt."""
        return (value - self.of_corrupt) / (self.of_clean - self.of_corrupt)


def number(metric: Metric, logits: Float[Tensor, "B T V"]) -> float:
    """Return the metric of logits.

    Raises:
        ValueError: it is no single number.
    """
    found = metric(logits)
    if isinstance(found, Tensor):
        if found.numel() != 1:
            raise ValueError(f"the metric must return one number, got a tensor of the shape {tuple(found.shape)}")
        return float(found.item())
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"the metric must return one number, got {found!r}")
    return float(found)
