"""Parts of a model that were exchanged or patched, and a check that a trace tells the truth of a run with them.

A trace derives what a run does not keep, such as a pattern, by the map. Where a part of the model is another one than
`model.py` puts there, or attention itself was replaced, or hooks run for all modules of the process, every tensor that
the run kept is computed once more from the others: a part that only looks on passes, and one that changes something
is refused. A change by hooks on the model is watched (`third_party.py`); one by `edits` is what `capture` is made for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gptcore.capture.trace import Trace
from gptcore.capture.weight_fingerprint import ModulesSeen
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.ops import Given, Rows
from gptcore.model import GPT
from gptcore.skip_init import Unfilled

CLOSE = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 3e-2, torch.bfloat16: 1e-1}
"""Largest difference by rounding, as a share of the tensor's largest number."""
_ATTENTION = F.scaled_dot_product_attention
"""PyTorch's own, as it was when this file was imported."""
Forward = Callable[..., Any]


class _Part(NamedTuple):
    """A module inside the model, and the forward pass of the class that `model.py` puts there."""

    name: str
    module: nn.Module
    fields: dict[str, Any]
    forward: Forward


class _Look:
    """The parts of a model as they were when it was last walked through, which costs more than all that follows.

    Their fields, and their classes with the forward passes expected of these, are kept in lists of their own, so that
    a look at all parts before each run is a few steps in C.
    """

    def __init__(self, model: nn.Module, parts: list[_Part]) -> None:
        self.modules, self.parts = ModulesSeen(model), parts
        self.fields = [part.fields for part in parts]
        self._modules = [part.module for part in parts]
        self._types = [*map(type, self._modules)]
        self._expected = {(type(part.module), part.forward) for part in parts}

    def own(self) -> str:
        """Return the name of a part with a forward pass of its own; "" if there is none."""
        if (
            all(kind.forward is forward for kind, forward in self._expected)
            and [*map(type, self._modules)] == self._types
            and not self.having("forward")
        ):
            return ""
        for name, module, fields, forward in self.parts:
            if "forward" in fields or type(module).forward is not forward:
                return name
        return ""

    def having(self, field: str) -> list[dict[str, Any]]:
        """Return the fields of the parts that have one of this name of their own, beside that of their class."""
        return [fields for fields in self.fields if field in fields]


_seen: WeakKeyDictionary[nn.Module, _Look] = WeakKeyDictionary()


def exchanged(model: GPT) -> str:
    """Return what a run of this model would do otherwise than `model.py`, as a part of a sentence; "" if nothing.

    Raises:
        ValueError: a part has no weights that the map knows, as those of a quantized model.
    """
    look = _seen.get(model)
    if look is None or look.modules.stale(model):
        look = _seen[model] = _walk(model)
    if F.scaled_dot_product_attention is not _ATTENTION:
        return "torch.nn.functional.scaled_dot_product_attention was replaced"
    hooks = nn.modules.module
    if hooks._global_forward_hooks or hooks._global_forward_pre_hooks:
        return "there are forward hooks for all modules of this process"
    if "forward" in model.__dict__ or type(model).forward is not GPT.forward:
        return "the model has a forward pass of its own"
    part = look.own()
    return f"{part} has a forward pass of its own" if part else ""


def eagerly(model: GPT) -> AbstractContextManager[Any]:
    """Return a context in which parts that were compiled in place run as they are written, so that hooks see them.

    `exchanged` has looked at the model before.
    """
    if "_compiled_call_impl" not in model.__dict__ and not _seen[model].having("_compiled_call_impl"):
        return nullcontext()
    made: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return made


def refuse_untrue(trace: Trace, why: str) -> None:
    """Raise a ValueError where a tensor of the run is not what the map computes from the others.

    Only the positions that this run has not taken over are looked at.
    """
    rows = Rows(min(trace.reused, trace.T - 1), trace.T)
    nodes = architecture(trace.config).nodes
    with trace._as_run():
        for name in trace._cached:
            if not isinstance(nodes[name].op, Given):
                _compare(trace, name, rows, why)
        _compare(trace, architecture(trace.config).named("logits"), Rows(trace.T - 1, trace.T), why)


def _compare(trace: Trace, name: str, rows: Rows, why: str) -> None:
    values = trace._values
    if not all(operand in trace for operand in architecture(trace.config).nodes[name].operands):
        return  # captured without what it is made from
    made = values.unedited(name, rows)
    for edit in trace._bound.get(name, ()):
        made = edit.apply(rows, made, trace.T)
    kept = values.joined(name, rows)
    difference = _largest(kept - made)
    if not difference <= CLOSE.get(kept.dtype, 1e-4) * max(1.0, _largest(kept)) and bool(kept.isfinite().all()):
        raise ValueError(
            f"{why}, and {name} of this run differs by {difference:.2g} from what gptcore/model.py makes of its "
            "inputs, so a trace would tell tensors that the run did not use; undo it, or change the run by edits=[...]"
        )


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max())


def _walk(model: GPT) -> _Look:
    parts = [
        _Part(name, module, module.__dict__, _expected(name, module))
        for name, module in model.named_modules()
        if module is not model  # the memo must not keep the model alive
    ]
    return _Look(model, parts)


def _expected(name: str, module: nn.Module) -> Forward:
    """Return the forward pass that belongs to a path; the module's own where the model has no such path."""
    place = re.sub(r"^transformer\.h\.\d+", "transformer.h.0", name)
    kind = _kinds().get(place)
    if kind is None:
        return type(module).forward
    if issubclass(kind, nn.Linear | nn.Embedding | nn.LayerNorm) and not isinstance(module.weight, Tensor):
        raise ValueError(
            f"{name} is a {type(module).__module__}.{type(module).__name__}, whose weights are packed: the map has no "
            "numbers for it; capture the model as it was before it was quantized"
        )
    return kind.forward


@cache
def _kinds() -> dict[str, type[nn.Module]]:
    """Return the class of each module by its path in block 0."""
    with torch.device("meta"), Unfilled():
        smallest = GPT(GPTConfig(block_size=1, vocab_size=1, n_layer=1, n_head=1, n_embd=1))
    return {name: type(module) for name, module in smallest.named_modules()}
