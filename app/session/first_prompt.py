"""The prompt that a model is first shown with. No Streamlit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gptcore import Checkpoint, Trace, capture

if TYPE_CHECKING:
    from app.session.prompt_run import Shown

FIRST_TOKENS = 8
"""Number of tokens in the prompt of a model that can read no other prompt."""
PROMPT = "To be, or not to b"
"""The first prompt of a model that has none of its own."""
MOST_PROMPT = 1000
MOST_TOKENS = 256
"""Tokens of it that scales are taken from."""


def own_prompt(checkpoint: Checkpoint) -> str:
    """Return the prompt that a model is first shown with: its folder may name one, as the shipped ones do."""
    told = checkpoint.info.get("prompt")
    return told if isinstance(told, str) and 0 < len(told) <= MOST_PROMPT else PROMPT


def example(checkpoint: Checkpoint) -> str:
    """Return the model's own prompt; where its tokenizer cannot read that, one that it surely can."""
    try:
        checkpoint.tokenizer.encode_marked(own_prompt(checkpoint))
    except ValueError:
        return readable(checkpoint)
    return own_prompt(checkpoint)


def readable(checkpoint: Checkpoint, tokens: int = FIRST_TOKENS) -> str:
    """Return a prompt that this model can surely read: the first of its tokens that are text, and not a long one."""
    tokenizer, config = checkpoint.tokenizer, checkpoint.config
    ids = list(range(min(tokens, tokenizer.vocab_size, config.block_size)))
    text = tokenizer.decode(ids)
    if len(text) > MOST_PROMPT:
        return min((tokenizer.decode([index]) for index in ids), key=len)
    try:
        return text if tokenizer.encode(text) == ids else tokenizer.decode([0])
    except ValueError:
        return tokenizer.decode([0])


def first_trace(checkpoint: Checkpoint, shown: Shown) -> Trace:
    """Return the run of the first prompt, whatever a person has typed since: the one that is shown, if it is that."""
    ids = checkpoint.tokenizer.encode_marked(example(checkpoint))
    ids = ids[-min(checkpoint.config.block_size, MOST_TOKENS) :]
    if shown.checkpoint is checkpoint and shown.ids == ids:
        return shown.unchanged
    return capture(checkpoint.model, ids)
