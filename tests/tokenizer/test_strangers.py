"""Vocabularies of strangers: what may be slow runs in a process apart, with the same ids, and is not waited for."""

from __future__ import annotations

import gc
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken_ext.openai_public as known
import torch

from gptcore import Checkpoint, load, save
from gptcore.tokenizer import BPETokenizer, CharTokenizer, IdTokenizer, LibraryTokenizer, TableTokenizer, Tokenizer
from gptcore.tokenizer.bpe import GPT2_PATTERN
from gptcore.tokenizer.sandbox import client
from gptcore.tokenizer.sandbox.client import ApartTokenizer, TooSlowError
from gptcore.tokenizer.strangers import CL100K_PATTERN, deadline, from_stranger, guarded
from tests.conftest import random_model

BYTES = {bytes([b]): b for b in range(256)}
OWN = r"\d|\D+"
"""A pattern that nobody knows."""
LONG_ENOUGH = 60.0
"""A deadline that no honest vocabulary misses on a busy machine."""


def by_library(**options: Any) -> LibraryTokenizer:
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `app`")
    words = {"the": 0, "cat": 1, "?": 2, "x": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    for name, option in options.items():
        setattr(made, name, option)
    return LibraryTokenizer(made.to_str())


def bomb() -> dict[str, Any]:
    """A vocabulary of kilobytes that makes each x of a text 2 ** 40 of them."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `app`")
    replace = tokenizers.normalizers.Replace("x", "xx")
    return by_library(normalizer=tokenizers.normalizers.Sequence([replace] * 40)).to_json()


HONEST = (
    BPETokenizer(OWN, BYTES | {b"he": 256, b"hel": 257}, special={"<|end|>": 258}),
    TableTokenizer(("a", "b", "ab" * 150)),
)


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    client._end_all()


def same(one: Tokenizer, other: Tokenizer, text: str) -> None:
    """Fail unless two tokenizers are the same in all that is asked of them."""
    ids = one.encode(text)
    assert other.encode(text) == ids
    assert other.encode(text) == ids  # from memory
    assert other.decode(ids) == one.decode(ids)
    size = one.vocab_size
    assert (other.vocab_size, dict(other.special_tokens)) == (size, dict(one.special_tokens))
    assert [other.label(index) for index in range(size + 2)] == [one.label(index) for index in range(size + 2)]
    assert other.to_json() == one.to_json()
    tokens = (one.bytes_of(index) for index in range(size))
    assert all(other.token_of(raw) == one.token_of(raw) for raw in tokens if raw is not None)
    assert other.decode_marked(other.encode_marked(text)) == one.decode_marked(ids)


@pytest.mark.parametrize(
    ("honest", "text"), [*zip(HONEST, ("hello 12, hel", "ab" * 151 + "b"), strict=True)], ids=["bpe", "table"]
)
def test_what_may_be_slow_runs_apart_with_the_same_ids(honest: Tokenizer, text: str) -> None:
    with deadline(LONG_ENOUGH):
        found = from_stranger(json.loads(json.dumps(honest.to_json())))
        again = guarded(honest)
    assert isinstance(found, ApartTokenizer)
    assert found == again
    same(honest, found, text)
    assert pickle.loads(pickle.dumps(found)).encode(text) == honest.encode(text)


def test_a_vocabulary_of_the_library_runs_apart_with_the_same_ids() -> None:
    honest = by_library()
    with deadline(LONG_ENOUGH):
        found = guarded(honest)
    assert isinstance(found, ApartTokenizer)
    same(honest, found, "the cat ? cat")
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        found.encode("\ud800")


@pytest.mark.parametrize(
    "safe",
    [
        CharTokenizer("abc"),
        IdTokenizer(9),
        TableTokenizer(("the", "cat")),
        BPETokenizer(GPT2_PATTERN, BYTES),
        BPETokenizer(CL100K_PATTERN, BYTES),
    ],
    ids=["char", "ids", "table", "gpt2", "cl100k"],
)
def test_what_cannot_be_slow_runs_here(safe: Tokenizer) -> None:
    with deadline(LONG_ENOUGH):
        assert guarded(safe) is safe
        assert type(from_stranger(safe.to_json())) is type(safe)


def test_the_known_patterns_are_those_of_tiktoken() -> None:
    assert known.r50k_pat_str == GPT2_PATTERN
    source = Path(known.__file__).read_text(encoding="utf-8")
    assert CL100K_PATTERN in source


def test_without_a_deadline_everything_runs_here() -> None:
    for honest in HONEST:
        assert type(from_stranger(honest.to_json())) is type(honest)
        assert guarded(honest) is honest


def test_a_vocabulary_that_takes_years_is_ended_and_after_a_few_times_not_asked() -> None:
    slow = ApartTokenizer(bomb(), seconds=0.5)
    assert slow.encode("the cat") == [0, 1]  # what is honest is answered
    process = slow._process._process
    with pytest.raises(ValueError, match=r"took longer than 0.5 s, so it was ended; shorten the text"):
        slow.encode("x")
    assert process is not None and process.poll() is not None
    with pytest.raises(ValueError, match="took longer"):
        slow.encode("x")  # from memory: nobody waits for it again
    assert slow._process.late == 1
    assert slow.encode("cat") == [1]  # it was started anew
    for text in ("x x", "x x x"):
        with pytest.raises(ValueError, match="took longer"):
            slow.encode(text)
    with pytest.raises(ValueError, match="several times, so it is not asked any more"):
        slow.encode("the cat the")
    with pytest.raises(TooSlowError, match="not asked any more"):
        slow.decode([1])


def test_a_process_that_has_gone_is_started_anew() -> None:
    found = ApartTokenizer(HONEST[0].to_json(), LONG_ENOUGH)
    process = found._process._process
    assert process is not None
    process.kill()
    process.wait()
    assert found.encode("12") == HONEST[0].encode("12")


def test_a_process_ends_with_its_tokenizer_and_few_run_at_a_time() -> None:
    made = [ApartTokenizer(HONEST[0].to_json(), LONG_ENOUGH) for _ in range(client.RUNNING + 1)]
    running = [each._process._process for each in made]
    assert [process is not None and process.poll() is None for process in running] == [False] + [True] * client.RUNNING
    assert made[0].encode("12") == HONEST[0].encode("12")  # and makes room for itself
    last = made[-1]._process._process
    del made
    gc.collect()
    assert last is not None and last.wait(30) is not None


@pytest.mark.parametrize("data", [{"kind": "library", "tokenizer": {"model": 3}}, {"kind": "bpe", "pattern": "("}])
def test_one_that_cannot_be_read_is_told_as_elsewhere(data: dict[str, Any]) -> None:
    honest = {"format": "gptscope-tokenizer", "version": 1, "tokens": [], "special": {}, **data}
    with pytest.raises(ValueError) as here:  # noqa: PT011
        from_stranger(honest)
    with deadline(LONG_ENOUGH), pytest.raises(ValueError) as apart:  # noqa: PT011
        from_stranger(honest)
    assert str(apart.value) == str(here.value)


def test_one_of_a_million_tokens_is_not_read_from_a_stranger(tmp_path: Path) -> None:
    model = random_model(vocab_size=2)
    torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, tmp_path / "ckpt.pt")
    many = {"format": "gptscope-tokenizer", "version": 1, "kind": "table", "tokens": ["a"] * 500_000}
    (tmp_path / "tokenizer.json").write_text(json.dumps(many))
    with deadline(LONG_ENOUGH):
        found = load(tmp_path)
    assert found.tokenizer == IdTokenizer(2)
    assert any("holds more than 400000 values" in notice for notice in found.info["notices"])


@pytest.mark.parametrize("kind", ["ours", "nanogpt", "hugging face"])
def test_each_kind_of_checkpoint_that_a_stranger_brings_is_guarded(tmp_path: Path, kind: str) -> None:
    slow = by_library().to_json()
    model = random_model(vocab_size=4)
    if kind == "ours":
        save(Checkpoint(model, by_library(), model.config, {}), tmp_path)
    elif kind == "nanogpt":
        args = model.config.to_dict()
        torch.save({"model": model.state_dict(), "model_args": args, "tokenizer": slow}, tmp_path / "ckpt.pt")
    else:
        torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, tmp_path / "ckpt.pt")
        (tmp_path / "tokenizer.json").write_text(json.dumps(slow["tokenizer"]))
    with deadline(LONG_ENOUGH):
        assert isinstance(load(tmp_path).tokenizer, ApartTokenizer)
    assert isinstance(load(tmp_path).tokenizer, LibraryTokenizer)


def test_a_table_of_many_tokens_cuts_the_longest_at_each_place() -> None:
    table = TableTokenizer(("a", "b", "c d", *(f"{n} " for n in range(100_000)), "ab", "abc d"))
    assert [table.label(index) for index in table.encode("abc dabb12345 c d")] == ["abc d", "ab", "b", "12345 ", "c d"]
    with pytest.raises(ValueError, match="position 2 of the text is '€'"):
        table.encode("ab€")
