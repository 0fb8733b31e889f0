"""Marks in a text: what they cost grows no faster than the text, however many names and marks there are."""

from __future__ import annotations

import random

import pytest

from gptcore.tokenizer import BPETokenizer, marked
from gptcore.tokenizer.marked import MOST_NAME

BYTES = {bytes([byte]): byte for byte in range(256)}


class Counted(BPETokenizer):
    """A vocabulary that counts the characters that it encodes."""

    read = 0

    def encode(self, text: str) -> list[int]:
        Counted.read += len(text)
        return super().encode(text)


def vocabulary(*merged: bytes, special: dict[str, int] | None = None) -> Counted:
    ranks = BYTES | {each: 256 + i for i, each in enumerate(merged)}
    return Counted(r"\s|\S+", ranks, special=special or {})


MANY = {f"<|{i:05d}|>": 1000 + i for i in range(3000)}
CASES: dict[str, tuple[Counted, list[int]]] = {
    "tokens that merge": (vocabulary(b"ab"), [97, 98] * 800),
    "tokens that merge ever longer": (vocabulary(*(b"a" * n for n in range(2, 60))), [97] * 800),
    "text that looks like marks": (vocabulary(special=MANY), [*b"\\<|00001|>"] * 150),
    "special tokens": (vocabulary(special=MANY), [3999] * 1500),
    "halves of characters": (vocabulary(), [0xE2] * 1500),
}


@pytest.mark.parametrize("name", CASES)
def test_a_text_is_encoded_few_times_to_find_its_marks(name: str) -> None:
    tokenizer, ids = CASES[name]
    Counted.read = 0
    text = tokenizer.decode_marked(ids)
    assert Counted.read <= 25 * len(text)
    assert tokenizer.encode_marked(text) == ids


def test_names_are_looked_for_by_their_lengths() -> None:
    marks = marked._Marks(vocabulary(special=MANY | {"x" * 9: 5000, "y" * (MOST_NAME + 1): 5001}))
    assert marks._lengths == [9]
    assert marks.of(5000) == "\\xxxxxxxxx"
    assert marks.of(5001) is None  # its name is too long


def test_the_longest_name_counts() -> None:
    tokenizer = vocabulary(special={"<a": 500, "<ab>": 501, "<abc": 502})
    assert tokenizer.encode_marked(r"\<ab>\<abx\<abc") == [501, 500, *b"bx", 502]
    assert tokenizer.encode_marked("\\<ab") == [500, 98]
    assert tokenizer.encode_marked("\\<0xe2>\\<0xE282>\\") == [0xE2, *b"\\<0xE282>\\"]


def test_random_tokens_come_back_with_marks_only_where_they_are_needed() -> None:
    tokenizer = vocabulary(b"ab", b"abc", b"aa", b"\\<", "€".encode(), b"<|", special={"<|end|>": 400})
    draw = random.Random(3)
    pool = [*b"abc \\<|>e", 0xE2, 0x82, 0xAC, *range(256, 262), 400]
    for _ in range(300):
        ids = [draw.choice(pool) for _ in range(draw.randint(1, 30))]
        assert tokenizer.encode_marked(tokenizer.decode_marked(ids)) == ids
    assert tokenizer.decode_marked([*b"abab"]) == "a\\<0x62>a\\<0x62>"
    assert tokenizer.decode_marked([256, 99, *b" \\<|end|>"]).count("\\") == 3
