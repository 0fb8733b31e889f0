"""Models without drawing random weights that are replaced at once. This file knows no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Model = TypeVar("Model", bound=nn.Module)


class Unfilled(TorchFunctionMode):
    """Skips the filling of new tensors, in this thread alone, and leaves the random numbers of others as they are.

    On the meta device filling has no effect, but its first call imports for 1.5 s.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func.__name__ in ("normal_", "uniform_", "kaiming_uniform_", "fill_", "zero_"):
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def twin(kind: Callable[[Any], Model], config: Any, state: Mapping[str, Tensor]) -> Model:
    """Return a model in eval mode that has these very tensors as its weights, not copies of them.

    Weights that are one in the model stay one, with the tensor of the first of their names.

    Raises:
        RuntimeError: the names or shapes are not the model's.
    """
    with torch.device("meta"), Unfilled():
        model = kind(config)
    tied = [
        (name, first)
        for name, parameter in model.named_parameters(remove_duplicate=False)
        for first, other in model.named_parameters()
        if other is parameter and first != name
    ]
    model.load_state_dict({**state, **{name: state[first] for name, first in tied if first in state}}, assign=True)
    for name, first in tied:  # assign=True gave each name its own Parameter
        place, _, field = name.rpartition(".")
        setattr(model.get_submodule(place), field, model.get_parameter(first))
    return model.eval()
