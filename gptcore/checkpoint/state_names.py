"""The names in a state dict, freed from what wrappers and old versions add. No tensors are touched."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

PREFIXES = ("_orig_mod.", "module.")
"""What `torch.compile` and DistributedDataParallel put before each key."""
MASKS = re.compile(r"(.*\.)?attn\.(bias|masked_bias)")
"""The causal mask, which minGPT and old versions of others store among the weights."""


def is_mask(name: str) -> bool:
    """Whether this is a stored causal mask.

    >>> is_mask("transformer.h.0.attn.bias"), is_mask("transformer.h.0.attn.c_attn.bias")
    (True, False)
    """
    return MASKS.fullmatch(name) is not None


def is_whole_mask(name: str) -> bool:
    """Whether this is a mask of all positions, not the number that stood for what is masked.

    >>> is_whole_mask("transformer.h.0.attn.bias"), is_whole_mask("transformer.h.0.attn.masked_bias")
    (True, False)
    """
    return is_mask(name) and name.endswith(".bias")


def plain_names(names: Iterable[str], notices: list[str]) -> dict[str, str]:
    """Each weight's name as stored, by its plain name; masks are left out. What was changed is added to `notices`.

    >>> notices = []
    >>> plain_names(["_orig_mod.lm_head.weight", "_orig_mod.transformer.h.0.attn.bias"], notices)
    {'lm_head.weight': '_orig_mod.lm_head.weight'}
    >>> notices[0]
    'the prefix _orig_mod. was taken off the names of the weights'

    Raises:
        CheckpointError: two weights come to the same name.
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
                f"the file holds two weights named {first_five([name])}, one with a prefix; leave one"
            )
        else:
            found[name] = stored
    if stripped:
        notices.append(f"the prefix {' and '.join(sorted(stripped))} was taken off the names of the weights")
    if masks:
        notices.append(f"{masks} stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights")
    return found
