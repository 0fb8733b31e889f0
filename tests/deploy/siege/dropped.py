"""Files, dropped on a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from gptcore import GPTConfig
from tests.benchmarks.denials import LETTERS, model_of
from tests.browser.driver import wait_until
from tests.browser.test_browser_models import upload
from tests.hostile import call, text


def files(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Write files that a visitor should not have opened, or that ask for too much."""

    def one(name: str, content: bytes) -> list[Path]:
        (folder / name).write_bytes(content)
        return [folder / name]

    yield "a pickle that runs a command", one("a.pt", b"\x80\x02" + call("os.system", text("touch /data/taken")) + b".")
    yield "a pickle of old that reads a file", one("b.pt", b"cbuiltins\neval\n(Vopen('/etc/passwd').read()\ntR.")
    yield "a header of 2^60 bytes", one("c.safetensors", (2**60).to_bytes(8, "little") + b"{}")
    yield "a table of 4 GB in a file of 100 bytes", one("d.safetensors", _promise())
    yield "30 MB of noise", one("e.pt", bytes(range(256)) * 120_000)
    yield "a web page", one("f.pt", b"<!doctype html><script>alert(1)</script>")
    yield "a deep config", one("config.json", b"[" * 200_000)
    for what, config in (
        ("a context of 60,000", GPTConfig(60_000, len(LETTERS), 1, 4, 4)),
        ("400,000 tokens in the vocabulary", GPTConfig(4096, 400_000, 1, 1, 4)),
    ):
        with model_of(config) as made:
            inside = sorted(path for path in Path(made).iterdir() if path.suffix in (".safetensors", ".json", ".txt"))
            yield what, inside


def _promise() -> bytes:
    head = json.dumps({"a": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}).encode()
    return len(head).to_bytes(8, "little") + head


def drop(page: Page, paths: list[Path]) -> str:
    """Drop files on a page; return what it says then."""
    upload(page, *paths)
    wait_until(
        page,
        """() => !document.querySelector('[data-testid="stFileUploader"]')
            || [...document.querySelectorAll('[data-testid="stAlert"]')].some((each) => each.textContent)""",
        timeout=90_000,
    )
    told = page.locator('[data-testid="stAlert"]')
    said = told.first.inner_text() if told.count() else "opened"
    page.keyboard.press("Escape")
    return " ".join(said.split())[:60]
