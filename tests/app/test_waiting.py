"""The words for one who waits for a turn; and nothing that was asked for is lost meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from app.session.actions import Lock, SetSampling, Type
from app.session.explorer import Explorer
from app.session.generating import Draw
from app.state import server, waiting
from app.stores.turns import Turns, Wait
from gptcore.checkpoint.shipped import shipped_folder
from tests.app.sent import Page
from tests.lopsided import checkpoint_of, lopsided


@pytest.fixture
def me() -> Explorer:
    return Explorer(checkpoint_of(lopsided()), "ab")


def test_of_several_texts_that_wait_the_newest_is_run(me: Explorer) -> None:
    me.ask([Type("abc"), SetSampling(0.5, 3)])
    me.ask([Type("abcd"), Lock(0)])
    assert me.asked == (SetSampling(0.5, 3), Type("abcd"), Lock(0))
    me.carry_out()
    assert (me.shown.text, me.temperature, me.lock) == ("abcd", 0.5, 0)
    assert not len(me.asked)


def test_tokens_that_are_drawn_are_not_merged(me: Explorer) -> None:
    me.ask([Draw("ab")])
    me.ask([Draw("ab")])  # a second one for a prompt that is then another
    me.carry_out()
    assert len(me.shown.ids) == 3


def test_what_waited_when_a_run_was_stopped_is_carried_out_by_the_next(me: Explorer) -> None:
    class Stop(BaseException):
        pass

    def stop(wait: Wait) -> None:
        raise Stop

    turns = Turns()

    def run() -> None:
        me.ask([Type("abc")])
        with pytest.raises(Stop), turns.turn("me", waiting=stop):
            me.carry_out()

    with turns.turn("other"):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(20)
    assert (me.shown.text, me.asked) == ("ab", (Type("abc"),))
    with turns.turn("me"):
        me.carry_out()
    assert me.shown.text == "abc"


@contextmanager
def held_for_a_while() -> Iterator[None]:
    """Another person computes, until this one has been told twice that they wait."""
    told, release = [0], threading.Event()
    tell = waiting.tell

    def counted(wait: Wait) -> None:
        tell(wait)
        told[0] += 1
        if told[0] >= 2:
            release.set()

    def compute() -> None:
        with server.turn():
            begun.set()
            release.wait(60)

    begun = threading.Event()
    other = threading.Thread(target=compute)
    other.start()
    assert begun.wait(20)
    waiting.tell = counted
    try:
        yield
    finally:
        waiting.tell = tell
        release.set()
        other.join()


def test_the_page_says_why_it_waits_and_then_shows_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "LONG", 0.0)
    page = Page(shipped_folder() / "shakespeare-char", monkeypatch)
    monkeypatch.setattr(server, "_TURNS", Turns())  # in which nobody has computed yet
    with held_for_a_while():
        page.type("To be, or not")
    assert page.app.toast[0].value == "Waiting for a turn: 1 other computes before you."
    assert len(page.app.toast) == 1  # told once
    assert page.panel("prompt")["text"] == "To be, or not"


def _waits(ahead: int, own: float) -> None:
    from app.state import waiting
    from app.stores.turns import Wait

    waiting.tell(Wait(5.0, ahead, own))


def test_one_who_had_most_is_told_so() -> None:
    at = AppTest.from_function(_waits, args=(3, 0.7)).run()
    assert at.toast[0].value.endswith("This server has computed most for you lately, so others go first.")
