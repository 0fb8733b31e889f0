"""One session computes at a time, with as many threads as its work is worth; nothing else sets their number."""

from __future__ import annotations

import ast
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from app.session.actions import Type
from app.session.explorer import Explorer
from app.state import server
from app.stores.turns import Turns
from gptcore import Checkpoint
from tests.browser.driver import ROOT


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(server, "_THREADS", 3)
    monkeypatch.setattr(server, "_TURNS", Turns())  # in which nobody else has computed
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("work", "threads"), [(0, 1), (server.MUCH, 1), (server.MUCH + 1, 3)])
def test_small_work_has_one_thread_and_large_work_all(work: float, threads: int) -> None:
    with server.turn(work):
        assert torch.get_num_threads() == threads


def test_large_work_beside_others_has_one_thread() -> None:
    def other() -> None:
        with server.turn():
            time.sleep(1.1)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    with server.turn(server.MUCH + 1):
        assert torch.get_num_threads() == 1


def test_a_key_has_one_thread_and_a_pasted_page_all(shakespeare: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MUCH", 1e8)  # the shipped models are small
    me = Explorer(shakespeare)
    for text, threads in (("To be, or not to be", 1), ("Ay, there's the rub. " * 20, 3), ("To be, or", 1)):
        with server.turn(me.work([Type(text)])):
            assert torch.get_num_threads() == threads
            me.apply(Type(text))
            assert torch.get_num_threads() == threads  # the run itself does not change it


def test_a_turn_that_fails_lets_the_next_one_in() -> None:
    with pytest.raises(ValueError, match="broken"), server.turn():
        raise ValueError("broken")
    entered = threading.Event()

    def other() -> None:
        with server.turn():
            entered.set()

    with server.turn():
        thread = threading.Thread(target=other)
        thread.start()
        assert not entered.wait(0.1)
    thread.join()
    assert entered.is_set()


def test_the_number_of_threads_is_set_in_one_place() -> None:
    found = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "set_num_threads"
    }
    assert found == {"app/state/server.py"}
