"""One safetensors file: its header is checked before the library reads it, its tensors are copied out one by one.

This file knows only the container: no model, no names of weights. Source: the format's specification,
https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

MOST_HEADER_BYTES = 2**20
MOST_TENSORS = 10_000
BITS = {
    **{"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "C64": 64},
    **{"I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8},
}
"""Bits of one element, by the format's names of types; other types are refused."""
FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

_REMEDY = "the file is damaged or was not written as weights: copy or download it again"


class Entry(NamedTuple):
    """The header's description of one tensor."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Position of its first byte, from the beginning of the file."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * BITS[self.dtype] // 8


class SafetensorsFile:
    """A file opened for reading. Each tensor read is a copy, so that a later change of the file does not change it.

    Raises:
        CheckpointError: the header is too large, is not JSON, holds a name twice, or does not fit the file.

    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weights.safetensors"
    ...     save_file({"a": torch.ones(2)}, path)
    ...     with SafetensorsFile(path) as file:
    ...         file.entries["a"], file.read("a")
    (Entry(dtype='F32', shape=(2,), start=64), tensor([1., 1.]))
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries = _checked_entries(path)
        try:
            # "pread" copies: tensors mapped from the file would change, or crash the process, if the file is rewritten
            self._file = safe_open(path, framework="pt", backend="pread")
        except SafetensorError as error:
            raise CheckpointError(f"{path} is not a safetensors file ({error}); {_REMEDY}") from None
        self._scratch = threading.local()
        self._raw = path.open("rb")

    def __enter__(self) -> SafetensorsFile:
        self._file.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._raw.close()
        self._file.__exit__(kind, value, at)

    def read(self, name: str) -> Tensor:
        """Return a tensor of a floating-point type, in its own memory."""
        self._check_float(name)
        try:
            return self._file.get_tensor(name)
        except (SafetensorError, RuntimeError) as error:
            raise CheckpointError(f"{self.path} cannot be read to its end ({error}); {_REMEDY}") from None

    def turned(self, name: str) -> Tensor:
        """Return a matrix transposed, in its own memory; a tensor that is not a matrix as it is.

        The file is read into a buffer that this thread reuses: fresh memory would cost as much as the reading.
        """
        self._check_float(name)
        entry = self.entries[name]
        if len(entry.shape) != 2:
            return self.read(name)
        if not hasattr(os, "preadv"):
            return self.read(name).t().contiguous()
        if getattr(self._scratch, "bytes", None) is None or self._scratch.bytes.numel() < entry.nbytes:
            self._scratch.bytes = torch.empty(entry.nbytes, dtype=torch.uint8)
        raw = self._scratch.bytes[: entry.nbytes]
        if os.preadv(self._raw.fileno(), [memoryview(raw.numpy())], entry.start) != entry.nbytes:
            raise CheckpointError(f"{self.path} ends within {first_five([name])}; {_REMEDY}")
        return raw.view(FLOATS[entry.dtype]).view(entry.shape).t().contiguous()

    def _check_float(self, name: str) -> None:
        dtype = self.entries[name].dtype
        if dtype not in FLOATS:
            raise CheckpointError(
                f"{first_five([name])} in {self.path} is of type {dtype}; expected is one of {', '.join(FLOATS)}: "
                "save the model's plain weights"
            )


def starts_like_one(head: bytes) -> bool:
    """Return True if a file with these first bytes is safetensors: the length of a header, then its opening brace."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32


def _checked_entries(path: Path) -> dict[str, Entry]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER_BYTES:
            raise CheckpointError(
                f"{path} declares a header of {length:,} bytes; a GPT's has at most {MOST_HEADER_BYTES:,}; {_REMEDY}"
            )
        if size < 8 + length:
            raise CheckpointError(f"{path} ends within its header ({size:,} bytes); {_REMEDY}")
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} has a header that is not JSON with each name once ({error}); {_REMEDY}"
        ) from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} has a header that is not an object; {_REMEDY}")
    header.pop("__metadata__", None)
    if len(header) > MOST_TENSORS:
        raise CheckpointError(f"{path} declares {len(header):,} tensors; a GPT has at most {MOST_TENSORS:,}; {_REMEDY}")
    entries = {name: _entry(path, name, value, size, 8 + length) for name, value in header.items()}
    used = sum(entry.nbytes for entry in entries.values())
    if used != size - 8 - length:
        raise CheckpointError(
            f"{path} should hold {used:,} bytes of tensors by its header, but holds {size - 8 - length:,}; {_REMEDY}"
        )
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def _entry(path: Path, name: str, value: object, whole_size: int, first: int) -> Entry:
    size = whole_size - first
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(start), int(stop)]} if dtype in BITS:
            whole = all(type(n) is int and 0 <= n <= size for n in shape) and 0 <= start <= stop <= size
            if whole and math.prod(shape) * BITS[dtype] == (stop - start) * 8:
                return Entry(dtype, tuple(shape), first + start)
    raise CheckpointError(
        f"{path} describes the tensor {first_five([name])} wrongly: type, shape and place do not fit the "
        f"{size:,} bytes of the file; {_REMEDY}"
    )
