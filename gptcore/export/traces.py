"""A whole run as one safetensors file, which any program that knows the format reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

import torch

from gptcore.capture.trace import Trace
from gptcore.export import safetensors_writer
from gptcore.export.metadata import metadata
from gptcore.export.target import Place, checked_suffix, write_target
from gptcore.graph.architecture import architecture
from gptcore.tokenizer import Tokenizer

SUFFIX = ".safetensors"


def trace(trace: Trace, path: Place, *, names: Sequence[str] | None = None, tokenizer: Tokenizer | None = None) -> None:
    """Write a trace to one safetensors file, whole or not at all, derived tensors included.

    Beside the tensors stand, as JSON in the file's metadata: `names` in the order of the map, `axes` of each, `tokens`
    (`ids`, and `labels` as people read them), `config` and `edits`. `load_trace` reads it back; so does safetensors
    itself. Derived tensors make the file many times larger than the trace in memory, where only one is held at a time.

    Args:
        trace: a run.
        path: the file; one that is there is replaced.
        names: the tensors to write, by default every one of `trace.keys()`; the token ids are always written.
        tokenizer: gives the tokens' labels.

    Raises:
        ValueError: the path does not end in `.safetensors`.
        KeyError: a name that is not in this trace.
        OSError: the file cannot be written; what was there is unchanged.
        RuntimeError: the model's weights have changed since the run.

    >>> import tempfile
    >>> import gptcore
    >>> ckpt = gptcore.load("nano-sort")
    >>> run = gptcore.capture(ckpt, ckpt.tokenizer.encode("CBA"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gptcore.export.trace(run, f"{folder}/run.safetensors", tokenizer=ckpt.tokenizer)
    ...     saved = gptcore.export.load_trace(f"{folder}/run.safetensors")
    ...     saved.labels, saved["transformer.h.0.attn.pattern"].equal(run["transformer.h.0.attn.pattern"])
    ((('C', 'B', 'A'),), True)
    """
    target = checked_suffix(path, [SUFFIX])
    if isinstance(names, str):
        raise ValueError(f"names is a list of names, got the text {names!r}; pass [{names!r}]")
    shapes = trace.shapes()
    for name in names or ():
        if name not in shapes:
            trace.rows(name, 0, 1)  # raises the KeyError that lists near names
    tokens = architecture(trace.config).named("tokens")
    wanted = [name for name in shapes if names is None or name in names or name == tokens]
    ids: list[list[int]] = trace.ids.tolist()
    labels = None if tokenizer is None else [[tokenizer.label(each) for each in row] for row in ids]
    texts = metadata("trace", trace.config, {name: shapes[name][0] for name in wanted}, ids, labels, trace.edits)
    entries = {name: (dtype, shapes[name][1]) for name, dtype in _dtypes(trace, wanted)}
    write_target(target, lambda file: _write(file, trace, entries, texts))


def _write(
    file: IO[bytes], trace: Trace, entries: dict[str, tuple[torch.dtype, tuple[int, ...]]], texts: dict[str, str]
) -> None:
    safetensors_writer.write(file, entries, texts, trace.__getitem__)


def _dtypes(trace: Trace, names: Sequence[str]) -> Iterator[tuple[str, torch.dtype]]:
    """Yield the type of each tensor, from one row of it."""
    for name in names:
        yield name, trace.rows(name, trace.T - 1, trace.T).dtype
