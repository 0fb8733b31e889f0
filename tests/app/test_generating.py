"""Generation on the screen: what is drawn, exchanged and taken back, against `gptcore.generate` on the same weights."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.actions import Lock, SetSampling, Type
from app.session.explorer import Explorer
from app.session.generating import Draw, Put, SetDrawing, Undo
from gptcore import generate
from gptcore.generation.sampling import Sampling
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, checkpoint_of, encode, lopsided, run_of

MODEL = lopsided()


@pytest.fixture
def me() -> Explorer:
    return Explorer(checkpoint_of(MODEL), FITS)


@pytest.fixture
def page(untrained: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(untrained, monkeypatch, FITS)


def drawn(me: Explorer, count: int) -> list[int]:
    """Draw tokens one after another; return the ids that were added."""
    before = len(me.shown.ids)
    for _ in range(count):
        me.apply(Draw(me.shown.text))
        assert me.notice is None
    return me.shown.ids[before:]


@pytest.mark.parametrize(
    ("temperature", "k", "p", "seed"), [(1.0, 40, None, 0), (0.6, 5, None, 3), (1.7, None, 0.8, 9)]
)
def test_the_page_draws_what_generate_draws(
    me: Explorer, temperature: float, k: int | None, p: float | None, seed: int
) -> None:
    me.apply(SetSampling(temperature, 10))
    me.apply(SetDrawing(k, p, seed))
    found = drawn(me, 12)  # beyond the context, which has 13 positions
    steps = generate(MODEL, encode(FITS), max_new_tokens=12, temperature=temperature, top_k=k, top_p=p, seed=seed)
    assert found == [step.id for step in steps]
    assert len(set(found)) > 2


def test_a_drawn_token_remembers_what_it_was_drawn_with(me: Explorer) -> None:
    me.apply(SetSampling(0.7, 10))
    me.apply(SetDrawing(6, 0.9, 4))
    (token,) = drawn(me, 1)
    mark = me.writing.drawn[len(FITS)]
    (step,) = generate(MODEL, encode(FITS), 1, temperature=0.7, top_k=6, top_p=0.9, seed=4)
    logits = run_of(MODEL, FITS).logits[0, -1]
    assert (mark.id, mark.rank) == (token, int((logits > logits[token]).sum()) + 1)
    assert math.isclose(mark.probability, step.probs[token].item(), rel_tol=1e-5)
    assert mark.how.endswith("T 0.7, top-k 6, top-p 0.9, seed 4")
    me.apply(SetSampling(1.5, 10))
    assert me.writing.drawn[len(FITS)] == mark  # whatever is chosen since


def test_marks_stay_as_long_as_what_is_before_them_stays(me: Explorer) -> None:
    drawn(me, 3)
    text = me.shown.text
    me.apply(Type(text + "a"))
    assert sorted(me.writing.drawn) == [6, 7, 8]
    me.apply(Type(text[:7]))
    assert sorted(me.writing.drawn) == [6]
    me.apply(Type("c" + text[1:7]))
    assert sorted(me.writing.drawn) == []


def test_a_token_is_exchanged_the_rest_dropped_and_brought_back(me: Explorer) -> None:
    drawn(me, 4)
    text = me.shown.text
    me.apply(Lock(6))  # the first that was drawn; what follows it is exchanged
    other = (me.shown.ids[7] + 1) % len(LETTERS)
    me.apply(Put(other, text))
    assert me.shown.ids == [*encode(text)[:7], other]
    assert (sorted(me.writing.drawn), me.lock) == ([6], 6)
    me.apply(Undo())
    assert me.shown.text == text and sorted(me.writing.drawn) == [6, 7, 8, 9]
    for length in (9, 8, 7, 6):
        me.apply(Undo())
        assert me.shown.text == text[:length]
    me.apply(Undo())
    assert me.notice is not None and "nothing to take back" in me.notice["text"]
    assert me.shown.text == FITS


def test_a_draw_for_another_prompt_comes_too_late(me: Explorer) -> None:
    screen = me.state
    me.apply(Draw("another prompt"))
    assert me.state == screen and not me.writing.drawn
    me.apply(Type("Q"))  # which the model cannot read
    me.apply(Draw(FITS))
    assert me.shown.text == FITS and me.typed == "Q"


@pytest.mark.parametrize(
    ("action", "word"),
    [(SetDrawing(0, None, 0), "top_k"), (SetDrawing(5, 1.5, 0), "top_p"), (SetDrawing(5, None, -1), "seed")],
)
def test_what_cannot_be_drawn_with_is_refused_in_a_sentence(me: Explorer, action: SetDrawing, word: str) -> None:
    before = me.state
    me.apply(action)
    assert me.state == before
    assert me.notice is not None and word in me.notice["text"].lower()


def test_the_cut_tail_is_told_of_each_row(page: Page) -> None:
    page.report("generate", kind="set", temperature=0.8, top_k=4, top_p=0.7, seed=2)
    rows = page.panel("prediction")["rows"]
    logits = run_of(MODEL, FITS).logits[0, -1]
    probs = Sampling(0.8, 4, 0.7).probs(logits)
    assert [row["cut"] for row in rows] == [probs[row["id"]].item() == 0 for row in rows]
    assert {row["cut"] for row in rows} == {True, False}
    softmax = (logits.double() / 0.8).softmax(-1)
    assert all(math.isclose(row["probability"], softmax[row["id"]].item(), rel_tol=1e-5) for row in rows)


def test_the_buttons_are_told_the_state_of_the_page(page: Page) -> None:
    assert page.panel("generate") | {"ack": 0} == {
        "text": FITS,
        "steps": 0,
        "undo": False,
        "temperature": 1.0,
        "top_k": 40,
        "top_p": None,
        "seed": 0,
        "ack": 0,
    }
    rev = page.panel("prompt")["rev"]
    page.report("generate", kind="draw", text=FITS)
    sent = page.panel("generate")
    (step,) = generate(MODEL, encode(FITS), 1, temperature=1.0, top_k=40, seed=0)
    text = FITS + LETTERS[step.id]
    assert (sent["text"], sent["steps"], sent["undo"]) == (text, 1, True)
    prompt = page.panel("prompt")
    assert (prompt["text"], prompt["rev"]) == (text, rev + 1)  # so that the box is brought up to it
    assert list(prompt["drawn"]) == [str(len(FITS))]
    page.report("generate", kind="undo")
    assert (page.panel("generate")["text"], page.panel("generate")["undo"]) == (FITS, False)


def test_beyond_the_context_the_place_of_a_draw_is_that_in_the_whole_text() -> None:
    me = Explorer(checkpoint_of(MODEL), LONG)
    (found,) = drawn(me, 1)
    (step,) = generate(MODEL, encode(LONG), 1, temperature=1.0, top_k=40, seed=0)
    assert found == step.id
    assert list(me.writing.drawn) == [len(LONG)]


def test_a_draw_leaves_the_global_random_numbers_alone(me: Explorer) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    drawn(me, 2)
    assert torch.rand(3).equal(expected)
