"""The identity of a model's weights: where it has changed, nothing is reused and no logits are derived."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

SAMPLED = 8
"""The number of values of each parameter that are compared as well."""


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
        # Long parameters are sampled by views, so that looking again is a single small copy.
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
        # Bit for bit: a NaN equals nothing, not even itself.
        pairs = zip(self._look(), self._sample, strict=True)
        return not all(torch.equal(now.view(torch.uint8), then.view(torch.uint8)) for now, then in pairs)

    def _look(self) -> list[Tensor]:
        """Return the sampled values, joined for each type and device (one, as a rule)."""
        return [torch.cat(views) for views in self._views]


_seen: WeakKeyDictionary[nn.Module, WeightsSeen] = WeakKeyDictionary()
"""The last look at each model: a memo, so that a run need not look twice at what has not changed."""


class ModulesSeen:
    """The modules of a model at one moment: a walk through them at each key would cost more than all other checks."""

    def __init__(self, model: nn.Module) -> None:
        # Of the root its tables alone: the memo above must not keep the model alive.
        modules = list(model.modules())
        self._children = [module._modules for module in modules]
        self._seen = [list(children.values()) for children in self._children]
        self._tables = [module._parameters for module in modules]

    def stale(self, model: nn.Module) -> bool:
        """Return True where this is another model, or a module of it was replaced."""
        if model._modules is not self._children[0]:
            return True
        return any(list(now.values()) != then for now, then in zip(self._children, self._seen, strict=True))

    def parameters(self) -> list[Tensor]:
        """Return every parameter that the modules have now."""
        return [parameter for table in self._tables for parameter in table.values() if parameter is not None]


def _by_kind(views: Iterable[Tensor]) -> list[list[Tensor]]:
    """Return the views that can be joined, together: those of a type and device."""
    groups: dict[object, list[Tensor]] = {}
    for view in views:
        groups.setdefault((view.dtype, view.device), []).append(view)
    return list(groups.values())


def _step(parameter: Tensor) -> int:
    return 1 if parameter.is_inference() else max(1, parameter.numel() // SAMPLED)


def _identity(parameters: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Return address and change count of each parameter; -1 where PyTorch does not count."""
    return [(p.data_ptr(), -1 if p.is_inference() else p._version) for p in parameters]
