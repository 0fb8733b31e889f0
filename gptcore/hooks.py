"""Forward hooks that hand each module's output to whoever records in the current context.

Installed once and left in place: without a recorder in the current context a hook does nothing, so there is nothing
to remove, nothing to leak when a run is interrupted, and any number of threads can record on one shared model.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from torch import Tensor, nn

Outputs = dict[str, Tensor]
"""What each module returned, by the module's path."""

_recorder: ContextVar[Outputs | None] = ContextVar("gptcore_recorder", default=None)
_installing = threading.Lock()
_MARK = "_gptcore_hooked_as"


def installed(model: nn.Module) -> bool:
    """Whether `install` has seen this model; modules that were put in since have no hook yet."""
    return _MARK in model.__dict__


def install(model: nn.Module, names: Collection[str]) -> None:
    """Gives the modules of these paths their hook. Those that have theirs are left alone, so this may be repeated."""
    with _installing:
        for name in names:
            module = model.get_submodule(name)
            if _MARK not in module.__dict__:
                module.register_forward_hook(partial(_record, name))
                module.__dict__[_MARK] = name
        model.__dict__[_MARK] = ""


def _record(name: str, module: nn.Module, args: Any, output: Tensor) -> None:
    outputs = _recorder.get()
    if outputs is not None:
        outputs[name] = output


@contextmanager
def recording() -> Iterator[Outputs]:
    """Collects the outputs of hooked modules that run in this context, and in no other."""
    outputs: Outputs = {}
    token = _recorder.set(outputs)
    try:
        yield outputs
    finally:
        _recorder.reset(token)
