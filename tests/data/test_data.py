"""Training texts: found, downloaded, split, cut into pieces and windows, and large ones stored as ids on disk."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gptcore import data
from gptcore.data import DataError, fairytales, text
from gptcore.data import source as sources
from gptcore.data import tokens as on_disk
from gptcore.data.cache import write_kept, write_once
from gptcore.data.text import END_OF_TEXT, Span, SplitText, find_split, pieces, split_bytes
from gptcore.data.tokens import tokenized
from gptcore.tokenizer import BPETokenizer, CharTokenizer, Tokenizer
from gptcore.tokenizer.bpe import GPT2_PATTERN

MERGES = [
    b"  ",
    b"\n\n",
    b" a",
    b"aa",
    b"'s",
    b" '",
    b"!!",
    b"<|",
    b"11",
    b" 1",
    b" \n",
    b"\t ",
    b" aa",
    b"\n ",
    b"\x1c!",
]
BPE = BPETokenizer(
    GPT2_PATTERN,
    {bytes([b]): b for b in range(256)} | {raw: 256 + i for i, raw in enumerate(MERGES)},
    special={END_OF_TEXT: 300},
)


# ---- where texts come from -----------------------------------------------------------------------------------------


def test_the_named_text_is_the_published_one(outside_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    source = data.text_source("tinyshakespeare", 256, "char")
    assert source.tokenizer.vocab_size == 65
    assert {name: len(part) for name, part in source.splits.items()} == {
        "train": 1_003_854,
        "val": 111_540,
    }  # nanoGPT's


def test_fairytales_have_their_published_splits(outside_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    spans = find_split("fairytales")
    ends = [sum(ends for _, ends in pieces(part)) for part in (spans.train, spans.val, spans.test)]
    assert ends == [232, 23, 23]
    begins = [next(pieces(part))[0].lstrip() for part in (spans.val, spans.test)]
    assert begins[0].startswith("In far bygone days, in the North")
    assert begins[1].startswith("There was once upon a time a King who had a wife with gold")


def test_a_wrong_text_under_the_right_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinyshakespeare.txt").write_text("To be")
    monkeypatch.setenv("GPTSCOPE_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"not the published tinyshakespeare.txt: .* put the right file there, or give"):
        data.find_text("tinyshakespeare")


@contextmanager
def serving(content: bytes, status: int = 200) -> Iterator[str]:
    """Run a server that sends this content for every request. Yield its address."""

    class Visit(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Visit)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/a"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty cache, and no other folder of data sets."""
    monkeypatch.setenv(data.CACHE_FOLDER, str(tmp_path / "cache"))
    monkeypatch.delenv(data.DATA_FOLDER, raising=False)
    return tmp_path / "cache"


def hashed(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_download_is_checked_and_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"a text") as url:
        monkeypatch.setitem(data.DATASETS, "a", data.DataSet("a.txt", url, hashed(b"a text"), "none"))
        assert data.find_text("a").read_text() == "a text"
    assert os.listdir(cache) == ["a.txt"]
    assert data.find_text("a") == cache / "a.txt"  # the server has ended


def test_a_wrong_download_is_told_and_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"a text") as url:
        monkeypatch.setitem(data.DATASETS, "a", data.DataSet("a.txt", url, hashed(b"another"), "none"))
        with pytest.raises(DataError, match=r"does not give the published a.txt: SHA-256 .* set GPTSCOPE_DATA to that"):
            data.find_text("a")
    assert not cache.exists()


def test_a_damaged_copy_in_the_cache_is_fetched_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir()
    (cache / "a.txt").write_text("half")
    with serving(b"a text") as url:
        monkeypatch.setitem(data.DATASETS, "a", data.DataSet("a.txt", url, hashed(b"a text"), "none"))
        assert data.find_text("a").read_text() == "a text"


def test_without_a_network_the_error_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"gone", status=404) as url:
        monkeypatch.setitem(data.DATASETS, "a", data.DataSet("a.txt", url, "", "none"))
        with pytest.raises(DataError, match=r"could not get .*404.* without a network, put a.txt in a folder and set"):
            data.find_text("a")
    with pytest.raises(DataError, match=r"could not get http://127.* without a network, put a.txt in a folder and set"):
        data.find_text("a")  # no server answers


