"""One tensor of a run as a file of its own: NumPy's, a table, or safetensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import numpy as np
import torch
from torch import Tensor

from gptcore.capture.trace import Trace
from gptcore.export import safetensors_writer
from gptcore.export.metadata import metadata
from gptcore.export.saved_trace import SavedTrace
from gptcore.export.target import Place, checked_suffix, write_target
from gptcore.graph.ops import Axes

LINES_AT_ONCE = 2**16
VALUE = "value"
"""The header of the last column of a table."""


def tensor(trace: Trace | SavedTrace, name: str, path: Place) -> None:
    """Write one tensor of a trace to a file, whole or not at all. The suffix decides how.

    - `.npy`: as `numpy.load` reads it; bfloat16, which NumPy does not have, becomes float32, which holds the same
      numbers.
    - `.csv`: a line for each number, its place first: a column for each axis, called by its letter and counted from 0,
      then `value`, with as many digits as its type needs. Of the two T axes of a pattern the second is `T_key`.
    - `.safetensors`: under its name, with axes, config, token ids and edits in the metadata.

    Args:
        trace: a run, or one read by `load_trace`.
        name: a tensor of it.
        path: the file; one that is there is replaced.

    Raises:
        ValueError: another suffix.
        KeyError: no such tensor in this trace.
        OSError: the file cannot be written; what was there is unchanged.
        RuntimeError: the tensor is derived from weights that have changed since the run.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from gptcore import GPT, GPTConfig, capture
    >>> run = capture(GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=2, n_embd=4)).eval(), [3, 1])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tensor(run, "idx", Path(folder) / "ids.csv")
    ...     print((Path(folder) / "ids.csv").read_text())
    B,T,value
    0,0,3
    0,1,1
    <BLANKLINE>
    """
    target = checked_suffix(path, [*WRITERS])
    found = trace[name].cpu()
    write_target(target, lambda file: WRITERS[target.suffix.lower()](file, trace, name, found))


def columns(axes: Axes) -> tuple[str, ...]:
    """Return the axes as names of columns, no two alike.

    >>> columns(("B", "H", "T", "T"))
    ('B', 'H', 'T', 'T_key')
    """
    return tuple("T_key" if axis == "T" and "T" in axes[:place] else axis for place, axis in enumerate(axes))


def _npy(file: IO[bytes], trace: Trace | SavedTrace, name: str, found: Tensor) -> None:
    np.save(file, _for_numpy(found).numpy(), allow_pickle=False)


def _csv(file: IO[bytes], trace: Trace | SavedTrace, name: str, found: Tensor) -> None:
    axes, shape = trace.shapes()[name]
    file.write((",".join([*columns(axes), VALUE]) + "\n").encode())
    flat = _for_numpy(found).numpy().reshape(-1)
    for start in range(0, flat.size, LINES_AT_ONCE):
        chunk = flat[start : start + LINES_AT_ONCE]
        places = np.stack(np.unravel_index(np.arange(start, start + chunk.size), shape), axis=1).tolist()
        # NumPy writes the shortest text that gives the same number of this type
        lines = (",".join(map(str, (*place, text))) for place, text in zip(places, chunk.astype(str), strict=True))
        file.write(("\n".join(lines) + "\n").encode())


def _safetensors(file: IO[bytes], trace: Trace | SavedTrace, name: str, found: Tensor) -> None:
    axes, shape = trace.shapes()[name]
    labels = trace.labels if isinstance(trace, SavedTrace) else None
    texts = metadata("tensor", trace.config, {name: axes}, trace.ids.tolist(), labels, trace.edits)
    safetensors_writer.write(file, {name: (found.dtype, shape)}, texts, lambda _: found)


def _for_numpy(found: Tensor) -> Tensor:
    return found.float() if found.dtype == torch.bfloat16 else found


Writer = Callable[[IO[bytes], Trace | SavedTrace, str, Tensor], None]
WRITERS: dict[str, Writer] = {".npy": _npy, ".csv": _csv, ".safetensors": _safetensors}
