"""Tokenizers give back the same text, to the byte; text that they cannot hold is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import requests
import tiktoken
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gptcore.tokenizer import BPETokenizer, CharTokenizer, IdTokenizer, Tokenizer, tokenizer_from_json
from gptcore.tokenizer.bpe import GPT2_PATTERN

BYTES = {bytes([byte]): byte for byte in range(256)}
MERGES = [b"he", b"hel", b" t", b" the", b"th", b"\xe2\x82", b"\xe2\x82\xac", b"  ", b"\n\n", b"aa", b"aaaa"]
BPE = BPETokenizer(GPT2_PATTERN, BYTES | {raw: 256 + i for i, raw in enumerate(MERGES)}, {"<|endoftext|>": 300})
TEXTS = [
    "To be, or not to be, that is the question:\n",
    "I'll we've she'd  it's DON'T ''s",
    "tabs\tand\r\nlines \n\n  spaces   \u00a0 \u2003x ",
    "naïve café Zürich — “quotes” … 12345 3.14 ²",
    "日本語のテキスト 한국어 العربية עברית हिन्दी ไทย",
    "🤗👩‍👩‍👧‍👦🇩🇪 €\u0301 \ufffd \x00\x1c\x7f\u200b",
    "def f(x):\n    return x**2  # <|endoftext|>\n",
    "",
]


@pytest.fixture(scope="module")
def gpt2_folder() -> Path:
    data = os.environ.get("GPTSCOPE_DATA")
    if not data:
        pytest.skip("GPTSCOPE_DATA is unset: it names the folder that holds gpt2-bpe/vocab.json and merges.txt")
    return Path(data) / "gpt2-bpe"


@pytest.fixture(scope="module")
def gpt2(gpt2_folder: Path) -> BPETokenizer:
    return BPETokenizer.gpt2_from_folder(gpt2_folder)


def assert_round_trip(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(tokenizer.token_bytes(index) for index in ids) == text.encode()
    assert all(0 <= index < tokenizer.vocab_size for index in ids)


@settings(deadline=None)
@given(st.text())
def test_bpe_round_trip(text: str) -> None:
    assert_round_trip(BPE, text)


@settings(deadline=None)
@given(st.text(min_size=1), st.data())
def test_char_round_trip(corpus: str, data: st.DataObject) -> None:
    tokenizer = CharTokenizer.train(corpus)
    assert list(tokenizer.chars) == sorted(set(corpus))
    assert_round_trip(tokenizer, data.draw(st.text(st.sampled_from(sorted(set(corpus))))))


@settings(deadline=None)
@given(st.lists(st.integers(0, 50303)))
def test_id_round_trip(ids: list[int]) -> None:
    tokenizer = IdTokenizer(50304)
    assert tokenizer.encode(tokenizer.decode(ids)) == ids
    assert [int(tokenizer.token_bytes(index)) for index in ids] == ids


@settings(deadline=None)
@given(st.lists(st.integers(0, 400)))
def test_what_is_no_utf8_is_escaped_never_replaced(ids: list[int]) -> None:
    raw = b"".join(BPE.token_bytes(i) for i in ids if i < 267 or i == 300)
    assert ("\ufffd" in BPE.decode(ids)) == (b"\xef\xbf\xbd" in raw)
    assert all("\ufffd" not in BPE.label(index) for index in ids)


@pytest.mark.parametrize("tokenizer", [CharTokenizer.train("héllo\n\x00€"), BPE, IdTokenizer(7)], ids=repr)
def test_stored_as_json_and_back(tokenizer: Tokenizer) -> None:
    again = tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))
    assert again == tokenizer
    assert hash(again) == hash(tokenizer)
    assert again.vocab_size == tokenizer.vocab_size


def test_labels() -> None:
    assert [BPE.label(i) for i in BPE.encode("the €")] == ["t", "he", " ", "€"]
    assert BPE.label(BPE.ranks[b"\xe2\x82"]) == r"\xe2\x82"
    assert BPE.label(300) == "<|endoftext|>"
    assert BPE.label(299) == "unused (299)"
    assert BPE.label(50300) == "unused (50300)"
    assert BPE.decode([104, 50300]) == "hunused (50300)"
    assert IdTokenizer(9).label(4) == "4"
    assert CharTokenizer("ab").label(2) == "unused (2)"


def test_labels_of_what_cannot_be_seen() -> None:
    """Each has its own label; but visible text stays as it is, and so do characters for which the screen has signs."""
    kept = "\t\n\r a\x20\xa0é"
    odd = [*map(chr, [*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0)]), *"\u202a\u202e\u2066\u2069"]
    tokenizer = CharTokenizer("".join(dict.fromkeys([*kept, *odd])))
    labels = {char: tokenizer.label(tokenizer.encode(char)[0]) for char in tokenizer.chars}
    assert all(labels[char] == char for char in kept)
    assert all(labels[char].isprintable() and labels[char].startswith("\\") for char in odd)
    assert len(set(labels.values())) == len(labels)
    shown = " ".join(labels[char] for char in "\0\x05\x1b\x7f\x85\u202e")
    assert shown == r"\x00 \x05 \x1b \x7f \u0085 \u202e"
    assert BPE.label(BPE.ranks[b"\x05"]) == r"\x05"
    assert BPE.decode(BPE.encode("\x05\u202e")) == "\x05\u202e"


def test_ids_may_be_elements_of_a_tensor() -> None:
    assert BPE.decode(torch.tensor([104, 105])) == "hi"  # type: ignore[arg-type]  # a tensor iterates over scalars


def test_special_tokens_are_text_when_typed() -> None:
    ids = BPE.encode("a<|endoftext|>b")
    assert 300 not in ids
    assert BPE.decode(ids) == "a<|endoftext|>b"
    assert BPE.token_bytes(300) == b"<|endoftext|>"


@pytest.mark.parametrize(
    ("tokenizer", "text", "sentence"),
    [
        (CharTokenizer("\n abc"), "ab?c", r"position 2 of the text is '\?' \(U\+003F QUESTION MARK\), .*5 characters"),
        (CharTokenizer("\n abc"), "a\x07", r"position 1 of the text is '\\x07' \(U\+0007\)"),
        (CharTokenizer("\n abc"), "a\u200b", r"'\\u200b' \(U\+200B ZERO WIDTH SPACE\).*it has '\\n abc'"),
        (CharTokenizer("abc"), "a\ud800", r"position 1 of the text is '\\ud800' \(U\+D800\)"),
        (CharTokenizer("".join(map(chr, range(0x4E00, 0x4F00)))), "a", "and 156 more$"),
        (BPE, "ab\udfffc", r"position 2 of the text is U\+DFFF, half of a surrogate pair"),
        (IdTokenizer(50304), "17 four", "position 3 of the text, 'four', is not an id: .*from 0 to 50303"),
        (IdTokenizer(50304), "17 50304", "position 3 of the text, '50304', is not an id"),
        (IdTokenizer(50304), "-1", "position 0 of the text, '-1'"),
        (IdTokenizer(50304), "١٢", "is not an id"),
        (IdTokenizer(50304), "9" * 5000, r"'9{40}\.\.\.', is not an id"),
    ],
)
def test_text_that_cannot_be_held(tokenizer: Tokenizer, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        tokenizer.encode(text)


def test_ids_that_have_no_token() -> None:
    for tokenizer in (BPE, CharTokenizer("abc"), IdTokenizer(3)):
        with pytest.raises(ValueError, match="id 1000 has no token: this vocabulary's ids are 0 to"):
            tokenizer.token_bytes(1000)
        for method in (tokenizer.token_bytes, tokenizer.label, lambda index, of=tokenizer: of.decode([index])):
            with pytest.raises(ValueError, match="an id must be 0 or more, got -1"):
                method(-1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": "other"}, "format 'gptscope-tokenizer', got format 'other'"),
        ({"version": 2}, "version 2, and at most 1 can be read; update"),
        ({"version": "1"}, "'version' must be a whole number"),
        ({"kind": "wordpiece"}, "'kind' must be one of char, bpe, ids, table, library, got 'wordpiece'"),
        ({"kind": ["char"]}, "'kind' must be one of"),
        ({"chars": 5}, "'chars' must be a string"),
        ({"chars": ""}, "at least one character"),
        ({"chars": "aba"}, "'a' .* more than once"),
        ({"kind": "ids", "vocab_size": 0}, "'vocab_size' must be a whole number of at least 1, got 0"),
        ({"kind": "ids", "vocab_size": True}, "got True"),
        ({"kind": "bpe"}, "needs 'pattern'"),
        ({"kind": "bpe", "pattern": "x", "tokens": ["?"], "special": {}}, r"token 0 must be bytes in base64, got '\?'"),
        ({"kind": "bpe", "pattern": "x", "tokens": ["YQ==", "YQ=="], "special": {}}, "token 1, .* is there twice"),
        ({"kind": "bpe", "pattern": "x", "tokens": ["YQ=="], "special": {}}, "byte 0x00 has no token"),
    ],
)
def test_bad_data_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        tokenizer_from_json(CharTokenizer("ab").to_json() | change)


def test_data_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="got a list"):
        tokenizer_from_json([])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("[", BYTES), "."),
        ((GPT2_PATTERN, BYTES | {b"ab": 7}), "each id has one token, but 7 has two"),
        ((GPT2_PATTERN, BYTES, {"<x>": 7}), "each id has one token, but 7 has two"),
        ((GPT2_PATTERN, BYTES | {b"ab": 2**40}), "an id must be a whole number from 0"),
        ((GPT2_PATTERN, BYTES | {b"ab": -1}), "got -1"),
        ((GPT2_PATTERN, BYTES | {b"": 256}), "no bytes"),
    ],
)
def test_bad_vocabularies_are_refused(arguments: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BPETokenizer(*arguments)


def test_a_pattern_that_skips_text_is_an_error_not_a_loss() -> None:
    with pytest.raises(ValueError, match="skips parts of this text"):
        BPETokenizer(r"\w+", BYTES).encode("two words")


def test_a_panic_of_the_library_is_a_value_error() -> None:
    other = BPETokenizer(GPT2_PATTERN.replace(r"\s++$|", ""), BYTES)  # not GPT-2's: encoded in one piece
    with pytest.raises(ValueError, match=r"tiktoken cannot work with this text: .*StackOverflow"):
        other.encode(" " * 1_000_000 + "x")


def test_an_interrupt_stays_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def encode_ordinary(self, text: str) -> list[int]:
            raise KeyboardInterrupt

    tokenizer = BPETokenizer(GPT2_PATTERN, BYTES)
    monkeypatch.setattr(tokenizer, "_encoding", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        tokenizer.encode("x")


@pytest.mark.parametrize(
    "text", ["b" + " " * 1_000_000 + "x", " " * 1_000_000, "a" * 1_000_000], ids=["in", "end", "a"]
)
def test_a_very_long_run_neither_crashes_nor_hangs(text: str) -> None:
    assert BPE.decode(BPE.encode(text)) == text


@pytest.mark.parametrize("length", [9_999, 10_000, 10_001, 10_002, 50_000])
def test_cutting_a_long_run_changes_no_id(length: int) -> None:
    """Up to here tiktoken's engine can take the whole text: the pieces must give the same ids."""
    whole = tiktoken.Encoding("whole", pat_str=GPT2_PATTERN, mergeable_ranks=BPE.ranks, special_tokens={})
    for text in (" " * length + " the", "the" + "\n " * (length // 2) + "the  ", "a" + "\u00a0" * length + "\x1c b"):
        assert BPE.encode(text) == whole.encode_ordinary(text)


def test_gpt2_ids_are_transformers_ids(gpt2: BPETokenizer, gpt2_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    reference = transformers.GPT2Tokenizer.from_pretrained(gpt2_folder)
    for text in [*TEXTS, " " * 30 + "x", "a" * 100, "".join(map(chr, range(0x20, 0x250)))]:
        if "<|endoftext|>" not in text:  # which transformers does not read as text
            assert gpt2.encode(text) == reference(text)["input_ids"]


def test_gpt2_known_ids(gpt2: BPETokenizer) -> None:
    assert gpt2.vocab_size == 50257
    assert gpt2.encode("Hello world") == [15496, 995]
    assert gpt2.special == {"<|endoftext|>": 50256}
    assert gpt2.token_bytes(50256) == b"<|endoftext|>"
    assert 50256 not in gpt2.encode("<|endoftext|>")
    assert [gpt2.label(i) for i in gpt2.encode(" €🤗")] == [" €", r"\xf0\x9f", r"\xa4", r"\x97"]
    for text in TEXTS:
        assert_round_trip(gpt2, text)
    assert tokenizer_from_json(json.loads(json.dumps(gpt2.to_json()))) == gpt2


def test_gpt2_from_tiktokens_cache_is_gpt2_from_files(
    gpt2: BPETokenizer, gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/"
    merges = (gpt2_folder / "merges.txt").read_bytes()
    if not merges.startswith(b"#version"):  # tiktoken checks the hash, and its file has the header
        merges = b"#version: 0.2\n" + merges
    for url, raw in (("vocab.bpe", merges), ("encoder.json", (gpt2_folder / "vocab.json").read_bytes())):
        (tmp_path / hashlib.sha1((base + url).encode()).hexdigest()).write_bytes(raw)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    assert BPETokenizer.gpt2() == gpt2


def test_gpt2_without_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(address: str) -> bytes:
        raise requests.ConnectionError("no route")

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("tiktoken.registry.ENCODINGS", {})
    monkeypatch.setattr("tiktoken.load.read_file", no_network)
    with pytest.raises(ValueError, match=r"could not be downloaded .* vocab.json and merges.txt .* TIKTOKEN_CACHE_DIR"):
        BPETokenizer.gpt2()


def write_files(folder: Path, vocab: object, merges: str) -> Path:
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (folder / "merges.txt").write_bytes(merges.encode())
    return folder


def letters() -> dict[str, int]:
    from gptcore.tokenizer.merges import BYTE_OF_CHARACTER

    return {char: index for index, char in enumerate(BYTE_OF_CHARACTER)}


@pytest.mark.parametrize("merges", ["#version: 0.2\nh e\nhe y\n", "h e\nhe y", "h e\r\nhe y\r\n", "h e\nhe y\n\n"])
def test_merges_with_or_without_header_and_final_newline(tmp_path: Path, merges: str) -> None:
    vocab = {"<pad>": 0} | {char: index + 1 for char, index in letters().items()} | {"he": 257, "hey": 300}
    tokenizer = BPETokenizer.gpt2_from_folder(write_files(tmp_path, vocab, merges))
    assert tokenizer.encode("hey") == [300]
    assert tokenizer.special == {"<pad>": 0}
    assert tokenizer.vocab_size == 301
    assert tokenizer.label(299) == "unused (299)"


@pytest.mark.parametrize(
    ("extra", "merges", "sentence"),
    [
        ({"he": 256}, "h e\nx y\n", "line 2, makes 'xy', which vocab.json does not have; .* different models"),
        ({"he": 256, "xy": 257}, "h e\n", "vocab.json has 'xy', which no line of merges.txt makes"),
        ({"he": 257, "xy": 256}, "h e\nx y\n", "line 2, makes 'xy' with id 256 after a token with id 257"),
        ({"he": 256}, "h e y\n", "line 1, must be two tokens with a space between, got 'h e y'"),
        ({"he": 256}, "h \u4e00\n", "line 1, must be two tokens"),
        ({"he": "256"}, "h e\n", "must be an object of token to id"),
        ({"he": 5}, "h e\n", "each id has one token, but 5 has two"),
    ],
)
def test_vocab_and_merges_that_do_not_fit(tmp_path: Path, extra: dict[str, Any], merges: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BPETokenizer.gpt2_from_folder(write_files(tmp_path, letters() | extra, merges))


def test_vocab_files_that_are_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no vocab.json in .*; GPT-2's tokenizer is vocab.json and"):
        BPETokenizer.gpt2_from_folder(tmp_path)
    (tmp_path / "vocab.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        BPETokenizer.gpt2_from_folder(tmp_path)
    (tmp_path / "vocab.json").write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match="cannot be read"):
        BPETokenizer.gpt2_from_folder(tmp_path)