def archive(stories: dict[str, str]) -> bytes:
    """Make a zip file like GitHub's: everything within one folder."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as opened:
        for name, table in stories.items():
            opened.writestr(f"FairytaleQAData-0cdebed/{name}", table)
    return raw.getvalue()


STORIES = {
    f"{fairytales.SECTIONS}/val/hop-story.csv": 'section,text\n1,"Once, ""Hop!""\nsaid he.\n\n""No."""\n2,The end.\n',
    f"{fairytales.SECTIONS}/train/the-fox-story.csv": 'section,text\n1,"A fox, \nand "\n2," a wolf. "\n',
    f"{fairytales.SECTIONS}/train/Snow-man-story.csv": "section,text\n1,Cold.\n",
    f"{fairytales.SECTIONS}/test/flax-story.csv": "section,text\n1,Flax.\n",
    f"{fairytales.SECTIONS}/all/flax-story.csv": "section,text\n1,Not wanted.\n",
    "data-by-origin/section-stories/x/y-story.csv": "section,text\n1,Not wanted.\n",
}
ASSEMBLED = (
    "Cold.\n\n<|endoftext|>\n\nA fox, \nand \n a wolf.\n\n<|endoftext|>\n\n"
    'Once, "Hop!"\nsaid he.\n\n"No."\nThe end.\n\n<|endoftext|>\n\nFlax.'
)


