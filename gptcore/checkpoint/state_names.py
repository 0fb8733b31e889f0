"""Names in a state dict, without the additions of wrappers and old versions. This file reads no tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

PREFIXES = ("_orig_mod.", "module.")
"""Prefixes that `torch.compile` and DistributedDataParallel put before each key."""
MASKS = re.compile(r"(.*\.)?attn\.(bias|masked_bias)")
"""Names of the causal mask, which minGPT and old versions of others store among the weights."""


def is_mask(name: str) -> bool:
    """Return True if this names a stored causal mask.

    >>> is_mask("transformer.h.0.attn.bias"), is_mask("transformer.h.0.attn.c_attn.bias")
    (True, False)
    """
    return MASKS.fullmatch(name) is not None


def is_whole_mask(name: str) -> bool:
    """Return True if this names a mask of all positions, not the number that replaced masked scores.

    >>> is_whole_mask("transformer.h.0.attn.bias"), is_whole_mask("transformer.h.0.attn.masked_bias")
    (True, False)
    """
    return is_mask(name) and name.endswith(".bias")


def plain_names(names: Iterable[str], notices: list[str]) -> dict[str, str]:
    """Return plain name -> stored name of each weight, without masks. Add each change to `notices`.

    >>> notices = []
    >>> plain_names(["_orig_mod.lm_head.weight", "_orig_mod.transformer.h.0.attn.bias"], notices)
    {'lm_head.weight': '_orig_mod.lm_head.weight'}
    >>> notices[0]
    'the prefix _orig_mod. was removed from the names of the weights'

    Raises:
        CheckpointError: two weights get the same plain name.
    """
    found: dict[str, str] = {}
    stripped, masks = set(), 0
    for stored in names:
        name = stored
        while prefix := next((p for p in PREFIXES if name.startswith(p)), None):
            name = name.removeprefix(prefix)
            stripped.add(prefix)
        if is_mask(name):
            masks += 1
        elif name in found:
            raise CheckpointError(
                f"the file holds two weights named {first_five([name])}, one with a prefix; keep only one"
            )
        else:
            found[name] = stored
    if stripped:
        notices.append(f"the prefix {' and '.join(sorted(stripped))} was removed from the names of the weights")
    if masks:
        notices.append(f"{masks} stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights")
    return found
