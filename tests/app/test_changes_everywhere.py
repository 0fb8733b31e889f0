"""The form of changes is one, wherever it is opened: each place makes the very change that the stage makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session.actions import Lock, Type
from app.session.changes import Change, changeable, parts
from app.session.explorer import Explorer
from gptcore import Edit, capture
from tests.app.sent import Page
from tests.app.test_lab_heads import Lab
from tests.lopsided import FITS, encode, lopsided, write_folder

CARD, LIST, TABLE = "lab head card", "lab heads ranking", "lab heads table"
Z, PATTERN = "transformer.h.1.attn.z", "transformer.h.1.attn.pattern"
HEAD = "head 1.2"
TEXT, PROMPT = "cab deß木jaf hij λ", "fij→ba"
ADD: dict[str, Any] = {
    "kind": "add",
    "part": {"name": Z, "head": 2},
    "how": "scale",
    "number": 0.5,
    "text": "",
    "draw": 0,
}
KINDS: dict[str, dict[str, Any]] = {
    "zero": {"how": "zero", "number": 0, "text": "", "draw": 0},
    "scale": {"how": "scale", "number": 0.5, "text": "", "draw": 0},
    "set": {"how": "set", "number": -0.25, "text": "", "draw": 0},
    "mean": {"how": "mean", "number": 0, "text": TEXT, "draw": 0},
    "resample": {"how": "resample", "number": 0, "text": TEXT + TEXT, "draw": 1},
    "patch": {"how": "patch", "number": 0, "text": PROMPT, "draw": 0},
}
Made = tuple[Explorer, dict[str, Any]]
"""The explorer after the change, and the form that it was chosen in."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "lopsided", lopsided())


def on_explore(
    folder: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any], opens: Callable[[Page], None]
) -> Made:
    """Choose in the form on Explore."""
    page = Page(folder, monkeypatch, FITS)
    page.pick_head(1, 2)
    page.select("transformer.ln_f")
    opens(page)
    form = page.panel("change_form")
    (place,) = [part["place"] for part in form["parts"] if part["words"] == HEAD]
    page.report("change_form", kind="add", part=place, **choice)
    me: Explorer = page.app.session_state["explorer"]
    return me, form


def on_stage(page: Page) -> None:
    page.select(Z)
    page.report("node", kind="tool", id=Z, tool="form")


def on_strips(page: Page) -> None:
    page.report("map", kind="change", id=Z)


def on_diagram(page: Page) -> None:
    page.open("transformer.h.1.attn", 1)
    page.look("form", "diagram")
    page.report("map", kind="change", id=Z)


def in_lab(folder: Path, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any], opens: Callable[[Lab], None]) -> Made:
    """Choose in the form in the card of a head."""
    lab = Lab(str(folder), monkeypatch)
    lab.me.apply(Type(FITS))
    lab.app.run()
    assert lab.data("head_card")["change_form"] is None
    opens(lab)
    card = lab.data("head_card")
    assert (card["layer"], card["head"]) == (1, 2)
    (place,) = [part["place"] for part in card["change_form"]["parts"] if part["words"] == HEAD]
    lab.report(CARD, kind="change_form", report={"kind": "add", "part": place, **choice, "seq": 7})
    return lab.me, card["change_form"]


def of_card(lab: Lab) -> None:
    lab.report(CARD, kind="form", layer=1, head=2)


def of_list(lab: Lab) -> None:
    lab.report(LIST, kind="form", layer=1, head=2)


def of_table(lab: Lab) -> None:
    lab.choose(view="table")
    lab.report(TABLE, point="1.2", form=True)


