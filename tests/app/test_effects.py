"""The effects of changes, as they are sent: the loss of each token, attribution's prediction beside the actual."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from app.session import comparison
from app.session.change_actions import AddChange, KeepPatterns
from app.session.explorer import Explorer
from app.views import explore
from gptcore import Edit, Trace, capture, logit_attribution
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, checkpoint_of, lopsided, seen, write_folder
from tests.lopsided import encode as ids_of

MODEL = lopsided()
HEAD = Edit("transformer.h.1.attn.z", "zero", head=2)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(write_folder(tmp_path / "lopsided", lopsided()), monkeypatch, FITS)


def run(text: str, *edits: Edit) -> Trace:
    """A run of its own, by gptcore alone."""
    return capture(MODEL, ids_of(seen(text, MODEL)), edits=edits)


def losses(trace: Trace) -> np.ndarray:
    """The loss at each position that has a next token."""
    shares = trace.logits[0].double().log_softmax(-1)
    ids = trace.ids[0].tolist()
    return np.array([-shares[at, ids[at + 1]].item() for at in range(len(ids) - 1)])


def switch_off(page: Page) -> None:
    page.pick_head(1, 2)
    page.report("node", kind="off", id=page.panel("node")["id"])


@pytest.mark.parametrize("text", [FITS, LONG])
def test_each_token_tells_what_the_changes_add_to_its_loss(page: Page, text: str) -> None:
    page.type(text)
    assert "dearer" not in page.panel("prompt")
    switch_off(page)
    wanted = losses(run(text, HEAD)) - losses(run(text))
    np.testing.assert_allclose(page.panel("prompt")["dearer"], wanted, atol=1e-4)
    assert abs(wanted).max() > 0.01
    page.type(f"{text}a")
    np.testing.assert_allclose(
        page.panel("prompt")["dearer"], losses(run(f"{text}a", HEAD)) - losses(run(f"{text}a")), atol=1e-4
    )


def test_losses_that_take_long_wait_until_the_page_asks(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore, "QUICK", 0)
    switch_off(page)
    assert "dearer" not in page.panel("prompt") and page.panel("changes")["late"]
    page.report("changes", kind="read", text=FITS)
    np.testing.assert_allclose(page.panel("prompt")["dearer"], losses(run(FITS, HEAD)) - losses(run(FITS)), atol=1e-4)
    assert not page.panel("changes")["late"]
    page.type("bad")
    assert "dearer" not in page.panel("prompt") and page.panel("changes")["late"]


@pytest.mark.parametrize("position", [2, 5])
def test_attribution_s_prediction_stands_beside_what_came_of_it(page: Page, position: int) -> None:
    assert "effect" not in page.panel("prediction")
    switch_off(page)
    page.follow(position)
    clean, after = run(FITS), run(FITS, HEAD)
    before = clean.logits[0, position]
    token = int(before.argmax())
    (part,) = [
        part.value
        for part in logit_attribution(clean, token, position=position).parts
        if (part.layer, part.head) == (1, 2)
    ]
    gained = after.logits[0, position] - before
    told, brief, meaning = page.panel("prediction")["effect"]
    for said in (told, brief):
        numbers = [float(found.replace("−", "-")) for found in re.findall(r"[+−][0-9.]+", said)]
        assert numbers == pytest.approx([-part, gained[token].item()], abs=6e-3)
    assert f"the logit of {LETTERS[token]!r}" in meaning


def test_the_sentence_says_what_later_parts_did() -> None:
    model = checkpoint_of(MODEL)
    me = Explorer(model, FITS)
    me.apply(AddChange(Edit("transformer.h.2.mlp", "zero")))  # nothing stands behind it but the norm
    told = comparison.effect(me.shown, me.position)
    assert told is not None
    me.apply(KeepPatterns(True))
    assert comparison.effect(me.shown, me.position) == told
    me.apply(AddChange(Edit("transformer.h.2.attn.masked", "set", -float("inf"), head=0, position=4, key=1)))
    assert comparison.effect(me.shown, me.position) is None


@pytest.mark.parametrize(
    ("after", "told"), [(2.0, "+1.000"), (0.5, "−0.500"), (1 - 2.4e-7, "0.000"), (1 + 2.4e-7, "0.000")]
)
def test_a_loss_that_hardly_changes_has_no_sign(after: float, told: str) -> None:
    me = Explorer(checkpoint_of(lopsided()), FITS, source="lopsided")
    me.apply(AddChange(Edit("transformer.h.2.mlp", "zero")))
    assert comparison.facts(me.shown, me.position, (1.0, after))[-1][1] == told


@pytest.mark.parametrize(
    ("predicted", "actual", "words"),
    [
        (-2.0, -0.38, "repaired 81 %"),
        (-0.5, -1.5, "3.0 times as much"),
        (-1.0, 0.5, "reverse it"),
        (0.001, -1.0, "all of it through later parts"),
        (-1.0, -1.01, "changed little"),
        (0.01, -0.01, "next to nothing"),
    ],
)
def test_the_answer_of_later_parts_in_words(predicted: float, actual: float, words: str) -> None:
    assert words in comparison._answer(predicted, actual)
