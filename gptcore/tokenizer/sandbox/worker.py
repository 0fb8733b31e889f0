"""The process that runs one stranger's vocabulary: `python worker.py`, one line for each question and each answer.

The first line is the vocabulary, as a tokenizer's `to_json` or a Hugging Face `tokenizer.json` under "tokenizer". Its
limits are on memory; whoever asks ends the process when it is late. The asking process never imports this file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MEMORY = 2**30
"""Bytes that a vocabulary may take beside what the libraries take."""
MOST_TOKENS = 400_000
"""Tokens of a vocabulary that is run here: half as many again as the largest in use."""


def _without_torch() -> None:
    """Let `gptcore.tokenizer` be imported without all of gptcore: PyTorch takes seconds, and much memory."""
    package = types.ModuleType("gptcore")
    package.__path__ = [str(Path(__file__).parents[2])]
    sys.modules.setdefault("gptcore", package)


def _limit() -> None:
    import resource

    bounds = [(resource.RLIMIT_CORE, 0)]
    with contextlib.suppress(OSError):  # only Linux has /proc
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bounds.append((resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + MEMORY))
    for kind, bound in bounds:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (bound, bound))


def opened(data: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the tokenizer, and what the asking process has to know of it.

    Raises:
        ValueError: it is no vocabulary, or has too many tokens.
    """
    from gptcore.tokenizer import tokenizer_from_json

    made = tokenizer_from_json(data)
    if made.vocab_size > MOST_TOKENS:
        raise ValueError(f"it has {made.vocab_size:,} ids, and at most {MOST_TOKENS:,} are run; take a smaller one")
    tokens = [made.bytes_of(index) for index in range(made.vocab_size)]
    facts = {
        "tokens": [None if raw is None else raw.decode("latin-1") for raw in tokens],
        "special": dict(made.special_tokens),
        "ranks": {raw.decode("latin-1"): index for raw, index in getattr(made, "ranks", {}).items()},
        "shown": repr(made),
    }
    return made, facts


def answer(made: Any, question: dict[str, Any]) -> dict[str, Any]:
    """Return the ids of a text, or the text of ids, or the sentence of a refusal."""
    try:
        if "text" in question:
            return {"ids": made.encode(question["text"])}
        return {"text": made.decode(question["ids"])}
    except (ValueError, MemoryError) as error:
        return {"refused": str(error) or type(error).__name__}


def main(lines: Iterable[str]) -> None:
    """Answer each line until the input ends."""
    questions = iter(lines)
    data = json.loads(next(questions))
    if hasattr(os, "nice"):
        os.nice(5)
        _limit()
    try:
        made, facts = opened(data)
    except (ValueError, MemoryError) as error:
        print(json.dumps({"refused": str(error) or type(error).__name__}), flush=True)
        return
    print(json.dumps(facts), flush=True)
    for line in questions:
        print(json.dumps(answer(made, json.loads(line))), flush=True)


if __name__ == "__main__":
    _without_torch()
    main(sys.stdin)
