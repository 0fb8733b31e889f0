"""The texts beside the tensors of an exported safetensors file: what a reader needs to know what they are.

Each is JSON or a plain word, so that any program that reads safetensors can use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gptcore.config import GPTConfig
from gptcore.graph.ops import Axes

PROGRAM, VERSION = "gptscope", "1"
LONGEST_EDIT = 1000
"""Letters of an edit's text: one that sets a large tensor is cut."""


def metadata(
    kind: str,
    config: GPTConfig,
    axes: Mapping[str, Axes],
    ids: list[list[int]],
    labels: Sequence[Sequence[str]] | None,
    edits: Sequence[object],
) -> dict[str, str]:
    """Return the metadata of a file.

    Args:
        kind: "trace" or "tensor".
        config: the model's.
        axes: the axes of each tensor in the file, in the order of the map.
        ids: the token ids of the run, B lists of T.
        labels: the same as people read them; None where no tokenizer is known.
        edits: the edits of the run.
    """
    tokens: dict[str, Any] = {"ids": ids}
    if labels is not None:
        tokens["labels"] = labels
    texts = [repr(edit) for edit in edits]
    cut = [text if len(text) <= LONGEST_EDIT else f"{text[:LONGEST_EDIT]}…" for text in texts]
    return {
        "format": "pt",
        "program": PROGRAM,
        "kind": kind,
        "version": VERSION,
        "names": json.dumps([*axes]),
        "axes": json.dumps({name: list(letters) for name, letters in axes.items()}),
        "config": json.dumps(config.to_dict()),
        "tokens": json.dumps(tokens),
        "edits": json.dumps(cut),
    }