def test_fairytales_are_put_together_from_the_archive(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(archive(STORIES)) as url:
        made = data.DataSet("f.txt", url, hashed(ASSEMBLED.encode()), "none", (1, 1), fairytales.assemble)
        monkeypatch.setitem(data.DATASETS, "fairytales", made)
        assert data.find_text("fairytales").read_text() == ASSEMBLED
    spans = find_split("fairytales")
    assert [[piece for piece, _ in pieces(part)] for part in (spans.train, spans.val, spans.test)] == [
        ["Cold.", "A fox, \nand \n a wolf.", ""],
        ['\n\nOnce, "Hop!"\nsaid he.\n\n"No."\nThe end.', ""],
        ["\n\nFlax."],
    ]


OTHERS = {"no zip file": b"no zip file", "empty": archive({}), "cut short": archive({**STORIES, "x": "y"})[:-30]}


@pytest.mark.parametrize(
    "content", OTHERS.values(), ids=OTHERS
)  # an archive holds the time, which no name of a test may
def test_another_archive_is_told(content: bytes, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(content) as url:
        made = data.DataSet("f.txt", url, "", "none", assemble=fairytales.assemble)
        monkeypatch.setitem(data.DATASETS, "fairytales", made)
        with pytest.raises(DataError, match=r"could not get .*archive.*put f.txt in a folder and set GPTSCOPE_DATA"):
            data.find_text("fairytales")


# ---- errors, each one sentence -------------------------------------------------------------------------------------


def test_no_such_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nor a data set of that name; give a text file or one of tinyshakespeare"):
        data.text_source("nosuch", 4, "char")
    with pytest.raises(DataError, match=r"holds no file \*.txt; put the texts there, or give one file"):
        data.text_source(str(tmp_path), 4, "char")


@pytest.mark.parametrize(
    ("content", "kind", "vocab_size", "sentence"),
    [
        (b"", "char", None, r"text.txt is empty; there is nothing to train on"),
        (b"x", "char", None, r"the train split has 0 tokens, and a context of 4 needs at least 5; give more text or"),
        (b"one line", "char", None, r"the val split has 1 tokens, and a context of 4 needs at least 5; give more text"),
        (b"one line\n" * 9, "bpe", 400, r"vocab_size: the text has pairs for only \d+ ids, and 400 were asked for"),
        (b"one line\n" * 9, "bpe", 200, r"vocab_size: must be at least 257"),
        (
            "a Grüße".encode("latin-1") * 9,
            "char",
            None,
            r"text.txt is not UTF-8 text \(.* at byte 4\); convert it first",
        ),
        ("Grüße".encode()[:3] * 2, "char", None, r"text.txt is not UTF-8 text \(.* at byte 2\); convert it first"),
    ],
)
def test_texts_that_cannot_be_trained_on(
    content: bytes, kind: data.source.Kind, vocab_size: int | None, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        data.text_source(str(tmp_path / "text.txt"), 4, kind, vocab_size)
    assert "\n" not in str(caught.value)


def test_a_wrong_byte_is_counted_from_the_start_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "CHUNK", 5)
    (tmp_path / "a.txt").write_bytes("aü bü cü dü".encode() + b" \xc3 e")
    with pytest.raises(DataError, match=r"invalid continuation byte at byte 16"):
        list(pieces([Span(tmp_path / "a.txt", 3, 19)]))


def test_characters_a_given_vocabulary_has_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc" * 20)
    with pytest.raises(ValueError, match=r"position 2 of the text is 'c'"):
        data.text_source(str(tmp_path / "a.txt"), 4, "char", tokenizer=CharTokenizer("ab"))


def test_a_text_that_vanishes_or_shrinks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("some text")
    spans = find_split(str(tmp_path))
    (tmp_path / "a.txt").write_text("some")
    with pytest.raises(DataError, match=r"a.txt became shorter while it was read; do not change it, and start again"):
        tokenized(spans.train, BPE)
    (tmp_path / "a.txt").unlink()
    with pytest.raises(
        DataError, match=r"a.txt cannot be read \(No such file or directory\); put it back, or start again"
    ):
        tokenized(spans.train, BPE)
    with pytest.raises(DataError, match=r"a.txt cannot be read"):
        split_bytes([tmp_path / "a.txt"])


# ---- splits --------------------------------------------------------------------------------------------------------


def read(spans: tuple[Span, ...]) -> list[tuple[str, bool]]:
    return [(piece, ends) for piece, ends in pieces(spans) if piece or ends]


def test_a_folder_is_its_texts_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_text("six by")
    (tmp_path / "a.txt").write_text("fourteen bytes")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "a.md").write_text("no text file")
    spans = find_split(str(tmp_path))
    assert read(spans.train) == [("fourteen", False), (" bytes", True), ("six ", False)]
    assert read(spans.val) == [("by", True)]
    source = data.text_source(str(tmp_path), 1, "char")
    assert source.tokenizer.decode(source.splits["train"]) == "fourteen bytessix "


@given(texts=st.lists(st.text(max_size=9), min_size=1, max_size=4).filter(any))
def test_no_byte_of_a_split_is_lost_and_no_character_cut(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    files = []
    for i, content in enumerate(texts):
        files.append(folder / f"{i}.txt")
        files[-1].write_bytes(content.encode())
    spans = split_bytes(files)
    parts = [span.path.read_bytes()[span.start : span.end].decode() for span in (*spans.train, *spans.val)]
    assert "".join(parts) == "".join(texts)
    size = sum(span.end - span.start for span in spans.train)
    exact = int(len("".join(texts).encode()) * 0.9)
    assert exact <= size <= exact + 3


# ---- pieces: the cuts of a text change no id -----------------------------------------------------------------------


def whole(content: str, tokenizer: Tokenizer) -> list[int]:
    """Return the expected ids of a file: those of each document, encoded as a whole."""
    documents = content.split(END_OF_TEXT)
    ids = []
    for i, document in enumerate(documents):
        document = document.lstrip("\n") if i else document
        ids += tokenizer.encode(document.rstrip("\n") if i < len(documents) - 1 else document)
        ids += [BPE.special[END_OF_TEXT]] if tokenizer is BPE else []
    return ids


BITS = [
    *(" ", "  ", "\n", "\n\n", "\t", "\r\n", "\x1c", "\x85", "\u2003", "\u3000", " " * 30, "\n" * 20),
    *(
        "a",
        "aa",
        " a",
        "S",
        "'",
        "'s",
        "'ll",
        "1",
        "11",
        "!",
        "!!",
        ",",
        "é",
        "e\u0301",
        "中",
        "中文",
        "\U0001f600",
        "\x00",
    ),
    *(END_OF_TEXT, f"\n\n{END_OF_TEXT}\n\n", END_OF_TEXT[:5], END_OF_TEXT[5:], "<|", "|>", "²", "ǅ", "_"),
]
TEXTS = st.lists(st.sampled_from(BITS) | st.characters(exclude_categories=["Cs"]), max_size=40).map("".join)


@settings(max_examples=300, deadline=None)
@example(
    content=f"\n\n'a {END_OF_TEXT}\n\na\n{END_OF_TEXT}", chunk=100, long=2**23, bpe=True
)  # new lines around a mark
@example(content=f"a a{END_OF_TEXT}\n\na a", chunk=7, long=0, bpe=True)  # a mark in two chunks
@example(content="!!  aa" * 9, chunk=4, long=20, bpe=True)  # no cut between two spaces
@given(content=TEXTS, chunk=st.integers(1, 40), long=st.sampled_from([0, 20, 2**23]), bpe=st.booleans())
def test_chunks_never_change_the_ids(
    content: str, chunk: int, long: int, bpe: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "property.txt"
    file.write_bytes(content.encode())
    tokenizer: Tokenizer = BPE if bpe else CharTokenizer.train(content + "-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "CHUNK", chunk)
        patch.setattr(text, "LONG", long)
        assert tokenized([Span(file, 0, len(content.encode()))], tokenizer).tolist() == whole(content, tokenizer)


@pytest.mark.parametrize("unit", ["a", "é", "\n", " ", "<"])
def test_a_text_without_any_cut_stays_bounded(unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CHUNK", 100), ("LONG", 500), ("MOST", 1000)):
        monkeypatch.setattr(text, name, value)
    content = f"x{unit * 5000}x{END_OF_TEXT}{unit * 5000}x"
    (tmp_path / "a.txt").write_bytes(content.encode())
    found = list(pieces([Span(tmp_path / "a.txt", 0, len(content.encode()))]))
    assert max(len(piece) for piece, _ in found) <= 1000 + 100
    assert [ends for _, ends in found].count(True) == 2
    if unit != "\n":
        assert "".join(piece + (END_OF_TEXT if ends else "") for piece, ends in found) == content + END_OF_TEXT


def test_a_long_text_of_short_words_without_spaces_is_cut_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("CHUNK", 100), ("LONG", 500), ("MOST", 1000), ("NEAR", 50)):
        monkeypatch.setattr(text, name, value)
    content = "It's11,aa!!aa;" * 500
    (tmp_path / "a.txt").write_text(content)
    assert tokenized([Span(tmp_path / "a.txt", 0, len(content))], BPE).tolist() == whole(content, BPE)


# ---- ids on disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def novel(tmp_path: Path) -> SplitText:
    """Write a folder of texts with documents. Return its splits."""
    generator = np.random.default_rng(0)
    for name in "ab":
        words = generator.choice(["aa", "a's", "11!!", "é", "\n\n", END_OF_TEXT, "   "], 3000)
        (tmp_path / f"{name}.txt").write_bytes(" ".join(words).encode())
    return find_split(str(tmp_path))


@pytest.mark.parametrize("bpe", [True, False])
def test_ids_on_disk_are_those_in_memory(
    bpe: bool, novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = BPE if bpe else CharTokenizer("".join(sorted({c for piece, _ in pieces(novel.train) for c in piece})))
    in_memory = tokenized(novel.train, tokenizer)
    assert not cache.exists()
    monkeypatch.setattr(on_disk, "SMALL", 0)
    monkeypatch.setattr(text, "CHUNK", 1000)
    mapped = tokenized(novel.train, tokenizer)
    assert isinstance(mapped, np.memmap)
    assert (mapped.dtype, mapped.tolist()) == (in_memory.dtype, in_memory.tolist())
    one, two = (data.random_batch(t, 8, 4, torch.Generator().manual_seed(0)) for t in (in_memory, mapped))
    assert torch.equal(one[0], two[0])


def test_a_whole_source_is_the_same_from_disk(novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(novel.train[0].path.parent)
    for kind, size in (("char", None), ("bpe", 262)):
        in_memory = data.text_source(folder, 8, kind, size)  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(on_disk, "SMALL", 0)
            patch.setattr(text, "CHUNK", 1000)
            large = data.text_source(folder, 8, kind, size)  # type: ignore[arg-type]
        assert large.tokenizer == in_memory.tokenizer
        for split in ("train", "val"):
            assert large.splits[split].tolist() == in_memory.splits[split].tolist()
    assert len(list(cache.glob("tokens/*.npy"))) == 4


def test_the_ids_on_disk_are_taken_until_text_or_tokenizer_change(
    novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_disk, "SMALL", 0)
    first = tokenized(novel.val, BPE)
    (file,) = cache.glob("tokens/*.npy")
    written = file.stat().st_mtime_ns
    assert tokenized(novel.val, BPE).tolist() == first.tolist()
    assert file.stat().st_mtime_ns == written
    other = BPETokenizer(GPT2_PATTERN, {bytes([b]): b for b in range(256)}, BPE.special)
    assert tokenized(novel.val, other).tolist() != first.tolist()
    path = novel.val[0].path
    path.write_bytes(path.read_bytes().replace(b"11", b"22"))
    assert tokenized(novel.val, BPE).tolist() != first.tolist()


def test_a_damaged_file_of_ids_is_told(novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "SMALL", 0)
    tokenized(novel.val, BPE)
    (file,) = cache.glob("tokens/*.npy")
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(DataError, match=r"npy is damaged \(.*\); delete it, and it will be written again"):
        tokenized(novel.val, BPE)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "SMALL", 0)
    (tmp_path / "a.txt").write_text("a b\n" * 2**19)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))  # Python then gets an error, as from a full disk
    try:
        with pytest.raises(
            DataError, match=r"npy could not be written \(.*\); make room, or set GPTSCOPE_CACHE to another"
        ):
            tokenized([Span(tmp_path / "a.txt", 0, 2**21)], BPE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path for path in (cache / "tokens").iterdir() if path.suffix != ".lock"] == []


def test_a_folder_that_cannot_be_made_is_told(novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "SMALL", 0)
    cache.touch()
    with pytest.raises(DataError, match=r"could not .* set GPTSCOPE_CACHE to"):
        tokenized(novel.val, BPE)


def test_a_text_that_changes_meanwhile_is_told(novel: SplitText, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Meddler(BPETokenizer):
        def encode(self, text: str) -> list[int]:
            os.utime(novel.val[0].path, (0, 0))
            return super().encode(text)

    monkeypatch.setattr(on_disk, "SMALL", 0)
    with pytest.raises(DataError, match=r"a text was changed while it was read; start again"):
        tokenized(novel.val, Meddler(BPE.pattern, BPE.ranks, BPE.special))
    assert list(cache.glob("tokens/*.npy")) == []


def test_several_at_once_write_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    writes, begun, others = [], threading.Event(), threading.Event()

    def write(file: IO[bytes]) -> None:
        writes.append(threading.get_ident())
        begun.set()
        assert others.wait(30)
        file.write(b"whole")

    def one() -> None:
        write_once(tmp_path / "deep" / "file", write)
        assert (tmp_path / "deep" / "file").read_bytes() == b"whole"
        done.append(1)

    done: list[int] = []
    threads = [threading.Thread(target=one) for _ in range(4)]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    others.set()
    for thread in threads:
        thread.join(60)
    assert (len(writes), len(done)) == (1, 4)


KILLED = """
import os, signal, sys
from pathlib import Path
from gptcore.data.cache import write_once

def write(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_once(Path(sys.argv[1]), write)
"""


def test_what_a_killed_process_leaves_is_not_taken_and_removed(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "file")], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "file").exists()
    assert len(list(tmp_path.glob("*.part"))) == 1
    write_once(tmp_path / "file", lambda file: file.write(b"whole"))
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert list(tmp_path.glob("*.part")) == []


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"new")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"file could not be written \(No space left on device\)"):
        write_kept(tmp_path / "file", fail)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_byte_pairs_of_a_very_large_text_are_learnt_from_all_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("".join(f"word{i:04} " for i in range(1000)))  # 9 kB
    seen: list[str] = []

    def learnt(texts: Iterable[str], size: int) -> BPETokenizer:
        seen.extend(texts)
        return BPE

    monkeypatch.setattr(text, "CHUNK", 100)
    monkeypatch.setattr(sources, "train_bpe", learnt)
    data.text_source(str(tmp_path / "a.txt"), 4, "bpe", 300)
    assert "".join(seen) == (tmp_path / "a.txt").read_text()[:8100]  # the whole training split, and no more
    seen.clear()
    monkeypatch.setattr(sources, "MOST_TO_LEARN_FROM", 1000)
    data.text_source(str(tmp_path / "a.txt"), 4, "bpe", 300)
    assert 700 < sum(map(len, seen)) <= 1100
    numbers = [int(word[4:]) for piece in seen for word in piece.split() if len(word) == 8]
    assert min(numbers) < 100 and max(numbers) > 800


# ---- windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 9, 10, 11, 100])
def test_the_windows_of_a_split_have_every_target_once(length: int) -> None:
    batches = list(data.all_windows(np.arange(length), block_size=3, batch_size=2))
    assert torch.cat([y.flatten() for _, y in batches]).tolist() == list(range(1, length))
    assert all(torch.equal(x + 1, y) for x, y in batches)


def test_spread_windows_reach_from_the_first_to_the_last_token() -> None:
    batches = list(data.spread_windows(np.arange(50), block_size=8, windows=5, batch_size=2))
    assert [len(x) for x, _ in batches] == [2, 2, 1]
    starts = torch.cat([x[:, 0] for x, _ in batches]).tolist()
    assert (starts[0], starts[-1], len(set(starts))) == (0, 41, 5)


def test_random_batches_follow_their_generator() -> None:
    tokens = np.arange(50)
    one, two = (data.random_batch(tokens, 8, 4, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[0] + 1, one[1])
    starts = {data.random_batch(tokens, 8, 1, torch.Generator().manual_seed(i))[0][0, 0].item() for i in range(2000)}
    assert starts == set(range(42))  # the last window too
