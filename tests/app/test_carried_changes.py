"""Changes of the run when another model is opened: what fits it stays, the rest is told, and undo goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from streamlit.testing.v1 import AppTest

from app.session.actions import Type
from app.session.change_actions import (
    AddChange,
    CloseGone,
    KeepPatterns,
    MuteChanges,
    SetChanges,
    ToggleChange,
    UndoChange,
)
from app.session.changes import Change, Other
from app.session.explorer import Explorer
from gptcore import Checkpoint, Edit, capture, save
from gptcore.tokenizer import CharTokenizer
from tests.lopsided import FITS, checkpoint_of, encode, lopsided

HEAD = Edit("transformer.h.1.attn.z", "zero", head=1)
LAST_HEAD = Edit("transformer.h.1.attn.z", "zero", head=3)
LAST_BLOCK = Edit("transformer.h.2.mlp", "scale", 0.5)
SMALLER = {"n_layer": 2, "n_head": 2}


@pytest.fixture
def before() -> Explorer:
    me = Explorer(checkpoint_of(lopsided()), FITS, source="large")
    for edit in (LAST_HEAD, HEAD, LAST_BLOCK):
        me.apply(AddChange(edit))
    return me


def smaller(before: Explorer, **sizes: int) -> Explorer:
    """Open another model in its place."""
    return Explorer(checkpoint_of(lopsided(6, **(sizes or SMALLER))), FITS, source="small", before=before)


def test_what_the_other_model_has_the_part_for_stays_and_the_rest_is_told(before: Explorer) -> None:
    me = smaller(before)
    assert me.changes == (Change(HEAD),)
    run = capture(lopsided(6, **SMALLER), encode(FITS), edits=[HEAD])
    torch.testing.assert_close(me.shown.trace.logits, run.logits)
    told = (
        "2 of 3 changes of the run do not fit this model; they are gone: head 1.3 off, MLP 2 × 0.5. "
        "Taken over from the model before: head 1.1 off. “remove all” shows this model as it is."
    )
    assert (me.gone, me.notice) == (told, None)
    me.apply(Type("fa"))
    me.apply(AddChange(Edit("transformer.h.0.mlp", "zero")))
    assert me.gone == told  # until it was read
    me.apply(CloseGone())
    assert (me.gone, len(me.changes)) == ("", 2)


def test_a_model_of_the_same_sizes_keeps_all_of_them_as_they_were(before: Explorer) -> None:
    for action in (ToggleChange(before.changes[0].key, False), KeepPatterns(True), MuteChanges(True)):
        before.apply(action)
    me = smaller(before, n_layer=3)
    assert (me.listed, me.gone, me.notice) == (before.listed, "", None)
    assert me.shown.without is None  # all are off


def test_what_was_taken_over_and_is_on_is_told(before: Explorer) -> None:
    before.apply(ToggleChange(before.changes[0].key, False))
    me = smaller(before, n_layer=3)
    assert me.gone == (
        "Taken over from the model before: head 1.1 off, MLP 2 × 0.5. “remove all” shows this model as it is."
    )
    me.apply(SetChanges(()))
    assert me.gone == ""


def test_undo_goes_on_over_the_model_and_skips_what_does_not_fit(before: Explorer) -> None:
    me = smaller(before)
    me.apply(UndoChange())
    assert (me.changes, me.undoable) == ((), False)
    assert me.shown.without is None


def test_nothing_is_taken_back_where_no_change_was_left(before: Explorer) -> None:
    before.apply(SetChanges(()))
    assert before.undoable
    me = smaller(before)
    assert (me.changes, me.gone, me.undoable) == ((), "", False)


def test_what_takes_values_from_a_text_that_the_tokenizer_cannot_read_is_gone(before: Explorer) -> None:
    before.apply(AddChange(Other("transformer.h.0.mlp", "patch", "ca")))
    letters = "ba木é\nж"  # no c
    model = lopsided(6, vocab_size=len(letters))
    other = Checkpoint(model, CharTokenizer(letters), model.config, {})
    me = Explorer(other, FITS, source="small", before=before)
    assert [change.edit for change in me.changes] == [LAST_HEAD, HEAD, LAST_BLOCK]
    assert "1 of 4 changes of the run does not fit this model; it is gone: MLP 0 from “ca”" in me.gone


def _page() -> None:
    import streamlit as st

    from app.state import opening
    from app.stores.models import Wanted

    if opening.ready() and (source := st.session_state.pop("open", "")):
        opening.open_model(Wanted(source), lambda share, what: None)


def test_another_model_is_opened_under_the_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(checkpoint_of(lopsided()), tmp_path / "large")
    save(checkpoint_of(lopsided(6, **SMALLER)), tmp_path / "small")
    monkeypatch.setattr("sys.argv", ["app/main.py", str(tmp_path / "large")])
    page = AppTest.from_function(_page, default_timeout=60).run()
    page.session_state["explorer"].apply(AddChange(HEAD))
    page.session_state["open"] = str(tmp_path / "small")
    page.run()
    me = page.session_state["explorer"]
    assert (me.arch.config.n_layer, me.changes) == (2, (Change(HEAD),))
