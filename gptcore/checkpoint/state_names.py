"""Names in a state dict, without the additions of wrappers and old versions. This file reads no tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five

WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
"""Parts of a name that `torch.compile`, DistributedDataParallel and others put in, in front or around a block."""
TRANSFORMER = "transformer."
OURS = (TRANSFORMER, "lm_head.")
INSIDE = ("wte", "wpe", "h", "ln_f", "drop")
"""The parts of the transformer, which Hugging Face's GPT2Model names without the prefix."""
MASKS = re.compile(r"(.*\.)?attn\.(bias|masked_bias)")
"""Names of the causal mask, which minGPT and old versions of others store among the weights."""
_EMBEDDING = re.compile(r"((?:.*\.)?)wte\.weight")


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


def plain_names(names: Iterable[str], notices: list[str], among: Iterable[str] | None = None) -> dict[str, str]:
    """Return nanoGPT's name -> stored name of each weight of the GPT, without masks. Add each change to `notices`.

    What wrappers put into a name is taken out, wherever it stands: `torch.compile`'s of a block, a trainer's in front
    of all. What stands beside the transformer and its head, such as a classifier, is left out.

    Args:
        names: the stored names.
        among: the names of the whole model, if `names` are those of one file of several.

    >>> notices = []
    >>> names = ["model.transformer.wte.weight", "model.transformer.h.0._orig_mod.attn.bias", "v_head.weight"]
    >>> plain_names(names, notices)
    {'transformer.wte.weight': 'model.transformer.wte.weight'}
    >>> len(notices), notices[-1]
    (3, '1 weights beside the GPT were left out, as transformers does: v_head.weight')

    Raises:
        CheckpointError: two weights get the same plain name, or the file holds two models.
    """
    stored = list(names)
    base = _base(stored if among is None else among)
    found: dict[str, str] = {}
    removed, beside, masks, prefixed = {base or ""} - {""}, list[str](), 0, 0
    for name in stored:
        plain, taken = _unwrapped(name)
        removed |= taken
        if base is not None:
            ours = plain.removeprefix(base).replace("lm_head.decoder.", "lm_head.")  # the head's name of 2019
            if ours.partition(".")[0] in INSIDE:
                prefixed += not is_mask(ours)
                ours = TRANSFORMER + ours
            if not plain.startswith(base) or not ours.startswith(OURS):
                beside.append(name)
                continue
            plain = ours
        if is_mask(plain):
            masks += 1
        elif plain in found:
            raise CheckpointError(
                f"the file holds two weights named {first_five([plain])}, one with a prefix; keep only one"
            )
        else:
            found[plain] = name
    if removed:
        notices.append(f"the prefix {' and '.join(sorted(removed))} was removed from the names of the weights")
    if masks:
        notices.append(f"{masks} stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights")
    if prefixed:
        notices.append(f"{prefixed} weights had no prefix {TRANSFORMER!r}; it was added")
    if beside:
        notices.append(
            f"{len(beside)} weights beside the GPT were left out, as transformers does: {first_five(beside)}"
        )
    return found


def _unwrapped(name: str) -> tuple[str, set[str]]:
    """Return a name without the parts that wrappers put in, and those parts."""
    parts = name.split(".")
    taken = {f"{part}." for part in parts[:-1] if part in WRAPPERS}
    return ".".join(part for part in parts if f"{part}." not in taken), taken


def _base(names: Iterable[str]) -> str | None:
    """Return what stands in front of all names of the GPT; None where there is none."""
    matches = (_EMBEDDING.fullmatch(_unwrapped(name)[0]) for name in names)
    found = sorted({match[1].removesuffix(TRANSFORMER) for match in matches if match})
    if len(found) > 1:
        raise CheckpointError(
            f"the file holds {len(found)} models, with the prefixes {first_five(map(repr, found))}; save the state "
            "dict of one of them"
        )
    return found[0] if found else None
