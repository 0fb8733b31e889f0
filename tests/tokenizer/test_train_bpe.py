"""Byte pairs learnt from a text: the most frequent pair first, from a stream, the same in every process."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
import regex

from gptcore.tokenizer.bpe import GPT2_PATTERN
from gptcore.tokenizer.train_bpe import END_OF_TEXT, train_bpe

TEXT = "the cat sat on the mat; that cat's hat, the other's: 10 or 100? naïve café\n\n  the end" * 3


def test_each_merge_is_of_the_most_frequent_pair() -> None:
    """Algorithm 1 of Sennrich et al. 2016, counted step by step; pairs with equal counts may come in any order."""
    tokenizer = train_bpe([TEXT], vocab_size=290)
    learnt = sorted((index, raw) for raw, index in tokenizer.ranks.items() if index >= 256)
    words = [[bytes([b]) for b in word.encode()] for word in regex.findall(GPT2_PATTERN, TEXT)]
    for _, raw in learnt:
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = max(counts.values())
        pairs = [pair for pair in counts if b"".join(pair) == raw and counts[pair] == best]
        assert pairs, (raw, best, counts.most_common(3))
        words = [merged(word, pairs[0]) for word in words]
    assert [tokenizer.ranks[raw] for word in words for raw in word] == tokenizer.encode(TEXT)


def merged(word: list[bytes], pair: tuple[bytes, bytes]) -> list[bytes]:
    """Return the word with this pair joined, from the left."""
    made: list[bytes] = []
    while word:
        step = 2 if tuple(word[:2]) == pair else 1
        made.append(b"".join(word[:step]))
        word = word[step:]
    return made


def test_it_takes_a_stream_and_its_pieces_do_not_matter() -> None:
    pieces = ["the cat sat", " on", " the mat;", " that cat's hat,", " the"]
    streamed = train_bpe((piece for piece in pieces), vocab_size=265)
    assert streamed == train_bpe(["".join(pieces)], vocab_size=265)


def test_ids_are_bytes_then_merges_then_the_end_of_text() -> None:
    tokenizer = train_bpe([TEXT], vocab_size=280)
    assert [tokenizer.token_bytes(index) for index in range(256)] == [bytes([byte]) for byte in range(256)]
    assert (tokenizer.vocab_size, tokenizer.special) == (280, {END_OF_TEXT: 279})
    assert 279 not in tokenizer.encode(f"a{END_OF_TEXT}b")
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT


DIGEST = """
import hashlib, json, sys
from gptcore.tokenizer.train_bpe import train_bpe
print(hashlib.sha256(json.dumps(train_bpe([sys.argv[1]], 320).to_json()).encode()).hexdigest())
"""


def test_every_process_learns_the_same() -> None:
    """Each process of a job on several machines learns its own vocabulary, and a resumed training learns it again."""
    text = " ".join(f"w{i * 7919 % 1000}" for i in range(500))  # many pairs with equal counts
    here = hashlib.sha256(json.dumps(train_bpe([text], 320).to_json()).encode()).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST, text], check=True, capture_output=True, text=True).stdout
    assert there.strip() == here


def test_errors_say_how_many() -> None:
    with pytest.raises(
        ValueError, match=r"vocab_size: must be at least 257 \(256 bytes and the end of text\), got 256"
    ):
        train_bpe(["text"], 256)
    with pytest.raises(
        ValueError, match=r"the text has pairs for only 260 ids, and 300 were asked for; ask for fewer, or"
    ):
        train_bpe(["text"], 300)
    with pytest.raises(ValueError, match=r"the text has pairs for only 257 ids"):
        train_bpe([], 300)
