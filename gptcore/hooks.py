"""Forward hooks that hand each module's output to whoever records in the current context.

Installed once and left in place: without a recorder in the current context a hook does nothing, so there is nothing
to remove, nothing to leak when a run is interrupted, and any number of threads can record on one shared model.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
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


def install(model: nn.Module) -> None:
    """Gives every module of the model its hook. Modules that have theirs are left alone, so this may be repeated."""
    missing = [(name, module) for name, module in model.named_modules() if name and _MARK not in module.__dict__]
    if not missing:
        return
    with _installing:
        for name, module in missing:
            if _MARK not in module.__dict__:  # another thread may have been here first
                module.register_forward_hook(partial(_record, name))
                module.__dict__[_MARK] = name


def _record(name: str, module: nn.Module, args: Any, output: Tensor) -> None:
    outputs = _recorder.get()
    if outputs is not None:
        outputs[name] = output


@contextmanager
def recording() -> Iterator[Outputs]:
    """Collects the output of every hooked module that runs in this context, and in no other."""
    outputs: Outputs = {}
    token = _recorder.set(outputs)
    try:
        yield outputs
    finally:
        _recorder.reset(token)
