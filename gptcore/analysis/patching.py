"""Patching: which tensor of one run, put into another, brings its prediction back. Exact: a run for each cell.

Always clean into corrupt (what suffices), so a cell is 1 where the patched run is as good as the clean one, and 0
where it is as bad as the corrupt one. `attribution_patching.py` estimates the same by gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.capture.capture import capture
from gptcore.capture.edits import Edit
from gptcore.capture.ids import Ids, checked_ids
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
AT_ONCE = 512
"""Tokens of a batch of cells."""
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
    head at all positions. Cells of a layer run together, from their block and first position on;
    positions before the first token that differs are 0 without a run. A cell of resid_pre
    can change only what lies above it at its own and later positions.

    Args:
        model: a model or checkpoint, in eval mode.
        clean: ids of the prompt that goes right, (T,) or (B, T).
        corrupt: as many ids, aligned token by token.
        metric: takes the logits of all positions, (B, T, V), and returns one number; better a difference of logits
            than a probability.
        what: what is patched; see above.
        progress: called before the first batch of cells and after each, with the cells that are done and all that are
            to be run. Where it returns False the sweep stops, and the cells that are not done are NaN.

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
    found = torch.full(shape_of(pair.clean, what), torch.nan, dtype=torch.float64)
    batches = Batches(pair, what)
    found[:, : batches.columns.start] = 0  # where both prompts are still the same
    done, count = 0, len(found) * len(batches.columns)
    for layer, columns in batches:
        if progress is not None and progress(done, count) is False:
            return found
        found[layer, columns.start : columns.stop] = torch.tensor(batches.values(layer, columns), dtype=found.dtype)
        done += len(columns)
    if progress is not None:
        progress(done, count)
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

    def of_states(self, states: Float[Tensor, "B t C"], start: int) -> float:
        """Return the normalised metric of the last states from a position on; before it they are the corrupt run's."""
        logits = self.corrupt.unembedded(states)  # (B, t, V)
        return self.normalised(number(self.metric, torch.cat([self._before[:, :start], logits], dim=1)))

    def normalised(self, value: float) -> float:
        """Return a metric's value on the scale of both runs: 1 as good as clean, 0 as bad as corrupt."""
        return (value - self.of_corrupt) / (self.of_clean - self.of_corrupt)


class Batches:
    """The cells of a sweep, some of a layer in one batch: a copy of the corrupt run for each, with its own patch.

    A run of a few tokens takes as long as its weights take to be read, so a batch costs little more than one of them.
    """

    def __init__(self, pair: Pair, what: What) -> None:
        self.pair, self.what, self.config = pair, what, pair.corrupt.config
        differ = (pair.clean.ids != pair.corrupt.ids).any(dim=0).nonzero()
        self.first = int(differ[0]) if len(differ) else 0
        self.columns = range(0 if what in BY_HEAD else self.first, shape_of(pair.clean, what)[1])
        self.size = max(1, min(len(self.columns), AT_ONCE // pair.corrupt.ids.numel()))
        arch = architecture(self.config)
        self.last = arch.named("residual", self.config.n_layer - 1)
        roles: tuple[Role, ...] = (
            "residual in",
            "key",
            "value",
        )  # where a run enters a block; what the past is seen by
        layers = range(self.config.n_layer)
        self.read = [self.last, *(arch.named(role, layer) for role in roles for layer in layers)]
        self._copies: dict[int, Trace] = {}

    def __iter__(self) -> Iterator[tuple[int, range]]:
        """Yield layers and columns that go together, from the last layer, whose runs are the shortest, down."""
        for layer in reversed(range(self.config.n_layer)):
            for start in range(0, len(self.columns), self.size):
                yield layer, self.columns[start : start + self.size]

    def values(self, layer: int, columns: range) -> list[float]:
        """Return the normalised metric of some cells of a layer."""
        by_head, count, B = self.what in BY_HEAD, len(columns), self.pair.corrupt.B
        name = name_of(self.config, self.what, layer)
        start = self.first if by_head else columns.start  # nothing before it changes
        clean, value = (run.rows(name, start, run.T) for run in (self.pair.clean, self.pair.corrupt))
        value = value.repeat(count, *[1] * (value.dim() - 1))  # (count * B, ...), a copy after the other
        for i, column in enumerate(columns):
            place = column if by_head else column - start
            value[i * B : (i + 1) * B, place] = clean[:, place]
        edit = Edit(name, "set", value, position=None if start == 0 else slice(start, self.pair.corrupt.T))
        base = self._corrupt(count)
        trace = capture(self.pair.model, base.ids, names=self.read, edits=[edit], previous=base)
        found = []
        for i, column in enumerate(columns):
            first = start if by_head else column
            states = trace.rows(self.last, first, trace.T)[i * B : (i + 1) * B]  # (B, t, C)
            found.append(self.pair.of_states(states, first))
        return found

    def _corrupt(self, count: int) -> Trace:
        """Return the corrupt run in so many copies, with no more than a changed run reads of it."""
        if count not in self._copies:
            ids = self.pair.corrupt.ids.repeat(count, 1)
            self._copies[count] = capture(self.pair.model, ids, names=self.read)
        return self._copies[count]


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
