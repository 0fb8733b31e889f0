"""Forward hooks that hand each module's output to the recorder of the current context.

They are installed once and stay: without a recorder in the current context a hook does nothing, so there is nothing
to remove, nothing to leak when a run is interrupted, and any number of threads can record on one shared model.
Third-party hooks, put on at any time, run before these: what is recorded is what they made of it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, cast

from torch import Tensor, nn

from gptcore.capture.pauses import pause

Table = OrderedDict[int, Any]
"""A module's hooks of one kind, by PyTorch's number."""
Outputs = dict[str, Tensor]
"""The output of each module, by the module's path."""


@dataclass(frozen=True)
class Recorder:
    """The outputs that were recorded so far."""

    outputs: Outputs
    keep: Collection[str] | None
    """Paths of the modules whose outputs are kept; None for all."""
    passed: set[str]
    """Paths of the modules that have run: an output that is not kept may be freed at once."""


_recorder: ContextVar[Recorder | None] = ContextVar("gptcore_recorder", default=None)
_installing = threading.Lock()
_OURS, _LOOK = "_gptcore_hook", "_gptcore_hooks"


@dataclass(frozen=True)
class Look:
    """The hooks of a model, as they were when ours were last installed."""

    tables: list[Table]
    """The tables of all modules, as PyTorch keeps them: reading them costs less than a walk through modules."""
    ids: list[int]
    """PyTorch's number of each hook; no two hooks of a process share one."""
    foreign: dict[str, tuple[int, ...]]
    """The numbers of third-party hooks, by the module's path."""


def ready(model: nn.Module, names: Collection[str], anew: bool = False) -> Look:
    """Install our hook on the modules of these paths, behind all others; `anew` where a module may be a new one."""
    look: Look | None = model.__dict__.get(_LOOK)
    if look is None or anew or _ids(look.tables) != look.ids:
        with _installing:
            look = model.__dict__[_LOOK] = _install(model, names)
    return look


def _install(model: nn.Module, names: Collection[str]) -> Look:
    for name in names:
        module = model.get_submodule(name)
        ours = module.__dict__.get(_OURS)
        if ours not in module._forward_hooks:
            module.__dict__[_OURS] = module.register_forward_hook(partial(_record, name)).id
        elif next(reversed(module._forward_hooks)) != ours:
            cast(Table, module._forward_hooks).move_to_end(ours)
    modules = dict(model.named_modules())
    tables = [cast(Table, t) for m in modules.values() for t in (m._forward_hooks, m._forward_pre_hooks)]
    foreign = {name: found for name, module in modules.items() if (found := _foreign(module))}
    return Look(tables, _ids(tables), foreign)


def _foreign(module: nn.Module) -> tuple[int, ...]:
    ours = module.__dict__.get(_OURS)
    return tuple(number for number in (*module._forward_hooks, *module._forward_pre_hooks) if number != ours)


def _ids(tables: list[Table]) -> list[int]:
    return [*chain.from_iterable(tables)]


def _record(name: str, module: nn.Module, args: Any, output: Tensor) -> None:
    recorder = _recorder.get()
    if recorder is not None:
        recorder.passed.add(name)
        if recorder.keep is None or name in recorder.keep:
            recorder.outputs[name] = output
        pause()


@contextmanager
def recording(keep: Collection[str] | None = None) -> Iterator[Recorder]:
    """Collect the outputs of hooked modules that run in this context, and in no other: of all, or of these paths."""
    recorder = Recorder({}, keep, set())
    token = _recorder.set(recorder)
    try:
        yield recorder
    finally:
        _recorder.reset(token)
