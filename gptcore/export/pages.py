"""A run as one HTML file that needs a browser and no network: the map, every tensor, what the model predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gptcore.capture.trace import Trace
from gptcore.export import page_facts, page_stores
from gptcore.export.page_source import page
from gptcore.export.page_stores import Array, Store, Stores
from gptcore.export.target import Place, checked_suffix, write_target
from gptcore.graph.architecture import architecture
from gptcore.tokenizer import Tokenizer

SUFFIXES = (".html", ".htm")
MOST_BYTES = 15_000_000
"""Bytes of a page at most, unless the caller says otherwise: mail servers take about as much."""


@dataclass(frozen=True)
class Page:
    """A written page."""

    nbytes: int
    left_out: Mapping[str, str]
    """Tensors of the map that the page does not hold, and why. The page tells it as well."""


def html(
    trace: Trace, path: Place, *, tokenizer: Tokenizer | None = None, title: str = "", sequence: int = 0,
    most_bytes: int = MOST_BYTES,
) -> Page:  # fmt: skip
    """Write a run as one HTML file, whole or not at all. It opens from a disk, and asks for nothing from any network.

    It shows the map as strips, each tensor as a heatmap with its true numbers, the heads, the next tokens and the
    logit lens of each position. Its numbers are those of the trace, bit for bit, with one exception: half precision is
    written as float32, which holds the same values.

    Args:
        trace: a run.
        path: the file, ending in `.html`; one that is there is replaced.
        tokenizer: gives the tokens' labels; without one the page shows their ids, and says so.
        title: the name of the model, or any other; by default its sizes.
        sequence: which of the B sequences is shown.
        most_bytes: the size of the file at most; where not all tensors fit, the largest are left out, and told.

    Raises:
        ValueError: the path ends otherwise, or the page does not fit into `most_bytes` even without any tensor.
        IndexError: there is no such sequence.
        OSError: the file cannot be written; what was there is unchanged.
        RuntimeError: the model's weights have changed since the run.

    >>> import tempfile
    >>> import gptcore
    >>> ckpt = gptcore.load("nano-sort")
    >>> run = gptcore.capture(ckpt, ckpt.tokenizer.encode("CBACBA"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = gptcore.export.html(run, f"{folder}/run.html", tokenizer=ckpt.tokenizer, title="nano-sort")
    >>> made.nbytes < 500_000, made.left_out
    (True, {})
    """
    target = checked_suffix(path, SUFFIXES)
    text, left_out = document(trace, tokenizer=tokenizer, title=title, sequence=sequence, most_bytes=most_bytes)
    write_target(target, lambda file: file.write(text))
    return Page(len(text), left_out)


def document(
    trace: Trace,
    *,
    tokenizer: Tokenizer | None = None,
    title: str = "",
    sequence: int = 0,
    most_bytes: int = MOST_BYTES,
) -> tuple[bytes, dict[str, str]]:
    """Return the page as bytes, and the tensors that it leaves out with the reason. Arguments and errors as `html`."""
    if not 0 <= sequence < trace.B:
        raise IndexError(f"sequence must be from 0 to {trace.B - 1}, got {sequence}; the run has {trace.B}")
    config, T = trace.config, trace.T
    ids = [int(index) for index in trace.ids[sequence]]
    likely, lens = page_facts.next_tokens(trace, sequence), page_facts.lens_of(trace, sequence)
    used = {*ids, *_ids(likely), *_ids(lens and lens[2])}
    labels = page_facts.labels_of(used, tokenizer)
    name = title or f"GPT, {config.n_layer} blocks of {config.n_head} heads, C = {config.n_embd}"
    told: dict[str, Any] = {
        "title": name,
        "tokens": ids,
        "labels": labels,
        "named": tokenizer is not None,
        "sequence": sequence,
        "letters": page_facts.letters(config, T, trace.B),
        "nodes": page_facts.nodes_of(trace),
        "edits": page_facts.edits_of(trace),
        "next": likely and _written(likely),
        "lens": lens and {"names": lens[0], "first": lens[1], **_written(lens[2])},
    }
    full = f"gptscope · {name} · {''.join(labels[index] for index in ids)}"
    room = most_bytes - len(page(full, told)) - _room(trace)
    if room < 0:
        raise ValueError(
            f"most_bytes must be at least {most_bytes - room:,}, the size of the page without any tensor, got "
            f"{most_bytes:,}; give more, or capture fewer tokens"
        )
    found = page_stores.stores_of(trace, sequence, room)
    left_out = _left_out(trace, found, most_bytes)
    told |= {"views": _views(found), "stores": _stores(found), "scales": _scales(trace, found), "left_out": left_out}
    if any(node.axes[-1] == "V" and node.id in found.views for node in architecture(config).nodes):
        every = page_facts.labels_of({*range(config.vocab_size)}, tokenizer)
        whole = page(full, told | {"labels": list(every.values())})
        if len(whole) <= most_bytes:
            return whole, left_out
    return page(full, told), left_out


def _ids(found: Mapping[str, Array] | None) -> list[int]:
    return [] if found is None else found["ids"].ravel().tolist()


def _written(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Return arrays as the page reads them."""
    written = {name: (Store.of(array.ravel()), array.shape) for name, array in arrays.items()}
    return {name: {"kind": store.kind, "text": store.text, "shape": shape} for name, (store, shape) in written.items()}


def _room(trace: Trace) -> int:
    """Return more bytes than all that is said of where tensors lie, or why they do not."""
    return sum(3 * len(name) + 300 for name in architecture(trace.config).nodes.names())


def _left_out(trace: Trace, found: Stores, most_bytes: int) -> dict[str, str]:
    large = dict.fromkeys(found.left_out, f"too large for a page of at most {most_bytes:,} bytes")
    missing = [node.id for node in architecture(trace.config).nodes if node.id not in trace]
    return large | dict.fromkeys(missing, "not captured in this run")


def _views(found: Stores) -> dict[str, Any]:
    return {
        name: {"store": view.store, "offset": view.offset, "shape": view.shape, "strides": view.strides}
        for name, view in found.views.items()
    }


def _stores(found: Stores) -> dict[str, Any]:
    return {name: {"kind": store.kind, "text": store.text} for name, store in found.stores.items()}


def _scales(trace: Trace, found: Stores) -> dict[str, float]:
    """Return the number at the end of each scale, with two digits: 98 % of each tensor's numbers do not pass it."""
    scales: dict[str, float] = {}
    for node in page_facts.nodes_of(trace):
        if view := found.views.get(node["id"]):
            scales[node["scale"]] = max(scales.get(node["scale"], 0.0), found.stores[view.store].size)
    return {key: float(f"{size:.2g}") or 1.0 for key, size in scales.items()}
