"""The identity of a model's weights: where it has changed, nothing is reused and no logits are derived."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

SAMPLED = 8
"""The number of values of each parameter that are compared as well."""
WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Types of whole numbers by their bytes. Compared as these, a NaN equals itself, and 0 does not equal -0."""


class WeightsSeen:
    """The identity of a model's weights at one moment.

    PyTorch counts every in-place change of a tensor, except through `.data` or a NumPy view; for those, some values
    of each parameter, evenly spread, are compared too. Of weights made under `torch.inference_mode` it counts none, so
    all of their values are compared. The weights seen are kept alive, so that their addresses cannot come to mean
    other tensors.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = ModulesSeen(model)
        self._parameters = self._modules.parameters()
        self._identity = _identity(self._parameters)
        # Parameters are sampled by views, so that looking again is a single small copy.
        self._views = _by_kind(p.detach().reshape(-1)[:: _step(p)] for p in self._parameters)
        self._sample = self._look()

    @classmethod
    def now(cls, model: nn.Module) -> WeightsSeen:
        """Return the model's weights as they are; the same object as before where they have not changed."""
        seen = _seen.get(model)
        if seen is None or seen.stale(model):
            seen = _seen[model] = cls(model)
        return seen

    def stale(self, model: nn.Module) -> bool:
        """Return True where these are not the model's weights any more."""
        if self._modules.stale(model):
            return True
        if _identity(self._modules.parameters()) != self._identity:
            return True
        return not all((now == then).all() for now, then in zip(self._look(), self._sample, strict=True))

    def _look(self) -> list[Any]:
        """Return the sampled values, joined for each type and device (one, as a rule)."""
        return [(np.concatenate if isinstance(views[0], np.ndarray) else torch.cat)(views) for views in self._views]


_seen: WeakKeyDictionary[nn.Module, WeightsSeen] = WeakKeyDictionary()
"""The last look at each model: a memo, so that a run need not look twice at what has not changed."""


class ModulesSeen:
    """The modules of a model at one moment: a walk through them at each key would cost more than all other checks."""

    def __init__(self, model: nn.Module) -> None:
        # Of the root its tables alone: the memo above must not keep the model alive. Of every table a view, which
        # shows what is in it now, so that each look is one pass in C.
        modules = list(model.modules())
        self._root = model._modules
        self._children = [module._modules.values() for module in modules]
        self._tables = [module._parameters.values() for module in modules]
        self._seen = self._look()

    def stale(self, model: nn.Module) -> bool:
        """Return True where this is another model, or a module of it was replaced."""
        return model._modules is not self._root or self._look() != self._seen

    def _look(self) -> tuple[list[int], list[nn.Module | None]]:
        return [*map(len, self._children)], [*chain.from_iterable(self._children)]

    def parameters(self) -> list[Tensor]:
        """Return every parameter that the modules have now."""
        return [parameter for parameter in chain.from_iterable(self._tables) if parameter is not None]


def _by_kind(views: Iterable[Tensor]) -> list[list[Any]]:
    """Return the bits of the views in groups that can be joined: those of a type and device.

    In memory of the CPU as arrays, which NumPy joins in a third of the time that PyTorch takes.
    """
    groups: dict[object, list[Any]] = {}
    for view in views:
        bits = view.view(WHOLE[view.element_size()])
        groups.setdefault((view.dtype, view.device), []).append(bits.numpy() if bits.device.type == "cpu" else bits)
    return list(groups.values())


def _step(parameter: Tensor) -> int:
    return 1 if parameter.is_inference() else max(1, parameter.numel() // SAMPLED)


def _identity(parameters: list[Tensor]) -> tuple[list[int], list[int]]:
    """Return the addresses of the parameters, and how often each was changed; -1 where PyTorch does not count."""
    addresses = [*map(Tensor.data_ptr, parameters)]
    try:
        return addresses, [*map(_count, parameters)]
    except RuntimeError:  # some were made under inference_mode
        return addresses, [-1 if p.is_inference() else p._version for p in parameters]


_count = attrgetter("_version")
