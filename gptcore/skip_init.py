"""Models without drawing random weights that are replaced at once. This file knows no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch.overrides import TorchFunctionMode


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
