"""The letters of the axes: what each is, and its number here."""

from __future__ import annotations

from gptcore import GPTConfig


def letters(config: GPTConfig, T: int) -> dict[str, str]:
    """Return a sentence for each letter that stands on the page.

    >>> letters(GPTConfig.preset("gpt2"), T=12)["D"]
    'D: width of a head = C / H = 64; not a number of tokens'
    """
    C, H = config.n_embd, config.n_head
    return {
        "B": "B: batch, the number of texts in one run = 1",
        "T": f"T: tokens of this run = {T}, of at most {config.block_size}",
        "C": f"C: embedding dimension, the width of the residual stream = {C}",
        "3C": f"3C: queries, keys and values side by side = {3 * C}",
        "4C": f"4C: hidden width of the MLP = {4 * C}",
        "H": f"H: attention heads of a block = {H}",
        "D": f"D: width of a head = C / H = {C // H}; not a number of tokens",
        "V": f"V: size of the vocabulary = {config.vocab_size}",
        "L": f"L: blocks = {config.n_layer}",
        "block_size": f"block_size: the longest context = {config.block_size}",
    }
