"""Tensors as a safetensors file, written one after the other, so that one at a time is in memory.

The library's own writer takes all tensors at once; a trace's derived ones are many times what the trace holds. Source:
the format's specification, https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import IO

import torch
from torch import Tensor

DTYPES = {
    **{torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"},
    **{torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL"},
}
"""The format's names of types."""


def write(
    file: IO[bytes],
    entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]],
    metadata: Mapping[str, str],
    tensor: Callable[[str], Tensor],
) -> None:
    """Write the tensors, wide types first so that each lies at a multiple of its size.

    Args:
        file: opened for writing bytes.
        entries: type and shape of each tensor, by its name.
        metadata: texts for the header's `__metadata__`.
        tensor: returns a tensor, when its turn has come.

    Raises:
        ValueError: a tensor is not of the type and shape that were announced.

    >>> import io
    >>> from safetensors.torch import load
    >>> file = io.BytesIO()
    >>> write(file, {"a": (torch.float32, (2,))}, {}, lambda name: torch.tensor([1.0, 2.0]))
    >>> load(file.getvalue())
    {'a': tensor([1., 2.])}
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    order = sorted(entries, key=lambda name: -entries[name][0].itemsize)
    start = 0
    for name in order:
        dtype, shape = entries[name]
        stop = start + math.prod(shape) * dtype.itemsize
        header[name] = {"dtype": DTYPES[dtype], "shape": list(shape), "data_offsets": [start, stop]}
        start = stop
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    file.write(len(raw).to_bytes(8, "little") + raw)
    for name in order:
        found = tensor(name)
        if (found.dtype, tuple(found.shape)) != entries[name]:
            raise ValueError(f"{name} must be {entries[name]}, as announced, got {found.dtype} {tuple(found.shape)}")
        file.write(found.contiguous().cpu().reshape(-1).view(torch.uint8).numpy().data)
