"""Changes of the run: what is sent is the run under the edits that are on, beside the run without them."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gptcore
from app.session import changes
from app.session.actions import Restore, Type
from app.session.change_actions import AddChange, RemoveChange, ScaleChange, SetChanges, TakeTool, ToggleChange
from app.session.changes import Change
from app.session.explorer import Explorer
from app.session.first_prompt import first_trace
from app.session.map_actions import PickHead
from app.session.state_text import StateError, decode, encode
from app.views.in_words import run_of
from gptcore import Edit, Trace, capture
from tests.app.sent import Page
from tests.lopsided import FITS, LETTERS, LONG, checkpoint_of, lopsided, seen, write_folder
from tests.lopsided import encode as ids_of

HEAD = Edit("transformer.h.1.attn.z", "zero", head=2)
EDGE = Edit("transformer.h.0.attn.masked", "set", -math.inf, head=1, position=4, key=2)
LATE = Edit("transformer.h.2.attn.masked", "set", -math.inf, head=0, position=9, key=0)
MLP = Edit("transformer.h.0.mlp", "zero")
HALF = Edit("transformer.h.2.attn.z", "scale", 0.5, head=3)


@pytest.fixture
def me() -> Explorer:
    return Explorer(checkpoint_of(lopsided()), FITS, source="lopsided")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(write_folder(tmp_path / "lopsided", lopsided()), monkeypatch, FITS)


def edited(text: str, *edits: Edit) -> Trace:
    """A run of its own, by gptcore alone."""
    model = lopsided()
    return capture(model, ids_of(seen(text, model)), edits=edits)


def shares(trace: Trace, position: int = -1) -> torch.Tensor:
    return trace.logits[0, position].double().softmax(-1)


# ---- the run -------------------------------------------------------------------------------------------------------


def test_the_run_is_the_one_under_the_changes_that_are_on(me: Explorer) -> None:
    for edit in (HEAD, MLP, HALF):
        me.apply(AddChange(edit))
    me.apply(ToggleChange(Change(MLP).key, False))
    for text in (FITS, FITS + "a", LONG, LONG + "é", FITS, "ba"):
        me.apply(Type(text))
        wanted = edited(text, HEAD, HALF)
        assert me.shown.trace.edits == (HEAD, HALF)
        for name in ("lm_head", "transformer.h.2.attn.pattern", "transformer.h.1.resid_post"):
            torch.testing.assert_close(me.shown.trace[name], wanted[name], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(me.shown.unchanged.logits, edited(text).logits, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(me.shown.trace.logits, me.shown.unchanged.logits, atol=1e-2)


def test_another_list_of_changes_draws_every_row_of_the_patterns_anew(me: Explorer) -> None:
    me.apply(Type(LONG))
    me.apply(SetChanges((Change(MLP),)))  # each row of later patterns is another one
    me.apply(SetChanges((Change(LATE),)))  # what stands before its query is that of the run without changes
    assert me.shown.trace.edits == (LATE,)
    assert me.shown.trace.reused == 9
    whole = edited(LONG, LATE)
    for layer in range(3):
        pattern = whole[f"transformer.h.{layer}.attn.pattern"][0]
        np.testing.assert_allclose(me.shown.thumbnails.weights[layer], pattern, atol=1e-5)


def test_an_edge_waits_for_its_token(me: Explorer) -> None:
    me.apply(AddChange(LATE))
    assert (me.notice, me.shown.trace.edits, me.shown.without) == (None, (), None)
    me.apply(Type(LONG))
    assert me.shown.trace.edits == (LATE,)
    assert me.shown.trace["transformer.h.2.attn.pattern"][0, 0, 9, 0] == 0


def test_taking_changes_back_gives_the_very_run_from_before(me: Explorer) -> None:
    before = me.shown.trace
    me.apply(AddChange(HEAD))
    assert me.shown.unchanged is before
    me.apply(RemoveChange(Change(HEAD).key))
    assert me.shown.trace is before and me.shown.without is None
    me.apply(AddChange(HEAD))
    me.apply(ToggleChange(Change(HEAD).key, False))
    assert me.shown.trace is before and me.changes == (Change(HEAD, False),)
    me.apply(SetChanges())
    assert not me.changes


def test_a_factor_of_zero_is_off(me: Explorer) -> None:
    me.apply(AddChange(HEAD))
    key = Change(HEAD).key
    me.apply(ScaleChange(key, 1.5))
    assert me.shown.trace.edits == (Edit(HEAD.name, "scale", 1.5, head=2),)
    me.apply(ScaleChange(key, 0))
    assert me.shown.trace.edits == (HEAD,)
    me.apply(ScaleChange(key, 2.5))
    assert me.notice is not None and "from 0 to 2" in me.notice["text"]
    assert me.shown.trace.edits == (HEAD,)


def test_changes_stay_while_one_looks_elsewhere_and_the_parity_leaves_them_out(me: Explorer) -> None:
    me.apply(AddChange(MLP))
    me.apply(PickHead(2, 1))
    me.apply(TakeTool("cut"))
    assert me.shown.trace.edits == (MLP,) and me.tool == "cut"
    me.measure_parity()
    assert me.parity is not None and me.parity.is_rounding


REFUSED: dict[str, tuple[Edit, str]] = {
    "no such head": (Edit(HEAD.name, "zero", head=4), "heads 0 to 3"),
    "no such layer": (Edit("transformer.h.3.mlp", "zero"), "no tensor"),
    "another tensor": (Edit("transformer.h.0.ln_1", "zero"), "switches a head"),
    "all heads at once": (Edit(HEAD.name, "zero"), "switches a head"),
    "a channel": (Edit(HEAD.name, "zero", head=1, channel=0), "switches a head"),
    "the future": (Edit(EDGE.name, "set", -math.inf, head=0, position=2, key=3), "on or below the diagonal"),
    "a position behind the context": (Edit(EDGE.name, "set", -math.inf, head=0, position=13, key=3), "below 13"),
    "the only edge": (Edit(EDGE.name, "set", -math.inf, head=0, position=0, key=0), "nothing at all"),
    "a large factor": (Edit(HEAD.name, "scale", 3.0, head=1), "from 0 to 2"),
    "no number": (Edit(HEAD.name, "scale", math.nan, head=1), "from 0 to 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_the_model_is_refused_in_words(me: Explorer, name: str) -> None:
    edit, words = REFUSED[name]
    me.apply(AddChange(HEAD))
    before = me.shown
    me.apply(AddChange(edit))
    assert me.notice is not None and words in me.notice["text"]
    assert me.shown is before and me.changes == (Change(HEAD),)


def test_other_pages_tell_of_the_model_as_it_is(me: Explorer) -> None:
    plain = me.shown.trace
    me.apply(AddChange(MLP))
    assert run_of(me).trace is plain
    assert first_trace(me.final, me.shown) is not me.shown.trace


# ---- the link --------------------------------------------------------------------------------------------------------


def test_a_link_brings_the_changes_back(me: Explorer) -> None:
    for edit in (HEAD, EDGE, HALF):
        me.apply(AddChange(edit))
    me.apply(ToggleChange(Change(HALF).key, False))
    text = encode(me.state)
    assert "changes=1.attn.z_zero_h2+0.attn.masked_set-inf_h1_p4_k2+2.attn.z_scale0.5_h3_off" in text
    other = Explorer(checkpoint_of(lopsided()), "ab", source="lopsided")
    other.apply(Restore(decode(text)))
    assert other.notice is None and other.changes == me.changes
    assert other.shown.trace.edits == (HEAD, EDGE)


@pytest.mark.parametrize(
    "told",
    [
        "1.attn.z", "1.attn.z_halve_h1", "1.attn.z_zero1_h2", "1.attn.z_scale_h2", "1.attn.z_scale1.2.3_h2",
        "../x_zero", "1.attn.z_zero_h-1", "1.attn.z_zero_h1 1.attn.z_scale0.5_h1", "1.mlp_zero  ", "1.attn.z_zero_h٣",
        " ".join(f"{layer}.mlp_zero" for layer in range(65)), "1.mlp_setnan", "1.mlp_zero_off_off",
    ],
)  # fmt: skip
def test_a_text_that_holds_no_changes_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match=r"take the link|at most"):
        changes.of_text(told)
    with pytest.raises(StateError):
        decode(f"changes={told.replace(' ', '+')}")


def test_a_link_to_what_the_model_does_not_have_is_refused_in_words(me: Explorer) -> None:
    before = me.state
    me.apply(Restore(decode("model=lopsided&prompt=ab&changes=7.mlp_zero")))
    assert me.notice is not None and "no tensor 'transformer.h.7.mlp'" in me.notice["text"]
    assert me.state == before


# ---- what is sent --------------------------------------------------------------------------------------------------


def changed_page(page: Page) -> dict[str, Any]:
    """Switch head 1.2 off where it is shown."""
    page.pick_head(1, 2)
    page.report("node", kind="off", id=page.panel("node")["id"])
    return page.panel("changes")


@pytest.mark.parametrize("text", [FITS, LONG])
def test_a_click_switches_the_head_off_and_the_prediction_tells_both(page: Page, text: str) -> None:
    page.type(text)
    assert "before" not in page.panel("prediction") and "changes" not in page.data()["panels"]
    sent = changed_page(page)
    assert sent["told"] == "1 change is on: numbers are of the changed run."
    (listed,) = sent["listed"]
    assert (listed["name"], listed["how"], listed["head"], listed["on"]) == (HEAD.name, "zero", 2, True)
    after, before = shares(edited(text, HEAD)), shares(edited(text))
    told = page.panel("prediction")
    ids = [row["id"] for row in told["rows"]]
    assert ids == after.topk(10).indices.tolist()
    np.testing.assert_allclose([row["probability"] for row in told["rows"]], after[ids], rtol=1e-4)
    np.testing.assert_allclose(told["before"], before[ids], rtol=1e-4)
    assert page.panel("heads")["changed"] == [[1, 2, True]]
    assert page.panel("node")["change"]["off"] is True
    page.report("node", kind="off", id=page.panel("node")["id"])
    told = page.panel("prediction")
    np.testing.assert_allclose([row["probability"] for row in told["rows"]], before.topk(10).values, rtol=1e-4)
    assert "before" not in told and page.panel("changes")["listed"] == [] and "changed" not in page.panel("heads")


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_what_the_changes_do_is_told_of_the_followed_position(page: Page, temperature: float) -> None:
    changed_page(page)
    page.set_sampling(temperature, 10)
    page.follow(2)
    with_it, without = edited(FITS, HEAD), edited(FITS)
    p, q = shares(without, 2).numpy(), shares(with_it, 2).numpy()
    facts = {name: value for name, value, _ in page.panel("prediction")["facts"]}
    best = int(p.argmax())
    assert facts["was"] == f"{LETTERS[best]} {p[best]:.1%} → {q[best]:.1%}"
    assert facts["KL"] == f"{(p * np.log(p / q)).sum():.3f}"
    ids = ids_of(FITS)
    losses = [
        np.mean([-np.log(shares(run, at)[ids[at + 1]].item()) for at in range(len(ids) - 1)])
        for run in (without, with_it)
    ]
    assert float(facts["Δ prompt loss"].replace("−", "-")) == pytest.approx(losses[1] - losses[0], abs=6e-4)
    rows = page.panel("prediction")["rows"]
    warm = (without.logits[0, 2].double() / temperature).softmax(-1)
    np.testing.assert_allclose(page.panel("prediction")["before"], warm[[row["id"] for row in rows]], rtol=1e-4)


def test_a_click_on_a_cell_cuts_its_edge_and_another_one_heals_it(page: Page) -> None:
    page.select("transformer.h.0.attn.pattern")
    page.pick_head(0, 1)
    page.report("node", kind="tool", id=page.panel("node")["id"], tool="cut")
    assert page.panel("matrix")["cuts"]
    cell = {"row": 4, "col": 2, "name": page.panel("matrix")["name"], "cut": True}
    page.report("explain", **cell)
    wanted = edited(FITS, EDGE)["transformer.h.0.attn.pattern"][0, 1]
    np.testing.assert_allclose(page.matrix()[1], wanted, atol=1e-6)
    assert wanted[4, 2] == 0 and page.panel("matrix")["pinned"] is None
    page.report("explain", **cell)
    np.testing.assert_allclose(page.matrix()[1], edited(FITS)["transformer.h.0.attn.pattern"][0, 1], atol=1e-6)


def test_a_cell_whose_edge_is_cut_is_told_apart_from_a_weight_of_0(page: Page) -> None:
    pattern, masked = "transformer.h.1.attn.pattern", "transformer.h.1.attn.masked"
    page.pick_head(1, 2)
    assert "cut" not in page.panel("matrix")
    page.report("explain", cut=True, name=f"{pattern}, head 2", row=5, col=3)
    page.report("explain", cut=True, name=f"{pattern}, head 2", row=4, col=2)
    assert page.panel("matrix")["cut"] == [[5, 3], [4, 2]]
    page.report("explain", name=f"{pattern}, head 2", row=5, col=3)
    card = page.panel("explanation")
    tokens = page.panel("prompt")["labels"]
    assert card["changed"] == f"A change of the run cuts this edge: {tokens[5]!r} does not read {tokens[3]!r}."
    page.report("explain", name=f"{pattern}, head 2", row=5, col=2)
    assert page.panel("explanation")["changed"] == ""
    page.select(masked)
    assert page.panel("matrix")["cut"] == [[5, 3], [4, 2]]
    page.pick_head(1, 1)
    assert "cut" not in page.panel("matrix")  # another head reads them
    page.pick_head(1, 2)
    page.select(pattern)
    row = [1.0, 1, 1, 1, 1, 1]
    page.report("explain", drawn=row, name=f"{pattern}, head 2", row=5)
    assert page.panel("matrix")["cut"] == [[4, 2]]  # a row that is drawn has its own weights


def test_the_code_makes_the_run_on_the_screen(page: Page) -> None:
    changed_page(page)
    page.type(LONG)
    code = page.panel("changes")["code"]
    ast.parse(code)
    scope: dict[str, Any] = {}
    exec(code, scope)
    assert scope["gptcore"] is gptcore
    top = page.panel("prediction")["rows"][0]
    logits = scope["trace"].logits[0, -1]
    assert (int(logits.argmax()), logits.max().item()) == (top["id"], pytest.approx(top["logit"], rel=1e-4))


@pytest.mark.parametrize(
    ("node", "edit"),
    [
        ("transformer.h.2.mlp.gelu", Edit("transformer.h.2.mlp", "zero")),
        ("transformer.h.2.attn.c_proj", Edit("transformer.h.2.attn", "zero")),
        ("transformer.h.2.attn.q", Edit("transformer.h.2.attn.z", "zero", head=3)),
        ("transformer.h.2.ln_1", None),
        ("transformer.wte", None),
    ],
)
def test_a_node_offers_to_switch_off_what_it_is_a_part_of(me: Explorer, node: str, edit: Edit | None) -> None:
    assert changes.switching_off(me.arch, me.arch.nodes[node], 3) == edit