PLACES: dict[str, tuple[Any, Any]] = {
    "a strip of the map": (on_explore, on_strips),
    "a node of the diagram": (on_explore, on_diagram),
    "the card of a head": (in_lab, of_card),
    "a row of the list": (in_lab, of_list),
    "a row of the table": (in_lab, of_table),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_place_makes_the_change_that_the_stage_makes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stage, form = on_explore(folder, monkeypatch, KINDS[kind], on_stage)
    (wanted,) = stage.changes
    assert wanted.edit.how == kind and wanted.edit.head == 2 and stage.notice is None
    plain = capture(lopsided(), encode(FITS)).logits
    assert not torch.allclose(stage.shown.trace.logits, plain, atol=1e-3)
    for name, (make, opens) in PLACES.items():
        me, other = make(folder, monkeypatch, KINDS[kind], opens)
        assert me.changes == (wanted,) and me.state.changes == stage.state.changes, name
        torch.testing.assert_close(me.shown.trace.logits, stage.shown.trace.logits)
        same = {key: value for key, value in other.items() if key != "asked"}
        assert same == {key: form[key] for key in same} and same["parts"], name


def test_the_form_offers_what_the_head_of_the_card_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(str(folder), monkeypatch)
    lab.me.apply(Type(FITS))
    lab.me.apply(Lock(3))
    lab.report(CARD, kind="form", layer=2, head=0)
    form = lab.data("head_card")["change_form"]
    words = {part["words"]: part["ways"] for part in form["parts"]}
    assert list(words)[:2] == ["head 2.0", "head 2.0: pattern"]
    assert words["head 2.0"] == list(KINDS) and words["head 2.0: pattern"] == ["mean", "resample", "patch"]
    assert list(words)[2:] == ["attention 2", "MLP 2", "layer 2", "head 2.0, position 3"]
    lab.report(CARD, kind="head", layer=0, head=1)  # the form goes with the card
    assert lab.data("head_card")["change_form"]["parts"][0]["words"] == "head 0.1"
    lab.report(CARD, kind="change_form", report={"kind": "close", "seq": 3})
    assert lab.data("head_card")["change_form"] is None


def test_the_card_lists_changes_and_takes_them_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab(str(folder), monkeypatch)
    lab.me.apply(Type(FITS))
    lab.app.run()
    assert lab.data("head_card")["changes"] is None and lab.data("head_card")["said"] == []
    lab.report(CARD, kind="change_form", report={**ADD, "seq": 5})
    card, edit = lab.data("head_card"), Edit(Z, "scale", 0.5, head=2)
    (listed,) = card["changes"]["listed"]
    assert (listed["words"], listed["on"], listed["factor"]) == ("head 1.2 × 0.5", True, 0.5)
    model, ids = lopsided(), encode(FITS)
    before, after = (capture(model, ids, edits=edits).logits[0, -1].double().softmax(-1) for edits in ([], [edit]))
    token = int(before.argmax())
    assert card["said"][0]["before"] == pytest.approx(before[token].item(), abs=1e-6)
    assert card["said"][0]["after"] == pytest.approx(after[token].item(), abs=1e-6)
    assert lab.data("head_ranking")["said"][0]["after"] == card["said"][0]["after"]
    lab.report(CARD, kind="change_form", report={**ADD, "how": "set", "number": 9, "seq": 6})
    another = capture(model, ids, edits=[Edit(Z, "set", 9, head=2)]).logits[0, -1].double().softmax(-1)
    said, label = lab.data("head_card")["said"], lab.me.checkpoint.tokenizer.label
    assert [each["token"] for each in said] == [label(token), label(int(another.argmax()))] and said[0] != said[1]
    assert said[1]["after"] == pytest.approx(another.max().item(), abs=1e-6)
    lab.report(CARD, kind="changes", report={"kind": "undo", "seq": 7})
    scope: dict[str, Any] = {}
    exec(card["changes"]["code"], scope)
    torch.testing.assert_close(scope["trace"].logits, capture(model, ids, edits=[edit]).logits)
    lab.report(CARD, kind="changes", report={"kind": "scale", "key": listed["key"], "factor": 0.25, "seq": 8})
    assert [each.edit for each in lab.me.changes] == [Edit(Z, "scale", 0.25, head=2)]
    lab.report(CARD, kind="changes", report={"kind": "toggle", "key": listed["key"], "on": False, "seq": 9})
    assert lab.me.shown.without is None and lab.data("head_card")["changes"]["listed"][0]["on"] is False
    lab.report(CARD, kind="changes", report={"kind": "undo", "seq": 10})
    lab.report(CARD, kind="changes", report={"kind": "undo", "seq": 11})
    assert lab.me.changes == (Change(edit),)
    assert lab.data("head_card")["changes"]["ack"] == lab._seq  # of the card's own report, which carried it
    lab.report(CARD, kind="changes", report={"kind": "remove", "key": listed["key"], "seq": 12})
    assert not lab.me.changes and lab.data("head_card")["changes"]["undo"]
    lab.report(CARD, kind="changes", report={"kind": "forget", "seq": 13})
    assert lab.data("head_card")["changes"] is None


# ---- the map ---------------------------------------------------------------------------------------------------------

FIRST = {
    "transformer.h.1.attn.pattern": ["head 1.2", "head 1.2: pattern"],
    "transformer.h.1.mlp.gelu": ["MLP 1"],
    "transformer.h.2": ["layer 2"],
    "transformer.h.1.resid_post": ["h.1.resid_post, position 5"],
    "transformer.embed": ["embed, position 5"],
    "transformer.h": ["layer 1"],
}


@pytest.mark.parametrize("node", FIRST)
def test_the_form_at_a_node_begins_with_what_the_node_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    page = Page(folder, monkeypatch, FITS)
    page.pick_head(1, 2)
    page.report("map", kind="change", id=node)
    assert page.panel("map")["selected"] == node
    form = page.panel("change_form")
    first = form["first"]
    assert [part["words"] for part in form["parts"][first : first + len(FIRST[node])]] == FIRST[node]
    assert form["asked"] == page._seq
    words = {part["words"].split(".")[0].rstrip("0123456789") for part in form["parts"]}
    if node.startswith("transformer.h."):
        assert words >= {"attention ", "MLP ", "layer "}
    if "mlp" in node:
        assert "neuron " in words
    page.select("transformer.ln_f")
    assert page.panel("change_form")["asked"] == 0  # which asks for nothing anew


@pytest.mark.parametrize("form", ["tensors", "diagram"])
def test_the_map_knows_where_nothing_can_be_changed(folder: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    page = Page(folder, monkeypatch, FITS)
    page.look("form", form)
    fixed = page.panel("map")["fixed"]
    assert fixed == {"tensors": ["transformer.wpe"], "diagram": ["idx", "transformer.wpe", "probs", "loss"]}[form]
    for node in fixed:
        page.report("map", kind="change", id=node)
        assert "change_form" not in page.data()["panels"]


def test_what_can_be_changed_at_a_node_is_what_the_form_offers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arch = Page(folder, monkeypatch, FITS).app.session_state["explorer"].arch
    for node in arch.nodes:
        offered = parts(arch, node, 0, 0, None, None)
        assert changeable(arch, node) == (bool(offered) or node.id == "transformer.h")


# ---- what no page sends ----------------------------------------------------------------------------------------------

HOSTILE: dict[str, Any] = {
    "no report": {},
    "a list": {"report": [1]},
    "a text": {"report": "add"},
    "a report within": {"report": {"kind": "change_form", "report": ADD}},
    "no part": {"report": {key: value for key, value in ADD.items() if key != "part"}},
    "a part without a name": {"report": {**ADD, "part": {"head": 2}}},
    "another model's part": {"report": {**ADD, "part": {"name": "transformer.h.99.attn.z", "head": 2}}},
    "no such head": {"report": {**ADD, "part": {"name": Z, "head": 99}}},
    "a head that is none": {"report": {**ADD, "part": {"name": Z, "head": "2"}}},
    "a way that is none": {"report": {**ADD, "how": "drop"}},
    "a factor too many": {"report": {**ADD, "number": 99}},
    "no number": {"report": {**ADD, "number": "0.5"}},
    "an infinite one": {"report": {**ADD, "how": "set", "number": float("inf")}},
    "a draw below 0": {"report": {**ADD, "how": "resample", "draw": -1}},
    "a patch of nothing": {"report": {**ADD, "how": "patch"}},
    "half a character": {"report": {**ADD, "how": "patch", "text": "\ud800"}},
    "a scaled pattern": {"report": {**ADD, "part": {"name": PATTERN, "head": 2}}},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_malformed_choice_in_the_card_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    lab = Lab(str(folder), monkeypatch)
    lab.report(CARD, kind="form", layer=1, head=2)
    lab.report(CARD, kind="change_form", **HOSTILE[what])
    assert not lab.me.changes and lab.me.shown.without is None and lab.data("head_card")["change_form"]
    lab.report(CARD, kind="change_form", report={**ADD, "seq": 9})
    assert len(lab.me.changes) == 1


@pytest.mark.parametrize("place", [{"layer": 99, "head": 0}, {"layer": -1, "head": 0}, {"layer": "1", "head": 2}, {}])
def test_a_form_for_a_head_that_is_none_is_not_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: dict[str, Any]
) -> None:
    lab = Lab(str(folder), monkeypatch)
    for key in (CARD, LIST):
        lab.report(key, kind="form", **place)
        assert lab.data("head_card")["change_form"] is None
    lab.choose(view="table")
    for event in ({"point": "99.0", "form": True}, {"point": 3, "form": True}, {"point": "1.2", "form": "yes"}):
        lab.report(TABLE, **event)
        assert lab.data("head_card")["change_form"] is None


@pytest.mark.parametrize("node", ["transformer.h.99", "idx", 3, None, ["transformer.h.1"]])
def test_the_form_is_not_opened_at_what_is_no_node(folder: Path, monkeypatch: pytest.MonkeyPatch, node: object) -> None:
    page = Page(folder, monkeypatch, FITS)
    before = page.panel("map")["selected"]
    page.report("map", kind="change", id=node)
    assert "change_form" not in page.data()["panels"] and page.panel("map")["selected"] == before
