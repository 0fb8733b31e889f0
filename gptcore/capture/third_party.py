"""Third-party hooks: a run is watched for what they change, and refused where a trace would not show the change.

A trace shows the outputs of the modules that it caches, after all hooks. It shows the input of a module, and the
output of any other, by a tensor that is equal without such hooks.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

Change = tuple[str, str]
"""The module's path, and "input" or "output"."""


@contextmanager
def watching(model: nn.Module, names: Collection[str]) -> Iterator[set[Change]]:
    """Collect what the hooks of these modules change while the model runs. No hook is left behind."""
    changes: set[Change] = set()
    handles: list[RemovableHandle] = []
    try:
        for name in names:
            handles += _watch(model.get_submodule(name), name, changes)
        yield changes
    finally:
        for handle in handles:
            handle.remove()


def _watch(module: nn.Module, name: str, changes: set[Change]) -> list[RemovableHandle]:
    """Install a look before the third-party hooks and one after them, at the input and at the output."""
    came, went = _Looks((name, "input"), changes), _Looks((name, "output"), changes)
    return [
        module.register_forward_pre_hook(lambda _module, args: came.before(args), prepend=True),
        module.register_forward_pre_hook(lambda _module, args: came.after(args)),
        module.register_forward_hook(lambda _module, _args, output: went.before((output,)), prepend=True),
        module.register_forward_hook(lambda _module, _args, output: went.after((output,))),
    ]


class _Looks:
    """Two looks at the same values, on each thread that runs the model."""

    def __init__(self, change: Change, changes: set[Change]) -> None:
        self._change, self._changes, self._here = change, changes, threading.local()

    def before(self, values: tuple[Any, ...]) -> None:
        self._here.values, self._here.counts = values, _counts(values)

    def after(self, values: tuple[Any, ...]) -> None:
        same = len(values) == len(self._here.values) and all(map(_is, values, self._here.values))
        if not same or _counts(values) != self._here.counts:
            self._changes.add(self._change)


def _is(a: object, b: object) -> bool:
    return a is b


def _counts(values: tuple[Any, ...]) -> list[int]:
    """Return for each tensor how often it was changed in place."""
    return [value._version for value in values if isinstance(value, Tensor)]


def check(changes: Collection[Change], told: Collection[str]) -> None:
    """Raise a ValueError where a change is none of the outputs that a trace shows."""
    for name, what in sorted(changes):
        if what == "input" or name not in told:
            raise ValueError(
                f"a hook changes the {what} of {name or 'the model'}, which a trace shows by another tensor, so it "
                "would not be seen; remove the hook, or change the output of a part that is held, such as attn.c_attn, "
                "attn.z, attn.c_proj, mlp.gelu, mlp.c_proj, resid_mid or resid_post"
            )
