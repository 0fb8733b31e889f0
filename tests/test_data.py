"""Training texts: found, checked, split and cut into windows."""

from __future__ import annotations

import hashlib
import http.server
import threading
from pathlib import Path

import pytest
import torch

from gptcore import data
from gptcore.data import DataError


def test_the_named_text_is_the_published_one(outside_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_DATA", str(outside_data))
    text = data.read_text("tinyshakespeare")
    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    parts = data.split(list(range(len(text))), 256)
    assert (len(parts.train), len(parts.val)) == (1_003_854, 111_540)  # nanoGPT's numbers


def test_a_wrong_text_under_the_right_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinyshakespeare.txt").write_text("To be")
    monkeypatch.setenv("GPTSCOPE_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"not the published tinyshakespeare.txt"):
        data.read_text("tinyshakespeare")


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one text to everybody."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(b"a text")))
        self.end_headers()
        self.wfile.write(b"a text")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.mark.parametrize("right", [True, False])
def test_download_checks_the_hash(right: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pooch = pytest.importorskip("pooch")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        sha256 = hashlib.sha256(b"a text" if right else b"another").hexdigest()
        dataset = data.DataSet("a.txt", f"http://127.0.0.1:{server.server_port}/a.txt", sha256, "none")
        monkeypatch.setitem(data.DATASETS, "a", dataset)
        monkeypatch.delenv("GPTSCOPE_DATA", raising=False)
        monkeypatch.setattr(pooch, "os_cache", lambda _name: tmp_path)
        if right:
            assert data.read_text("a") == "a text"
        else:
            with pytest.raises(DataError, match=r"put a.txt in a folder and set GPTSCOPE_DATA"):
                data.read_text("a")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nor a data set of that name; give a text file or one of tinyshakespeare"):
        data.read_text("nosuch")
    (tmp_path / "empty.txt").touch()
    with pytest.raises(DataError, match=r"empty"):
        data.read_text(str(tmp_path / "empty.txt"))
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(DataError, match=r"not UTF-8 text .* at byte 2"):
        data.read_text(str(tmp_path / "latin.txt"))
    with pytest.raises(DataError, match=r"validation split has 2 tokens, and a context of 4 needs at least 5"):
        data.split(list(range(20)), 4)


@pytest.mark.parametrize("length", [2, 9, 10, 11, 100])
def test_the_windows_of_a_split_have_every_target_once(length: int) -> None:
    tokens = torch.arange(length)
    batches = list(data.all_windows(tokens, block_size=3, batch_size=2))
    assert torch.cat([y.flatten() for _, y in batches]).tolist() == list(range(1, length))
    assert all(torch.equal(x + 1, y) for x, y in batches)


def test_random_batches_follow_their_generator() -> None:
    tokens = torch.arange(50)
    one, two = (data.random_batch(tokens, 8, 4, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[0] + 1, one[1])
    starts = {data.random_batch(tokens, 8, 1, torch.Generator().manual_seed(i))[0][0, 0].item() for i in range(2000)}
    assert starts == set(range(42))  # the last window too
