"""Training of a byte-pair vocabulary with the package `tokenizers` (extra `train`). This file reads no files."""

from __future__ import annotations

from collections.abc import Iterable

from gptcore.tokenizer.bpe import GPT2_PATTERN, BPETokenizer
from gptcore.tokenizer.merges import BYTE_OF_CHARACTER

END_OF_TEXT = "<|endoftext|>"


def train_bpe(texts: Iterable[str], vocab_size: int) -> BPETokenizer:
    """Train a GPT-2-like vocabulary of `vocab_size` ids: the 256 bytes, the merges in their order, and end of text.

    `texts` is read once and may be a stream. Memory holds each different word with its count, so the caller should
    pass a sample of a text that is far larger than memory. The same texts give the same ids, in any process.

    Source: Sennrich et al. 2016; Radford et al. 2019 (GPT-2), section 2.2.

    Raises:
        ValueError: `vocab_size` is less than 257, or the texts do not have so many pairs to merge.

    >>> tokenizer = train_bpe(["low lower lowest " * 9], vocab_size=262)
    >>> [tokenizer.label(index) for index in tokenizer.encode("lowest low")]
    ['low', 'e', 'st', ' low']
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocab_size < 257:
        raise ValueError(f"vocab_size: must be at least 257 (256 bytes and the end of text), got {vocab_size}")
    learner = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(GPT2_PATTERN.replace("++", "+")), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    learner.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    learner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size - 1, initial_alphabet=alphabet, show_progress=False)
    learner.train_from_iterator(texts, trainer)
    ids = learner.get_vocab()
    learnt = sorted((index, token) for token, index in ids.items() if len(token) > 1)
    ranks = {bytes([byte]): byte for byte in range(256)}
    for _, token in learnt:
        ranks.setdefault(bytes(BYTE_OF_CHARACTER[character] for character in token), len(ranks))
    if len(ranks) < vocab_size - 1:
        raise ValueError(
            f"vocab_size: the text has pairs for only {len(ranks) + 1:,} ids, and {vocab_size:,} were asked for; "
            "ask for fewer, or give more text"
        )
    return BPETokenizer(GPT2_PATTERN, ranks, special={END_OF_TEXT: len(ranks)})
