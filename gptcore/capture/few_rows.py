"""A product of few rows with a large weight, on all cores: nearly all of the time that one more token costs.

Such a product reads the whole weight and does little with it, so it takes as long as the reading does. On some
processors PyTorch's library reads with one core; as a batch of products with parts of the weight, all cores read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gptcore.model import GPT

PARTS = 8
"""Parts of a weight, which the cores share."""
FEW = 4
"""Rows up to which it pays: on two cores 0.2 to 0.5 of the time for 1 to 3 rows, 0.2 to 0.8 for 4, up to 1.2 for 8."""
LARGE = 2**20
"""Numbers of a weight from which it pays; with fewer, the calls themselves take the time."""
PAYS = 0.8
"""Share of the plain product's time below which the parts are taken."""
ROUNDS = 15
"""Products of each kind of which the quickest counts: on a busy machine the others tell of its other work."""
_LINEAR = F.linear


def on_all_cores(model: GPT) -> AbstractContextManager[Any]:
    """Return a context in which products of few rows with this model's large weights are made in parts.

    Sums of floats are rounded otherwise than in the plain product. It holds for this thread alone; where it would gain
    nothing, it is an empty one.
    """
    C, V = model.config.n_embd, model.config.vocab_size
    weight = model.lm_head.weight
    if C * max(4 * C, V) < LARGE or weight.device.type != "cpu" or weight.dtype != torch.float32:
        return nullcontext()
    threads = torch.get_num_threads()
    return _InParts() if threads > 1 and _pays(threads) else nullcontext()


def in_parts(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return what `torch.nn.functional.linear` does, of x (..., in) and weight (out, in).

    >>> x, weight, bias = torch.randn(2, 1, 16), torch.randn(50, 16), torch.randn(50)
    >>> torch.allclose(in_parts(x, weight, bias), F.linear(x, weight, bias), atol=1e-5)
    True
    """
    rows = x.reshape(-1, x.size(-1))  # (r, in)
    size = weight.size(0) // PARTS
    parts = weight[: size * PARTS].view(PARTS, size, -1)  # (PARTS, size, in)
    made = torch.bmm(parts, rows.T.expand(PARTS, -1, -1))  # (PARTS, size, r): the weight first, which is quickest
    y = made.flatten(0, 1).T.contiguous()  # (r, PARTS * size)
    if size * PARTS < weight.size(0):
        y = torch.cat([y, rows @ weight[size * PARTS :].T], dim=1)  # (r, out)
    if bias is not None:
        y = y + bias
    return y.view(*x.shape[:-1], -1)


class _InParts(TorchFunctionMode):
    """Makes each product in this context in parts for which that pays."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is _LINEAR and not kwargs and _fits(*args):
            return in_parts(*args)
        return func(*args, **(kwargs or {}))


def _fits(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    return (
        weight.numel() >= LARGE
        and x.numel() <= FEW * x.size(-1)
        and x.dtype == weight.dtype == torch.float32
        and weight.device.type == "cpu"
        and weight.is_contiguous()
        and not torch.is_grad_enabled()
    )


@cache
def _pays(threads: int) -> bool:
    """Measure once whether parts are quicker on this machine with so many threads; it takes about 15 ms."""
    x, weight = torch.ones(1, 768), torch.ones(3072, 768)  # zeros would be one page of memory, which is soon read
    times: dict[Callable[..., Tensor], float] = {}
    with torch.no_grad():
        for _ in range(ROUNDS):
            for product in (_LINEAR, in_parts):
                begin = perf_counter()
                product(x, weight)
                times[product] = min(times.get(product, float("inf")), perf_counter() - begin)
    return times[in_parts] < PAYS * times[_LINEAR]
