"""`Trace`: every tensor of one run by its name in the map, as a value that never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gptcore.capture import stored
from gptcore.capture.banks import Banks
from gptcore.capture.bound_edits import Edits, bound
from gptcore.capture.edits import Edit
from gptcore.capture.pickled_model import Pickled
from gptcore.capture.values import Values
from gptcore.capture.weight_fingerprint import WeightsSeen
from gptcore.graph.architecture import architecture
from gptcore.graph.near_names import near_names
from gptcore.graph.ops import Axes, Rows
from gptcore.model import GPT

Precision = tuple[str, torch.dtype | None]
"""The device's type, and the lower precision that autocast computes in there; None without autocast."""


class Trace(Mapping[str, Tensor]):
    """Every tensor of one run, by its name. Immutable: what is read is a copy, and a longer trace shares the rest.

    Attributes:
        config: the model's sizes.
        ids: the token ids, (B, T) int64.
        edits: the edits of the run, in the order given.
        reused: how many of the T positions were taken over whole from an earlier trace.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> trace.shapes()["transformer.h.1.attn.pattern"]
    (('B', 'H', 'T', 'T'), (1, 2, 3, 3))
    >>> trace["transformer.h.1.attn.pattern"].sum(dim=-1).allclose(torch.ones(1, 2, 3))
    True
    """

    def __init__(
        self, model: GPT, banks: Banks, weights: WeightsSeen, batch: int, precision: Precision,
        cached: frozenset[str], last_logits: Tensor | None, reused: int, edits: tuple[Edit, ...], bound: Edits,
        foreign: bool = False,
    ) -> None:  # fmt: skip
        """Keep what `capture` has made; nobody else makes a trace.

        Args:
            banks: the cached tensors.
            cached: their names.
            last_logits: (B, 1, V), as the run made them; None where they are to be derived.
            bound: the edits, checked for this run.
            foreign: whether third-party hooks changed something in the run.
        """
        self.config, self.reused, self.edits = model.config, reused, edits
        self.B, self.T = batch, banks.rows
        self._model, self._kept, self._weights, self._cached = model, banks, weights, cached
        self._again: Callable[[], Trace] | None = None
        self._precision, self._last_logits, self._bound, self._foreign = precision, last_logits, bound, foreign
        arch = architecture(model.config)
        self._tokens, self._logits_name = arch.named("tokens"), arch.named("logits")

    @property
    def _values(self) -> Values:
        """Return what the tensors are read from. It holds the trace, which must not hold it.

        A trace in a cycle would keep its memory until Python's collector comes by; so it is freed with its last user.
        """
        return Values(self._model, self._bound, self.T, self._at_hand, self._check_weights)

    # Its memory

    def let_go(self, again: Callable[[], Trace]) -> None:
        """Free the tensors of the run but its ids and last logits. If others are read after all, the run is made anew.

        Args:
            again: makes the same run: the same ids, edits and names.

        >>> from gptcore import GPT, GPTConfig, capture
        >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=4)).eval()
        >>> trace = capture(model, [3, 1, 4])
        >>> held = trace.nbytes()
        >>> trace.let_go(lambda: capture(model, [3, 1, 4]))
        >>> trace.nbytes() < held / 10, trace.ids.tolist(), trace["transformer.ln_f"].shape, trace.nbytes() == held
        (True, [[3, 1, 4]], torch.Size([1, 3, 4]), True)
        """
        self._again, self._kept = again, self._kept.only([self._tokens])

    def only(self, cached: frozenset[str]) -> Trace:
        """Return the same run with some of the cached tensors alone; views, and itself where it has no others."""
        if self._cached <= cached:
            return self
        return Trace(
            self._model, self._banks.only(cached), self._weights, self.B, self._precision, cached, self._last_logits,
            self.reused, self.edits, self._bound, self._foreign,
        )  # fmt: skip

    @property
    def _banks(self) -> Banks:
        """Return the cached tensors; of a run that was let go, once it is made anew."""
        if self._again is not None:
            self._check_weights()
            made = self._again()
            self._kept, self._cached, self._again = made._banks, made._cached, None
        return self._kept

    # What is there

    @property
    def ids(self) -> Tensor:
        """The token ids, (B, T)."""
        return self._own_ids.clone()

    @cached_property
    def _own_ids(self) -> Tensor:
        return self[self._tokens]

    @property
    def logits(self) -> Tensor:
        """The scores of every next token at every position, (B, T, V)."""
        return self[self._logits_name]

    def __iter__(self) -> Iterator[str]:
        return iter(stored.available(self.config, self._cached))

    def __len__(self) -> int:
        return len(stored.available(self.config, self._cached))

    def __contains__(self, name: object) -> bool:
        return name in stored.available(self.config, self._cached)

    __eq__ = object.__eq__  # a trace is itself, and no table of tensors to be compared one by one
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        edits = f", {len(self.edits)} edits" if self.edits else ""
        return f"Trace(B={self.B}, T={self.T}, reused={self.reused}{edits}, {self.nbytes() / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        from gptcore.capture.trace_html import trace_html  # imported here: only notebooks ask for it

        return trace_html(self)

    def shapes(self) -> dict[str, tuple[Axes, tuple[int, ...]]]:
        """Return each name's symbolic axes and its shape in this run, without computing anything."""
        return dict(self._shapes)

    @cached_property
    def _shapes(self) -> dict[str, tuple[Axes, tuple[int, ...]]]:
        sizes = architecture(self.config).shapes(B=self.B, T=self.T)
        return {name: (axes, sizes[name]) for name, axes in stored.available(self.config, self._cached).items()}

    def nbytes(self) -> int:
        """Return the bytes that this trace keeps in memory.

        Those that it shares with other traces count, and the traces and tensors that its edits take values from.
        """
        own = self._kept.nbytes() + (0 if self._last_logits is None else self._last_logits.nbytes)
        values = {id(edit.value): edit.value for edit in self.edits}.values()
        tensors = sum(value.nbytes for value in values if isinstance(value, Tensor))
        return own + tensors + sum(value.nbytes() for value in values if isinstance(value, Trace))

    # What is read

    def __getitem__(self, name: str) -> Tensor:
        """Return the whole tensor, a copy. A KeyError lists near names."""
        return self.rows(name, 0, self.T)

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Return positions `start` to `stop` of a tensor's first T axis: the queries of a pattern. Compute no others.

        Raises:
            KeyError: no such name in this trace.
            IndexError: positions outside 0 to T.
            RuntimeError: the tensor is derived from weights that have changed since the run.
        """
        if name not in self:
            near = near_names(name, self)
            hint = f"; near it: {', '.join(near)}" if near else "; trace.keys() lists them"
            hint += " (trace.logits gives the same)" if near[:1] == ["lm_head"] else ""
            raise KeyError(f"no tensor {name!r} in this trace{hint}")
        if not 0 <= start < stop <= self.T:
            raise IndexError(f"positions must satisfy 0 <= start < stop <= {self.T}, got {start} to {stop}")
        with self._as_run():
            return self._values.copied(name, Rows(start, stop))

    def unembedded(self, states: Tensor) -> Tensor:
        """Return the logits (..., V) of states (..., C) of the residual stream: the final norm, then the head.

        The norm takes each state's own mean and variance. The weights are those of the run; edits do not count.

        Raises:
            RuntimeError: the weights have changed since the run.
        """
        with self._as_run():
            return self._values.unembedded(states)

    def weight(self, name: str, which: str = "weight") -> Tensor:
        """Return the weight that a tensor was made with, detached; not a copy.

        Args:
            name: the tensor.
            which: "weight" or "bias".

        Raises:
            KeyError: this tensor has none of that name.
            RuntimeError: the weights have changed since the run.
        """
        node = architecture(self.config).nodes[name]
        found = self._values.weight(node, which)
        if found is None:
            raise KeyError(f"{name} has no {which}; it has {', '.join(node.weights) or 'none'}")
        return found.detach()

    @contextmanager
    def _as_run(self) -> Iterator[None]:
        """Compute without a graph and in the precision of the run, whatever surrounds the reading."""
        device, lower = self._precision
        autocast: AbstractContextManager[None] = nullcontext()
        if precision(device) != self._precision:
            autocast = torch.autocast(device, dtype=lower, enabled=lower is not None)
        with torch.inference_mode(False), torch.no_grad(), autocast:
            yield

    # The trace as a value: copies are itself, a pickle has the weights with it

    def __copy__(self) -> Trace:
        return self

    def __deepcopy__(self, memo: object) -> Trace:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self._weights.stale(self._model):
            raise RuntimeError(
                "the model's weights have changed since this trace was captured, so a pickle would not hold the run's; "
                "capture again"
            )
        with self._as_run():
            rows = {name: torch.cat(pieces, dim=stored.time_axes(self.config)[name]) for name, pieces in self._pieces()}
        state = (self._cached, rows, self._last_logits, self.reused, self.edits, self._precision, self._foreign)
        return _restored, (Pickled.of(self._model, self._weights), *state)

    def _pieces(self) -> Iterator[tuple[str, list[Tensor]]]:
        for name in self._cached:
            yield name, self._banks.read(name, 0, self.T) or []

    def _at_hand(self, name: str, rows: Rows) -> list[Tensor] | None:
        if name == self._logits_name and self._last_logits is not None and rows == (self.T - 1, self.T):
            return [self._last_logits.clone()]
        return (self._kept if name == self._tokens else self._banks).read(name, *rows)

    def _check_weights(self) -> None:
        if self._weights.stale(self._model):
            raise RuntimeError(
                "this tensor is derived, as the logits are from lm_head's weight, and the model's weights have changed "
                "since this trace was captured; capture again"
            )


def _restored(
    model: Pickled, cached: frozenset[str], rows: dict[str, Tensor], last_logits: Tensor | None, reused: int,
    edits: tuple[Edit, ...], run_in: Precision, foreign: bool,
) -> Trace:  # fmt: skip
    """Return the trace that was pickled, of a model of its own."""
    made, (B, T) = model.model, rows[architecture(model.config).named("tokens")].shape
    banks = Banks.fresh(stored.banks(made.config, cached), rows, T)
    checked = bound(edits, made.config, B, T, made) if edits else {}
    weights = WeightsSeen.now(made)
    return Trace(made, banks, weights, B, run_in, cached, last_logits, reused, edits, checked, foreign)


def precision(device: str) -> Precision:
    """Return the precision that a run on this device computes in now."""
    return device, torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
