"""Names of tensors that are near to a wrong one: by what readers of GPT code call them, then by their letters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

MOST: Final = 3
"""Names that are told at most."""
KNOWN_AS: Final[dict[str, tuple[str, ...]]] = {
    "logits": ("lm_head",),
    "logit": ("lm_head",),
    "unembed": ("lm_head",),
    "head": ("lm_head", "attn.z"),
    "softmax": ("attn.pattern", "probs"),
    "probabilities": ("probs",),
    "att": ("attn.pattern", "attn.scores"),
    "attn": ("attn", "attn.pattern"),
    "attention": ("attn", "attn.pattern"),
    "weights": ("attn.pattern",),
    "attn_weights": ("attn.pattern",),
    "attentions": ("attn.pattern",),
    "qkv": ("attn.c_attn",),
    "query": ("attn.q",),
    "key": ("attn.k",),
    "value": ("attn.v",),
    "y": ("attn.z", "attn.c_proj"),
    "x": ("resid_post", "transformer.drop"),
    "residual": ("resid_post", "resid_mid", "resid_pre"),
    "resid": ("resid_post", "resid_mid", "resid_pre"),
    "stream": ("resid_post", "resid_mid", "resid_pre"),
    "hidden_states": ("resid_post",),
    "hidden": ("mlp.gelu", "resid_post"),
    "act": ("mlp.gelu",),
    "neurons": ("mlp.gelu",),
    "ff": ("mlp",),
    "ffn": ("mlp",),
    "tok_emb": ("transformer.wte",),
    "pos_emb": ("transformer.wpe",),
    "embedding": ("transformer.embed", "transformer.wte"),
    "emb": ("transformer.embed", "transformer.wte"),
    "embed": ("transformer.embed",),
    "tokens": ("idx",),
    "input_ids": ("idx",),
    "ids": ("idx",),
}
"""Ends of the tensors' names by words that nanoGPT, transformers or a textbook has for them."""


def near_names(name: object, names: Iterable[str]) -> list[str]:
    """Return the names that were most likely meant, at most three, best first.

    A number in the wrong name chooses the block; without one it is the first that has such a tensor.

    Args:
        name: what was asked for.
        names: the names that there are.

    >>> names = ["idx", "transformer.h.0.attn.q", "transformer.h.1.attn.q", "transformer.h.1.attn.pattern", "lm_head"]
    >>> near_names("logits", names), near_names("h.1.q", names), near_names("att", names)
    (['lm_head'], ['transformer.h.1.attn.q'], ['transformer.h.1.attn.pattern'])
    """
    known = list(names)
    asked = str(name)
    word = re.split(r"[.\[\]/ ]", asked.strip("."))[-1].lower()
    number = next(iter(re.findall(r"\d+", asked)), None)
    found: list[str] = []
    for end in KNOWN_AS.get(word, (word,)):
        ends = [each for each in known if each == end or each.endswith(f".{end}")]
        found += [each for each in ends if f".{number}." in each][:1] or ends[:1]
    if not found or "." in asked:
        found += difflib.get_close_matches(asked, known, n=MOST, cutoff=0.6)
    return list(dict.fromkeys(found))[:MOST]
