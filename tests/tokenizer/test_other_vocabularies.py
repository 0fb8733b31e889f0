"""Vocabularies of other kinds than nanoGPT's and GPT-2's, marks of special tokens, and signs that nobody sees."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
from hypothesis import given
from hypothesis import strategies as some

from gptcore import GPTConfig, load
from gptcore.tokenizer import (
    BPETokenizer,
    CharTokenizer,
    IdTokenizer,
    LibraryTokenizer,
    TableTokenizer,
    Tokenizer,
    read_meta_pkl,
    tokenizer_from_json,
)
from gptcore.tokenizer.bpe import GPT2_PATTERN
from tests.reference import random_state

WORDS = ["[PAD]", "[UNK]", "the", "cat", "sat", "##s", "."]


def meta(tmp_path: Path, content: object, protocol: int = 4) -> Tokenizer:
    (tmp_path / "meta.pkl").write_bytes(pickle.dumps(content, protocol))
    return read_meta_pkl(tmp_path / "meta.pkl")


def stored(tokenizer: Tokenizer) -> Tokenizer:
    return tokenizer_from_json(json.loads(json.dumps(tokenizer.to_json())))


# ---- meta.pkl ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "content",
    [
        {"itos": ["a", "b"], "stoi": {"a": 0, "b": 1}, "vocab_size": 2},
        {"itos": ("a", "b")},
        {"itos": {0: "a", 1: "b"}, "stoi": {"a": 0, "b": 1}},
        {"stoi": {"b": 1, "a": 0}},
        {"vocab_size": np.int64(2), "itos": {np.int64(0): "a", 1: "b"}, "stoi": {"a": np.int32(0), "b": 1}},
        {"itos": ["a", "b"], "train_size": 0.9, "mean": np.float64(3.5), "freqs": np.arange(3)},
    ],
    ids=["a list", "a tuple", "without a size", "one table", "numbers of NumPy's", "more numbers"],
)
def test_a_character_vocabulary_in_other_forms(tmp_path: Path, content: object, protocol: int) -> None:
    assert meta(tmp_path, content, protocol) == CharTokenizer("ab")


def test_tokens_of_several_characters(tmp_path: Path) -> None:
    letters = meta(tmp_path, {"itos": {0: "[PAD]", 1: "a", 2: "b", 3: "ab"}})
    assert letters.encode("aab[PAD]b") == [1, 3, 0, 2]  # the longest token that fits
    assert letters.decode([1, 3, 0, 2]) == "aab[PAD]b"
    words = meta(tmp_path, {"itos": ["the", "cat", "sat", "."]})
    assert words.encode("the  cat\nsat .") == [0, 1, 2, 3]
    assert words.decode([0, 1, 2, 3]) == "the cat sat ."
    numbers = meta(tmp_path, {"itos": [10, 11, 12]})
    assert numbers.encode("12 10") == [2, 0]
    for tokenizer in (letters, words, numbers):
        assert isinstance(tokenizer, TableTokenizer)
        assert stored(tokenizer) == tokenizer
    for tokenizer, text, told in (
        (letters, "abx", "position 2 of the text is 'x', which this vocabulary of 4 tokens does not have"),
        (words, "the dog", "position 4 of the text is 'dog', which this vocabulary of 4 words does not have"),
    ):
        with pytest.raises(ValueError, match=told):
            tokenizer.encode(text)


@pytest.mark.parametrize("tokens", [(), ("a", ""), ("a", "a"), ("\ud800",), (1,)])
def test_tables_that_are_none(tokens: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least one|more than once|surrogate"):
        TableTokenizer(tokens)


# ---- other libraries' files ----------------------------------------------------------------------------------------


def word_pieces() -> Any:
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.decoder = tokenizers.decoders.WordPiece()
    made.add_special_tokens(["[PAD]", "[UNK]"])
    return made


def unigram() -> Any:
    made = tokenizers.Tokenizer(
        tokenizers.models.Unigram([("<unk>", 0.0), ("▁the", -1.0), ("▁cat", -2.0), ("s", -3.0), ("▁", -4.0)], unk_id=0)
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.decoder = tokenizers.decoders.Metaspace()
    return made


def byte_level_with_a_space() -> Any:
    """Return GPT-2's kind, but with a space put before each text: this package's own reader refuses it."""
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    made = tokenizers.Tokenizer(tokenizers.models.BPE({letter: index for index, letter in enumerate(letters)}, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = tokenizers.decoders.ByteLevel()
    return made


LIBRARYS = {"word pieces": word_pieces, "unigram": unigram, "byte level": byte_level_with_a_space}


@pytest.mark.parametrize("make", LIBRARYS.values(), ids=LIBRARYS)
def test_a_tokenizer_json_of_another_kind_has_the_librarys_ids(tmp_path: Path, make: Any) -> None:
    made = make()
    V = made.get_vocab_size()
    state = random_state(tied=True, vocab_size=V)
    args = {"n_layer": 2, "n_head": 2, "n_embd": 24, "block_size": 16, "bias": True, "vocab_size": V}
    torch.save({"model": state, "model_args": args}, tmp_path / "ckpt.pt")
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(tmp_path / "ckpt.pt").tokenizer
    for text in ("the cats", "cat.", "The dog"):
        assert tokenizer.encode(text) == made.encode(text, add_special_tokens=False).ids
    assert tokenizer.vocab_size == V
    for again in (stored(tokenizer), pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert again == tokenizer
        assert again.encode("the cats") == tokenizer.encode("the cats")
    if make is byte_level_with_a_space:
        assert tokenizer.label(tokenizer.encode("a")[0]) == " "
    else:
        assert tokenizer.label(3) == made.id_to_token(3)


def test_ids_without_a_token_are_shown_by_the_librarys_vocabularies_too() -> None:
    bert = LibraryTokenizer(word_pieces().to_str())
    assert bert.decode([2, 3, 99, 4]) == "the cat unused (99) sat"
    assert bert.label(99) == "unused (99)"


def test_berts_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    made = LibraryTokenizer.from_word_pieces(tmp_path / "vocab.txt")
    assert [made.label(index) for index in made.encode("The cats sat.")] == ["the", "cat", "##s", "sat", "."]
    assert made.decode(made.encode("the cats sat")) == "the cats sat"
    assert made.encode("dog") == [WORDS.index("[UNK]")]


def test_without_the_library_the_model_opens_with_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = random_state(tied=True, vocab_size=len(WORDS))
    torch.save(state, tmp_path / "model.pt")
    word_pieces().save(str(tmp_path / "tokenizer.json"))
    config = GPTConfig(16, len(WORDS), 2, 2, 24)
    assert isinstance(load(tmp_path / "model.pt", config=config).tokenizer, LibraryTokenizer)
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    ckpt = load(tmp_path / "model.pt", config=config)
    assert ckpt.tokenizer == IdTokenizer(len(WORDS))
    assert any("pip install tokenizers" in notice for notice in ckpt.info["notices"])


@pytest.mark.parametrize("name", ["tokenizer.model", "spiece.model"])
def test_sentence_pieces_file_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    torch.save(random_state(tied=True), tmp_path / "model.pt")
    (tmp_path / name).write_bytes(b"\n\x0e\n\x05<unk>")
    ckpt = load(tmp_path / "model.pt", config=GPTConfig(16, 61, 2, 2, 24))
    assert ckpt.tokenizer == IdTokenizer(61)
    assert any("is SentencePiece's, which is not read here" in notice for notice in ckpt.info["notices"])


# ---- special tokens by a mark --------------------------------------------------------------------------------------


def with_special() -> BPETokenizer:
    ranks = {bytes([b]): b for b in range(256)} | {b"ab": 256}
    return BPETokenizer(GPT2_PATTERN, ranks, special={"<|end|>": 257, "<|end|>2": 258})


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (r"ab\<|end|>ab", [256, 257, 256]),
        (r"\<|end|>\<|end|>2", [257, 258]),
        ("<|end|>", list(b"<|end|>")),
        ("a\\b", list(b"a\\b")),
        ("", []),
    ],
)
def test_a_special_token_is_typed_behind_a_backslash(text: str, ids: list[int]) -> None:
    tokenizer = with_special()
    assert tokenizer.encode_marked(text) == ids
    assert tokenizer.decode_marked(ids) == text
    assert 257 not in tokenizer.encode(text)


def test_added_tokens_of_the_library_and_vocabularies_without_any() -> None:
    bert = LibraryTokenizer(word_pieces().to_str())
    assert bert.encode_marked(r"the \[PAD]cat") == [2, 0, 3]
    assert CharTokenizer("a\\b").encode_marked("a\\b") == [0, 1, 2]
    assert IdTokenizer(5).decode_marked([1, 2]) == "1 2"


RANKS = {bytes([b]): b for b in range(256)}
MERGED = {**RANKS, b"ab": 256, b" a": 257, b"\xe2\x82": 258, b"\x20\xe2": 259, "é".encode(): 260, b"ab!": 261}
BYTE_LEVEL = BPETokenizer(GPT2_PATTERN, MERGED, special={"<|end|>": 262})


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([0xE2], r"\<0xE2>"),
        ([258], r"\<0xE282>"),
        ([258, 0xAC], "€"),
        ([0xE2, 0x82, 0xAC], r"\<0xE2>\<0x82>\<0xAC>"),  # the text alone has two tokens
        ([259, 0x82, 0xAC, 97], r"\<0x20E2>\<0x82>\<0xAC>a"),
        ([97, 98], r"a\<0x62>"),
        ([256], "ab"),
        ([97, 98, 33], r"a\<0x62>!"),
        ([32, 97], r" \<0x61>"),
        ([0xFF, 0xE2, 97], r"\<0xFF>\<0xE2>a"),
        ([0xE2, 262, 0x82], r"\<0xE2>\<|end|>\<0x82>"),
        ([260, 0xC3, 0xA9], r"é\<0xC3>\<0xA9>"),
        ([*rb"\<0xE2>"], r"\\<0x3C>0xE2>"),  # a text that looks like a mark, and is none
        ([*rb"\<0xE2E2>"], r"\<0xE2E2>"),  # no token has these bytes
        ([], ""),
    ],
)
def test_any_ids_of_a_byte_level_vocabulary_have_a_text(ids: list[int], text: str) -> None:
    assert BYTE_LEVEL.decode_marked(ids) == text
    assert BYTE_LEVEL.encode_marked(text) == ids


@given(some.lists(some.sampled_from([*b"ab! \\<0xE2>", 0x82, 0xAC, 0xE2, 0xF0, 0xFF, *range(256, 263)]), max_size=12))
def test_every_list_of_ids_comes_back(ids: list[int]) -> None:
    assert BYTE_LEVEL.encode_marked(BYTE_LEVEL.decode_marked(ids)) == ids


@given(some.text(alphabet="ab! é€😀\\<0xE2>\n", max_size=12))
def test_ordinary_text_has_no_marks(text: str) -> None:
    if "<0x" not in text:
        assert BYTE_LEVEL.decode_marked(BYTE_LEVEL.encode(text)) == text


# ---- signs that nobody sees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xAD, 0x61C, 0x202E, 0x2066])
def test_signs_without_width_or_that_turn_the_text_have_codes(code: int) -> None:
    tokenizer = CharTokenizer(f"a{chr(code)}")
    assert tokenizer.label(1) == f"\\u{code:04x}"
    assert tokenizer.decode([0, 1]) == f"a{chr(code)}"  # only what is shown has codes
