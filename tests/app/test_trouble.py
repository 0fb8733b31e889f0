"""A server at the limit of its descriptors: a sentence on the page, never a traceback; and few of them a session."""

from __future__ import annotations

import asyncio
import builtins
import errno
import io
import selectors
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.state import loops
from app.views import trouble
from tests.browser.driver import ROOT


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    return AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()


def no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file fail to open but the script's own, which Streamlit reads."""
    real = io.open

    def opened(file: Any, *args: Any, **options: Any) -> Any:
        if str(file).endswith(".py"):
            return real(file, *args, **options)
        raise OSError(errno.EMFILE, "Too many open files", "/srv/secret/model.pt")

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(io, "open", opened)


def test_a_page_without_descriptors_is_drawn_or_says_so(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    no_descriptors(monkeypatch)
    page.run()
    assert not page.exception
    assert all("/srv" not in error.value for error in page.error)


def test_a_model_that_cannot_be_opened_for_lack_of_descriptors_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.state import server
    from app.stores.models import Models

    monkeypatch.setattr(server, "_MODELS", Models())
    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    no_descriptors(monkeypatch)
    page = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
    assert not page.exception
    assert page.error


def _part() -> None:
    import errno

    import streamlit as st

    from app.views.trouble import told

    @st.fragment
    @told
    def part() -> None:
        raise OSError(errno.EMFILE, "Too many open files", "/srv/secret")

    part()


def test_a_part_of_a_page_says_so() -> None:
    page = AppTest.from_function(_part).run()
    assert not page.exception
    assert page.error[0].value.startswith("This server has as many files and connections open as it may. Reload")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENFILE, "x"), "as many files and connections open as it may"),
        (OSError(errno.ENOSPC, "x"), "The disk of this server is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/a"), "could not be used: Permission denied. Reload"),
    ],
)
def test_the_sentence_tells_no_path(error: OSError, words: str) -> None:
    assert words in trouble.sentence(error)
    assert "/srv" not in trouble.sentence(error)


@pytest.fixture
def policy() -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    yield
    asyncio.set_event_loop_policy(before)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="loops have no policies any more")
@pytest.mark.skipif(not hasattr(selectors, "PollSelector"), reason="this system has no poll")
def test_a_session_s_loop_needs_two_descriptors(policy: None) -> None:
    import psutil

    loops.with_few_descriptors()
    process = psutil.Process()
    before = process.num_fds()
    made = [asyncio.new_event_loop() for _ in range(10)]
    assert process.num_fds() == before + 20
    for loop in made:
        with ThreadPoolExecutor(1) as apart:  # Playwright's browser keeps a running loop in the thread of the tests
            assert apart.submit(loop.run_until_complete, asyncio.sleep(0, "done")).result() == "done"
        loop.close()
    assert process.num_fds() == before
