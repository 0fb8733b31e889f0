"""The cells of a lens' table for the browser: tokens by a list of words, and levels of a colour. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from app.components import UNKNOWN
from gptcore import GPTConfig
from gptcore.analysis import LensTable

COLOURS: Final = {
    "top": "its likeliest token",
    "next": "the true next token",
    "rank": "rank of the true one",
    "entropy": "entropy",
}
"""Names of what a cell's colour can be."""
_MEANINGS: Final = {
    "top": "probability of the cell's likeliest token",
    "next": "probability of the token that does follow in the prompt",
    "rank": "rank of the token that does follow, by logarithm",
    "entropy": "entropy of the cell's distribution",
}
_HIGHEST: Final = UNKNOWN - 1


def cells(table: LensTable, label: Callable[[int], str], config: GPTConfig) -> dict[str, Any]:
    """Return what the component takes of a table.

    Args:
        table: the table.
        label: a token's label.
        config: the model's sizes.
    """
    known = table.ids[table.ids >= 0].unique()
    places = torch.searchsorted(known, table.ids.clamp(min=0).contiguous()) if len(known) else table.ids
    levels = {name: _levels(table, config, name) for name in COLOURS}
    return {
        "depths": ["emb", *(str(layer) for layer in range(config.n_layer))],
        "words": [label(token) for token in known.tolist()],
        "ids": torch.where(table.ids < 0, -1, places).numpy().astype(np.int32),
        "shares": table.probabilities.float().numpy(),
        "levels": {name: drawn for name, (drawn, _) in levels.items()},
        "colours": {
            name: {"word": COLOURS[name], "meaning": _MEANINGS[name], "ends": ends}
            for name, (_, ends) in levels.items()
        },
        "probabilities": table.next_probability.float().numpy(),
        "ranks": table.next_rank.numpy().astype(np.int32),
        "entropies": table.entropy.float().numpy(),
    }


def _levels(table: LensTable, config: GPTConfig, colour: str) -> tuple[NDArray[np.uint8], tuple[str, str]]:
    """Return a level for each cell, and the numbers at both ends."""
    blind = math.log(config.vocab_size)
    match colour:
        case "rank":
            ranks = table.next_rank.double()
            shares = 1 - torch.where(ranks > 0, ranks, torch.nan).log() / blind
            ends = (f"{config.vocab_size:,}", "1")
        case "entropy":
            shares, ends = table.entropy.double() / blind, ("0", f"{blind:.2f} nats, a blind guess")
        case "next":
            shares, ends = table.next_probability.double(), ("0 %", "100 %")
        case _:
            shares, ends = table.probabilities[..., 0].double(), ("0 %", "100 %")
    scaled = (shares.clamp(0, 1) * _HIGHEST).round()
    return torch.where(scaled.isnan(), float(UNKNOWN), scaled).numpy().astype(np.uint8), ends
