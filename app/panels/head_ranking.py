"""The heads behind a prediction, the one that it would miss most first, and what switching heads off makes of it.

This file knows no Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from torch import Tensor

from app.components import number
from app.components.head_ranking import RankedHead, SaidToken
from app.panels.head_axes import NAMES, kind
from app.panels.head_words import Missed
from app.panels.token_words import repeated
from gptcore import Trace
from gptcore.analysis import prompt_scores
from gptcore.graph.architecture import architecture

MOST: Final = 40
"""Heads of the list."""
KEYS: Final = 2
"""Tokens that a head is told to read."""
SAID: Final = 3
"""Likeliest tokens of the run as it is."""
SAID_THEN: Final = 2
"""Likeliest tokens of the run with changes."""


def order(lost: Tensor) -> list[tuple[int, int]]:
    """Return all heads as (layer, head), the one without which the loss changes most first.

    >>> import torch
    >>> order(torch.tensor([[0.1, -2.0], [torch.nan, 0.5]]))
    [(0, 1), (1, 1), (0, 0), (1, 0)]
    """
    sizes = lost.abs().nan_to_num(-1.0)  # those that were not switched off come last
    found = sizes.flatten().argsort(descending=True, stable=True).tolist()
    return [divmod(at, sizes.size(1)) for at in found]


def ranked(
    lost: Tensor, run: Trace, position: int, labels: Sequence[str], off: frozenset[tuple[int, int]]
) -> list[RankedHead]:
    """Return the rows of the list.

    Args:
        lost: the loss of the likeliest token at this position that is gained without each head, (L, H).
        run: the run that it is of.
        position: the position whose query reads.
        labels: the labels of the run's tokens.
        off: the heads that are switched off at present.
    """
    arch, scores = architecture(run.config), prompt_scores(run)
    share = float(_shares(run, position).max())
    rows: dict[int, Tensor] = {}
    again = repeated(labels)
    found: list[RankedHead] = []
    for layer, head in order(lost)[:MOST]:
        if layer not in rows:
            rows[layer] = run.rows(arch.named("pattern", layer), position, position + 1)[0, :, 0]  # (H, T)
        weights = rows[layer][head, : position + 1]
        keys = weights.topk(min(KEYS, len(weights)))
        named = kind(scores, layer, head)
        found.append(
            {
                "layer": layer,
                "head": head,
                "kind": NAMES[named] if named else "",
                "reads": [
                    {"token": labels[at], "at": at, "again": labels[at] in again, "weight": number(weight)}
                    for at, weight in zip(keys.indices.tolist(), keys.values.tolist(), strict=True)
                ],
                "lost": number(float(lost[layer, head])),
                "without": number(_without(share, lost[layer, head])),
                "off": (layer, head) in off,
            }
        )
    return found


def missed(lost: Tensor, run: Trace, position: int, layer: int, head: int, label: Callable[[int], str]) -> Missed:
    """Return the likeliest token at a position with its probabilities, as it is and without a head."""
    shares = _shares(run, position)
    token = int(shares.argmax())
    share = float(shares[token])
    return Missed(label(token), share, _without(share, lost[layer, head]))


def said(plain: Trace, changed: Trace | None, position: int, label: Callable[[int], str]) -> list[SaidToken]:
    """Return the likeliest tokens at a position, at temperature 1: of the run as it is, and of the changed one too.

    Args:
        plain: the run without changes.
        changed: the run with them; None where none is on.
        position: the position.
        label: a token's label.
    """
    before = _shares(plain, position)
    after = None if changed is None else _shares(changed, position)
    tokens = _likeliest(before, SAID) + ([] if after is None else _likeliest(after, SAID_THEN))
    return [
        {
            "token": label(token),
            "before": number(float(before[token])),
            "after": None if after is None else number(float(after[token])),
        }
        for token in dict.fromkeys(tokens)
    ]


def _without(share: float, lost: Tensor) -> float:
    """Return a token's probability after a loss that it gained."""
    return share * math.exp(-float(lost))


def _shares(run: Trace, position: int) -> Tensor:
    """Return the probabilities of all tokens after a position, (V,)."""
    logits = architecture(run.config).named("logits")
    return run.rows(logits, position, position + 1)[0, 0].double().softmax(dim=-1)


def _likeliest(shares: Tensor, count: int) -> list[int]:
    found: list[int] = shares.topk(min(count, shares.numel())).indices.tolist()
    return found
